/** How answers to one path compare. */
import { bytesEqual } from "../../tlog/encoding.ts";
import { headerOf } from "../answer.ts";
import type { ProbeAnswer, ProbeRequest } from "../probe.ts";
import { encodingOf, showAnswer } from "./answers.ts";
import { decodeContent } from "./content-encoding.ts";
import { type Finding, met, metIf, notRun, reported, unmet } from "./finding.ts";
import { contentOf, get, type LogSubject } from "./subject.ts";

type Check = (subject: LogSubject, request: ProbeRequest) => Promise<Finding>;

const GZIP = { "accept-encoding": "gzip" };
const IDENTITY = { "accept-encoding": "identity" };
/** Below this a bundle may well be better as it is. */
const MIN_COMPRESSED_BYTES = 1024;

/** Checks of the path a case names. */
export const HTTP_CHECKS = {
  "head-like-get": async (subject, request) => {
    const whole = await subject.ask(request);
    const head = await subject.ask({ ...request, method: "HEAD" });
    const length = headerOf(head, "content-length");
    // A checkpoint may change between the two.
    const isLength = length === "" || request.path === "checkpoint" || length === `${whole.body.length}`;
    const isAlike =
      head.status === whole.status && headerOf(head, "content-type") === headerOf(whole, "content-type");
    return metIf(isAlike && isLength && head.body.length === 0, showAnswer(head));
  },
  "not-modified": async (subject, request) => {
    const etag = headerOf(await subject.ask(request), "etag");
    if (!/^[!-~]{1,200}$/.test(etag)) return reported("no ETag");
    const answer = await subject.ask({ ...request, headers: { "if-none-match": etag } });
    return reported(showAnswer(answer));
  },
  "vary-when-negotiated": async (subject, request) => {
    const zipped = await subject.ask({ ...request, headers: GZIP });
    const plain = await subject.ask({ ...request, headers: IDENTITY });
    if (zipped.status !== 200 || plain.status !== 200) return notRun(`needs ${request.path}`);
    if (encodingOf(zipped) === encodingOf(plain)) return met("the same encoding for both");
    const vary = headerOf(zipped, "vary");
    const isNamed = vary.split(",").some((name) => /^(?:\*|accept-encoding)$/i.test(name.trim()));
    return metIf(isNamed, vary === "" ? "no Vary" : `Vary: ${vary}`);
  },
  "gzip-same": async (subject, request) => {
    const answers = await inTurn([undefined, GZIP, IDENTITY], (headers) =>
      subject.ask(get(request.path, headers)),
    );
    if (answers.some(({ status }) => status !== 200)) return notRun(`needs ${request.path}`);
    const bodies = await inTurn(answers, contentOf);
    const shown = answers.map((answer) => encodingOf(answer) || "no encoding").join(", ");
    const [first] = bodies;
    const isSame =
      first !== undefined && bodies.every((body) => body !== undefined && bytesEqual(body, first));
    return isSame ? met(shown) : unmet(`${shown}: not the same bytes`);
  },
  "bundle-compressed": async (subject, request) => {
    const answer = await subject.ask(request);
    const content = await contentOf(answer);
    if (answer.status !== 200) return notRun(`needs ${request.path}`);
    if (encodingOf(answer) !== "") return met(showAnswer(answer));
    if (content !== undefined && content.length > MIN_COMPRESSED_BYTES) return unmet(showAnswer(answer));
    return notRun(`needs more than ${MIN_COMPRESSED_BYTES} bytes of entries: ${request.path} has fewer`);
  },
  "encoded-as-said": async (subject, request) => {
    const answer = await subject.ask(request);
    if (answer.status !== 200) return notRun(`needs ${request.path}: answered ${answer.status}`);
    return metIf(await isEncodedAsSaid(answer), showAnswer(answer));
  },
  "error-body": async (subject, request) => {
    const answer = await subject.ask(request);
    if (answer.status < 400) return notRun(`needs an error: answered ${answer.status}`);
    return metIf(await isEncodedAsSaid(answer), showAnswer(answer));
  },
} satisfies Record<string, Check>;

async function isEncodedAsSaid(answer: ProbeAnswer): Promise<boolean> {
  return (await decodeContent(answer.body, encodingOf(answer))) !== undefined;
}

/** One after the other: a stranger's server is asked one thing at a time. */
async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}
