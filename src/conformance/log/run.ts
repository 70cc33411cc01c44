/** Runs the cases of `bristlecone conformance log` against a log, through a probe. */
import { type ErrorCode, orUndefined, TlogError } from "../../errors.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import { parseBundlePath, parseTilePath, TILE_WIDTH, type Tile, tileWidthAt } from "../../tlog/tile.ts";
import { oneLine } from "../answer.ts";
import { InapplicableError } from "../inapplicable.ts";
import { isSilence, type Probe, type ProbeRequest, unlessBusy } from "../probe.ts";
import type { CaseResult, Level, Verdict } from "../result.ts";
import { judgeAnswer, showAnswer, showExpectation } from "./answers.ts";
import { BUNDLE_CHECKS } from "./bundle-checks.ts";
import type { LogAsk, LogCase, LogCases, LogCheck } from "./cases.ts";
import { CHECKPOINT_CHECKS } from "./checkpoint-checks.ts";
import { type Finding, notRun, reported, unmet } from "./finding.ts";
import { HTTP_CHECKS } from "./http-checks.ts";
import { LATER_CHECKS } from "./later-checks.ts";
import { fillPath } from "./places.ts";
import {
  assertNoRedirection,
  FIRST,
  get,
  isRefusal,
  type LogSubject,
  openSubject,
  treeOf,
} from "./subject.ts";
import { PRUNED, TILE_CHECKS } from "./tile-checks.ts";
import { WRITE_CHECKS } from "./write-checks.ts";
import { openWriter } from "./writer.ts";

export interface LogConformanceOptions {
  /** All of a file's cases, or some of them in their order. */
  readonly cases: LogCases;
  readonly probe: Probe;
  /** Where entries are added; undefined: none is. */
  readonly writes: Probe | undefined;
  /** Of the log; none: cases about its signatures are not run. */
  readonly logKeys: readonly VerifierKey[];
  /** The origin to find. */
  readonly origin?: string;
  /** Told of each result as it comes. */
  readonly onResult: (result: CaseResult) => void;
  readonly signal: AbortSignal;
  /** [0, 1): which tile is looked at by chance, and what entries are made of. */
  readonly random: () => number;
  /** Waits between two looks at the checkpoint, and as long as a log pushes back. Default: by the platform's timers. */
  readonly pause?: (ms: number) => Promise<void>;
}

/**
 * Tests a log of any size, from outside, one request at a time.
 * When its checkpoint is not to be had or is elsewhere, the log cannot be reached any more, or the probe's allowance is used,
 * what is left is "not-run" with that reason. So is a case where the server is busy.
 * @throws {TlogError} ABORTED
 */
export async function runLogConformance(options: LogConformanceOptions): Promise<readonly CaseResult[]> {
  const { cases, writes, logKeys, origin, onResult, signal, random } = options;
  const { pause = pauseUntil(signal) } = options;
  const probe = unlessBusy(options.probe);
  const writer = writes === undefined ? undefined : openWriter(writes, { random, pause });
  const subject = openSubject(probe, { logKeys, origin, sample: random(), writer });
  const results: CaseResult[] = [];
  let ended: string | undefined; // why nothing is tried any more
  for (const one of cases.cases) {
    if (signal.aborted) throw new TlogError("ABORTED", "the run was interrupted");
    ended ??= results.length === 0 ? await whyNotBegun(subject) : undefined;
    let finding = notRun(ended ?? "");
    if (ended === undefined) {
      try {
        finding = await tryCase(one, subject);
      } catch (error) {
        ended = await endOfRun(error, probe);
        finding = ended === undefined ? findingOf(error) : notRun(ended);
      }
    }
    const result = resultOf(one, finding);
    results.push(result);
    onResult(result);
  }
  return results;
}

/** Everything begins with the checkpoint. */
async function whyNotBegun(subject: LogSubject): Promise<string | undefined> {
  try {
    assertNoRedirection(await subject.ask(FIRST));
    return undefined;
  } catch (error) {
    if (error instanceof InapplicableError) return `the checkpoint ${error.reason}`;
    if (error instanceof TlogError && error.code !== "ABORTED") return messageOf(error);
    throw error;
  }
}

async function tryCase(one: LogCase, subject: LogSubject): Promise<Finding> {
  if (one.writes === true && subject.writer === undefined)
    return notRun("adds entries: only with the log's consent");
  const request = one.ask === undefined ? undefined : await requestOf(one.ask, subject);
  if (request !== undefined && "missing" in request) return notRun(request.missing);
  const finding = await findingFor(one, request, subject).finally(() => {
    if (one.writes === true) subject.forget();
  });
  const tile = request === undefined ? undefined : tileAt(request.path);
  if (finding.outcome !== "unmet" || tile === undefined || request === undefined) return finding;
  return (await whyRefused(tile, request.path, subject)) ?? finding;
}

async function findingFor(
  one: LogCase,
  request: ProbeRequest | undefined,
  subject: LogSubject,
): Promise<Finding> {
  if ("check" in one) return await CHECKS[one.check](subject, request ?? NO_REQUEST);
  if (request === undefined) throw new TlogError("CASES_MALFORMED", `${one.name}: want ask or check`);
  const answer = await subject.ask(request);
  if ("open" in one) return reported(showAnswer(answer));
  if (one.expect.status.every((status) => status === "200")) assertNoRedirection(answer);
  return judgeAnswer(answer, one.expect);
}

const CHECKS: {
  readonly [name in LogCheck]: (subject: LogSubject, request: ProbeRequest) => Promise<Finding>;
} = {
  ...CHECKPOINT_CHECKS,
  ...TILE_CHECKS,
  ...BUNDLE_CHECKS,
  ...HTTP_CHECKS,
  ...LATER_CHECKS,
  ...WRITE_CHECKS,
};

const NO_REQUEST: ProbeRequest = { method: "GET", path: "" };

async function requestOf(
  { method, path, headers }: LogAsk,
  subject: LogSubject,
): Promise<ProbeRequest | { readonly missing: string }> {
  const rest = headers === undefined ? { method } : { method, headers };
  if (!path.includes("{")) return { ...rest, path };
  const checkpoint = await treeOf(subject);
  const filled = fillPath(path, checkpoint.treeSize);
  return "missing" in filled ? filled : { ...rest, path: filled.path };
}

/**
 * Why a tile of the tree was refused, other than by a fault: it was deleted since the full one is there, or is pruned.
 * tlog-tiles, "Partial Tiles" and "Pruning"
 * @returns undefined when it is not refused, or nothing of this explains it.
 */
async function whyRefused(tile: Tile, path: string, subject: LogSubject): Promise<Finding | undefined> {
  if (!isImplied(tile, (await treeOf(subject)).treeSize)) return undefined;
  if (!isRefusal(await subject.askAnew(get(path)))) return undefined;
  if (tile.width === TILE_WIDTH) return reported(`${path} is refused`, PRUNED);
  const { status } = await subject.askAnew(get(path.replace(/\.p\/[0-9]+$/, "")));
  return status === 200 ? notRun(`${path} was deleted: the full one is there now`) : undefined;
}

function tileAt(path: string): Tile | undefined {
  return (
    orUndefined(() => parseTilePath(path)) ?? orUndefined(() => ({ level: 0, ...parseBundlePath(path) }))
  );
}

function isImplied({ level, index, width }: Tile, treeSize: number): boolean {
  return tileWidthAt({ level, index, treeSize }) >= width;
}

/** Thrown where a case finds that the log serves too much, too little, or something else. */
const UNMET: readonly ErrorCode[] = [
  "REMOTE_TOO_LARGE",
  "TILE_MALFORMED",
  "BUNDLE_MALFORMED",
  "ROOT_MISMATCH",
];

/** @returns why nothing more can be tried; undefined when only this case was not answered, or not as it has to be. */
async function endOfRun(error: unknown, probe: Probe): Promise<string | undefined> {
  if (error instanceof InapplicableError) return undefined;
  if (!(error instanceof TlogError)) throw error;
  if (error.code === "PROBE_EXHAUSTED") return messageOf(error);
  if (error.code === "SERVER_BUSY" || UNMET.includes(error.code)) return undefined;
  if (!isSilence(error)) throw error;
  try {
    await probe.exchange(FIRST);
    return undefined;
  } catch (again) {
    if (again instanceof TlogError && again.code === "SERVER_BUSY") return undefined;
    if (again instanceof TlogError && again.code !== "ABORTED") return messageOf(again);
    throw again;
  }
}

/** What an error says about the one case that it ended. */
function findingOf(error: unknown): Finding {
  if (error instanceof InapplicableError) return notRun(error.reason);
  const isBusy = error instanceof TlogError && error.code === "SERVER_BUSY";
  return isBusy ? notRun(messageOf(error)) : unmet(messageOf(error));
}

function pauseUntil(signal: AbortSignal): (ms: number) => Promise<void> {
  return (ms) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve(); // the next request finds out
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
}

function messageOf(error: unknown): string {
  return error instanceof TlogError ? `${error.code}: ${error.message}` : "";
}

function resultOf(one: LogCase, { outcome, got, note }: Finding): CaseResult {
  const { name, requirement, level, document, section } = one;
  const expected =
    "open" in one ? "" : typeof one.expect === "string" ? one.expect : showExpectation(one.expect);
  const remark = note ?? ("open" in one ? one.open : undefined);
  return {
    ...{ name, requirement, level, document, section, expected },
    got: oneLine(got),
    verdict: verdictOf(outcome, level),
    ...(remark === undefined ? {} : { note: remark }),
  };
}

function verdictOf(outcome: Finding["outcome"], level: Level): Verdict {
  if (outcome === "met") return "pass";
  if (outcome === "unmet") return level === "MUST" ? "fail" : "warn";
  return outcome;
}
