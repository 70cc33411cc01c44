/** What the checks of the case file look at. Each gives what is wrong, or undefined; or throws InapplicableError. */
import { orUndefined } from "../../errors.ts";
import { parseCheckpoint } from "../../tlog/checkpoint-body.ts";
import { COSIGNATURE_V1, type CosignatureType, ML_DSA_44 } from "../../tlog/cosignature.ts";
import { bytesEqual, decodeUtf8 } from "../../tlog/encoding.ts";
import { keyLabel, verifierFor } from "../../tlog/key.ts";
import { parseNote } from "../../tlog/note.ts";
import { InapplicableError } from "../inapplicable.ts";
import type { ProbeAnswer } from "../probe.ts";
import type { CheckName } from "./cases.ts";
import {
  type CosignatureLine,
  isCosignature,
  isSubtreeCosignature,
  parseLines,
  timestamped,
  withKeys,
} from "./cosignature-lines.ts";
import type { RecipeState } from "./words.ts";

/** An answer, and all it is judged by. */
export interface JudgedAnswer {
  readonly answer: ProbeAnswer;
  readonly state: RecipeState;
  /** The checkpoint that was sent. */
  readonly text: Uint8Array;
  /** The signature lines that were sent with it. */
  readonly sentLines: readonly string[];
  readonly nowSeconds: number;
  /** The latest time of a cosignature of this log seen so far; 0 if none was. */
  readonly lastSeconds: number;
  /** Leaves [start, end) that were asked for. */
  readonly subtree: { readonly start: number; readonly end: number } | undefined;
  /** Lines answered for sizes of this log, one list an answer. */
  readonly answered: ReadonlyMap<number, readonly (readonly string[])[]>;
  /** Whether this run had the log's first checkpoint cosigned. */
  readonly isFirstRun: boolean;
  /** Whether it has all there were. */
  readonly isAnsweredComplete: boolean;
}

type Check = (judged: JudgedAnswer) => string | undefined | Promise<string | undefined>;

/** Two clocks that are set may be so far apart. */
const MAX_CLOCK_DIFFERENCE_SECONDS = 600;
const MAX_ANSWER_BYTES = 16 * 1024;
const SIZE_TYPE = "text/x.tlog.size";

export const CHECK_FUNCTIONS: Readonly<Record<CheckName, Check>> = {
  lines: ({ answer }) =>
    parseLines(answer.body) === undefined ? "the body is no sequence of signature lines" : undefined,
  "own-lines": foreignLine,
  verify: (judged) => unverified(judged),
  "verify-ed25519": (judged) => unverified(judged, COSIGNATURE_V1),
  "verify-ml-dsa": (judged) => unverified(judged, ML_DSA_44),
  "has-ml-dsa": (judged) =>
    timesIn(judged).some(({ type }) => type === ML_DSA_44)
      ? undefined
      : "no line is as long as one of ML-DSA-44",
  "time-set": (judged) => wrongTime(judged, (seconds) => seconds > 0, "a timestamp is 0"),
  "time-near": (judged) =>
    wrongTime(
      judged,
      (seconds) => clocksOf(judged).some((now) => Math.abs(seconds - now) <= MAX_CLOCK_DIFFERENCE_SECONDS),
      `a timestamp is not within ${MAX_CLOCK_DIFFERENCE_SECONDS} s of ${judged.nowSeconds}`,
    ),
  "time-not-back": (judged) =>
    wrongTime(
      judged,
      (seconds) => seconds >= judged.lastSeconds,
      `a timestamp is before ${judged.lastSeconds}`,
    ),
  small: ({ answer }) =>
    answer.body.length < MAX_ANSWER_BYTES ? undefined : `the answer has ${answer.body.length} bytes`,
  "size-type-exact": ({ answer }) =>
    answer.headers.get("content-type") === SIZE_TYPE ? undefined : `Content-Type is not just ${SIZE_TYPE}`,
  "text-plain": ({ answer }) =>
    mediaTypeOf(answer) === "text/plain" ? undefined : "Content-Type is not text/plain",
  "kept-alive": ({ answer }) =>
    /\bclose\b/i.test(answer.headers.get("connection") ?? "") ? "Connection: close" : undefined,
  cors: ({ answer }) =>
    answer.headers.get("access-control-allow-origin") === undefined
      ? "no Access-Control-Allow-Origin"
      : undefined,
  "monitor-head": wrongHead,
  "monitor-log-line": missingLogLine,
  "monitor-cosignatures": missingCosignatures,
  "monitor-own-lines": forgedLine,
  "subtree-verify": unverifiedSubtree,
  "subtree-same-key": otherSubtreeKey,
};

function linesIn({ answer, state }: JudgedAnswer): readonly CosignatureLine[] {
  return withKeys(parseLines(answer.body) ?? [], state.witnessKeys);
}

function timesIn({ answer }: JudgedAnswer) {
  return withKeys(parseLines(answer.body) ?? [], []).flatMap(({ signature }) => timestamped(signature) ?? []);
}

/** RFC 9110 §8.3.1: in any case, with any parameters. */
export function mediaTypeOf({ headers }: ProbeAnswer): string {
  const [type = ""] = (headers.get("content-type") ?? "").split(";", 1);
  return type.trim().toLowerCase();
}

function clocksOf({ answer, nowSeconds }: JudgedAnswer): readonly number[] {
  const dateMs = Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(dateMs) ? [nowSeconds] : [nowSeconds, Math.floor(dateMs / 1000)];
}

/** A line of a name that was sent is no line of the witness's. What else is of no given key, may be of one that was not given. */
function foreignLine(judged: JudgedAnswer): string | undefined {
  const lines = linesIn(judged);
  if (lines.length === 0) return "no line";
  const sent = new Set(withKeys(judged.sentLines, []).map(({ signature }) => signature.name));
  const foreign = lines.filter(({ key }) => key === undefined).map(({ signature }) => signature);
  const echoed = foreign.find(({ name }) => sent.has(name));
  if (echoed !== undefined) return `a line of ${keyLabel(echoed)}, whose name is of a line that was sent`;
  if (foreign.length > 0) throw everyKeyNeeded(foreign.map(keyLabel));
  return undefined;
}

function everyKeyNeeded(labels: readonly string[]): InapplicableError {
  return new InapplicableError(
    `${labels.join(" and ")} is none of the given keys: give every key of the witness`,
  );
}

/** A line of a known key that does not verify. @param type - of the lines that are meant; default: all */
async function unverified(judged: JudgedAnswer, type?: CosignatureType): Promise<string | undefined> {
  const lines = linesIn(judged).filter(
    ({ signature }) => type === undefined || timestamped(signature)?.type === type,
  );
  const own = lines.filter(({ key }) => key !== undefined);
  if (lines.length === 0) return "no line of that kind";
  if (own.length === 0) throw everyKeyNeeded(lines.map(({ signature }) => keyLabel(signature)));
  for (const line of own) {
    if (!(await isCosignature(line, judged.text)))
      return `the line of ${keyLabel(line.signature)} does not verify`;
  }
  return undefined;
}

function wrongTime(
  judged: JudgedAnswer,
  isRight: (seconds: number) => boolean,
  complaint: string,
): string | undefined {
  const times = timesIn(judged);
  if (times.length === 0) return "no line is a cosignature";
  return times.every(({ timestampSeconds }) => isRight(timestampSeconds)) ? undefined : complaint;
}

/** What a monitor is served, taken apart. */
function monitored({ answer, state }: JudgedAnswer) {
  return orUndefined(() => {
    const note = parseNote(answer.body);
    const checkpoint = parseCheckpoint(decodeUtf8(note.text));
    const lines = withKeys(
      note.signatures.map(({ line }) => line),
      state.witnessKeys,
    );
    return { note, checkpoint, lines };
  });
}

const NO_CHECKPOINT = "the body is no signed checkpoint";

function wrongHead(judged: JudgedAnswer): string | undefined {
  const { log, S, tree } = judged.state;
  const { checkpoint } = monitored(judged) ?? {};
  if (checkpoint === undefined) return NO_CHECKPOINT;
  const { origin, treeSize, rootHash } = checkpoint;
  if (origin !== log.origin) return `the origin is ${origin}`;
  if (treeSize > S) return `size ${treeSize} was never sent, ${S} is the newest`;
  return bytesEqual(rootHash, tree.root(treeSize)) ? undefined : `size ${treeSize} has another root hash`;
}

async function missingLogLine(judged: JudgedAnswer): Promise<string | undefined> {
  const { note } = monitored(judged) ?? {};
  if (note === undefined) return NO_CHECKPOINT;
  for (const { verifierKey } of judged.state.log.signers) {
    const own = note.signatures.find((line) => keyLabel(line) === keyLabel(verifierKey));
    if (own === undefined) continue;
    const isValid = await verifierFor(verifierKey).verify({ text: note.text, payload: own.payload });
    return isValid ? undefined : "the log's line does not verify";
  }
  return "no line of the log's key";
}

async function missingCosignatures(judged: JudgedAnswer): Promise<string | undefined> {
  const { note, checkpoint, lines } = monitored(judged) ?? {};
  if (note === undefined || checkpoint === undefined || lines === undefined) return NO_CHECKPOINT;
  const served = new Set(note.signatures.map(({ line }) => line));
  const answers = judged.answered.get(checkpoint.treeSize) ?? [];
  if (answers.some((answer) => answer.every((line) => served.has(line)))) return undefined;
  // It may be up to an hour old, and of a time before this run.
  const cosignatures = lines.filter(({ signature }) => timestamped(signature) !== undefined);
  if (cosignatures.length === 0) return "there is no cosignature";
  const oldest = Math.min(...answers.flatMap((answer) => secondsOf(withKeys(answer, []))));
  if (judged.isAnsweredComplete && secondsOf(cosignatures).every((seconds) => seconds >= oldest))
    return `the cosignatures answered for size ${checkpoint.treeSize} are missing`;
  const forged = await forgedLine(judged);
  if (forged !== undefined) return forged;
  throw new InapplicableError("what is served may be of another time than what this run was answered");
}

function secondsOf(lines: readonly CosignatureLine[]): readonly number[] {
  return lines.flatMap(({ signature }) => timestamped(signature)?.timestampSeconds ?? []);
}

async function forgedLine(judged: JudgedAnswer): Promise<string | undefined> {
  const { note, lines } = monitored(judged) ?? {};
  if (note === undefined || lines === undefined) return NO_CHECKPOINT;
  for (const line of lines) {
    if (line.key === undefined || (await isCosignature(line, note.text))) continue;
    return `a line of ${keyLabel(line.signature)} does not verify`;
  }
  return undefined;
}

async function unverifiedSubtree(judged: JudgedAnswer): Promise<string | undefined> {
  const { subtree, state } = judged;
  if (subtree === undefined) return "no subtree was asked for";
  const lines = linesIn(judged);
  const own = lines.filter(({ key }) => key !== undefined);
  if (lines.length === 0) return "no line";
  if (own.length === 0) throw everyKeyNeeded(lines.map(({ signature }) => keyLabel(signature)));
  const statement = { ...subtree, origin: state.log.origin, hash: state.tree.subtreeHash(subtree) };
  for (const line of own) {
    if (await isSubtreeCosignature(line, statement)) continue;
    return `the line of ${keyLabel(line.signature)} is no ML-DSA-44 cosignature of the subtree with timestamp 0`;
  }
  return undefined;
}

function otherSubtreeKey(judged: JudgedAnswer): string | undefined {
  const reference = new Set(
    withKeys(judged.state.cosignatures, []).map(({ signature }) => keyLabel(signature)),
  );
  const other = withKeys(parseLines(judged.answer.body) ?? [], []).find(
    ({ signature }) => !reference.has(keyLabel(signature)),
  );
  return other && `${keyLabel(other.signature)} did not sign the reference`;
}
