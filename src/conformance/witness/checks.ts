/** What the checks of `witness-checks-list.ts` look at. Each gives what is wrong, or undefined. */
import { orUndefined } from "../../errors.ts";
import { parseCheckpoint } from "../../tlog/checkpoint-body.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../../tlog/cosignature.ts";
import { bytesEqual, decodeUtf8 } from "../../tlog/encoding.ts";
import { keyLabel, type VerifierKey, verifierFor } from "../../tlog/key.ts";
import { parseNote } from "../../tlog/note.ts";
import type { ProbeAnswer } from "../probe.ts";
import type { CheckName } from "./checks-list.ts";
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
  readonly nowSeconds: number;
  /** The latest time of a cosignature of this log seen so far; 0 if none was. */
  readonly lastSeconds: number;
  /** Leaves [start, end) that were asked for. */
  readonly subtree: { readonly start: number; readonly end: number } | undefined;
  /** Lines answered for sizes of this log, one list an answer. */
  readonly answered: ReadonlyMap<number, readonly (readonly string[])[]>;
}

type Check = (judged: JudgedAnswer) => string | undefined | Promise<string | undefined>;

/** Two clocks that are set may be so far apart. */
const MAX_CLOCK_DIFFERENCE_SECONDS = 600;
const MAX_ANSWER_BYTES = 16 * 1024;

export const CHECK_FUNCTIONS: Readonly<Record<CheckName, Check>> = {
  lines: ({ answer }) =>
    parseLines(answer.body) === undefined ? "the body is no sequence of signature lines" : undefined,
  "own-lines": (judged) => foreignLine(linesIn(judged)),
  verify: (judged) => unverified(judged, () => true),
  "verify-ed25519": (judged) => unverified(judged, ({ type }) => type === COSIGNATURE_V1),
  "verify-ml-dsa": (judged) => unverified(judged, ({ type }) => type === ML_DSA_44),
  "has-ml-dsa": (judged) =>
    timesIn(judged).some(({ type }) => type === ML_DSA_44)
      ? undefined
      : "no line is as long as one of ML-DSA-44",
  "time-set": (judged) => wrongTime(judged, (seconds) => seconds > 0, "a timestamp is 0"),
  "time-near": (judged) =>
    wrongTime(
      judged,
      (seconds) => Math.abs(seconds - judged.nowSeconds) <= MAX_CLOCK_DIFFERENCE_SECONDS,
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
  "text-plain": ({ answer }) =>
    /^text\/plain(?:\s*;|$)/i.test(answer.headers.get("content-type") ?? "")
      ? undefined
      : "Content-Type is not text/plain",
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

function foreignLine(lines: readonly CosignatureLine[]): string | undefined {
  if (lines.length === 0) return "no line";
  const foreign = lines.find(({ key }) => key === undefined);
  return foreign && `a line of ${keyLabel(foreign.signature)}, which is none of the given keys`;
}

/** A line of a known key that does not verify, or no line of such a key. */
async function unverified(
  judged: JudgedAnswer,
  isMeant: (key: VerifierKey) => boolean,
): Promise<string | undefined> {
  const lines = linesIn(judged).filter(({ key }) => key !== undefined && isMeant(key));
  if (lines.length === 0) return "no line of a given key of that kind";
  for (const line of lines) {
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

function missingCosignatures(judged: JudgedAnswer): string | undefined {
  const { note, checkpoint } = monitored(judged) ?? {};
  if (note === undefined || checkpoint === undefined) return NO_CHECKPOINT;
  const served = new Set(note.signatures.map(({ line }) => line));
  const answers = judged.answered.get(checkpoint.treeSize);
  if (answers === undefined) return `no cosignature on size ${checkpoint.treeSize} was seen in this run`;
  const isThere = answers.some((lines) => lines.every((line) => served.has(line)));
  return isThere ? undefined : `the cosignatures answered for size ${checkpoint.treeSize} are missing`;
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
  const lines = linesIn(judged).filter(({ key }) => key !== undefined);
  if (lines.length === 0) return "no line of a given key";
  const statement = { ...subtree, origin: state.log.origin, hash: state.tree.subtreeHash(subtree) };
  for (const line of lines) {
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
