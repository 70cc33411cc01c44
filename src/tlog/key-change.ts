/**
 * "bristlecone key change v1\nlog example.com/2026\nnumber 1\ntime 2026-11-22T04:00:00Z\ntree 20852163 CsUYap…q2I=\nprevious -\n
 * old example.com/2026+8ab5d197+AV…\nnew example.com/2026+91c3a2d0+AQ…\n": the text of one change of a log's keys. Its second line has a
 * space, so no checkpoint has this text, and no subtree/v1 or cosignature/v1 message begins so. spec/key-history.md
 */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { ML_DSA_44 } from "./cosignature.ts";
import { bytesEqual, decodeBase64, encodeBase64, formatDecimal, parseDecimal } from "./encoding.ts";
import {
  ED25519,
  formatVerifierKey,
  KEY_CHANGE,
  keyLabel,
  parseVerifierKey,
  type VerifierKey,
} from "./key.ts";

/** A log's keys were replaced: what was said of it, and nothing of who said it. */
export interface KeyChange {
  readonly origin: string;
  /** From 1, without gaps. */
  readonly number: number;
  /** POSIX seconds, by the log's clock. */
  readonly atSeconds: number;
  /** The tree at the change: whatever is larger is signed by a key of `newKeys`. */
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** SHA-256 of the text before; undefined of the first. */
  readonly previous: Uint8Array | undefined;
  /** The log's keys up to then: one Ed25519 key, then at most one ML-DSA-44 key. */
  readonly oldKeys: readonly VerifierKey[];
  /** The log's keys from then on, in the same order. */
  readonly newKeys: readonly VerifierKey[];
}

/** The year 9999 ends there: later years have another form. ISO 8601 */
const MAX_SECONDS = 253_402_300_799;
const NOTHING = "-";
const MIN_LINES = 8;
const MAX_LINES = 10;

/** The text, newline at the end. @throws {TlogError} ARGUMENT_INVALID when it could not be read back */
export function formatKeyChange(change: KeyChange): string {
  const text = textOf(change);
  try {
    parseKeyChange(text);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("ARGUMENT_INVALID", cause.message, { cause });
  }
  return text;
}

/** formatKeyChange(parseKeyChange(x)) is x. @throws {TlogError} KEY_HISTORY_MALFORMED */
export function parseKeyChange(text: string): KeyChange {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length < MIN_LINES || lines.length > MAX_LINES) {
    throw malformed(`want ${MIN_LINES} to ${MAX_LINES} lines`);
  }
  if (lines.shift() !== KEY_CHANGE) throw malformed(`want the line ${KEY_CHANGE}`);
  try {
    const change = changeIn(lines);
    if (textOf(change) !== text) throw malformed("not in its one spelling");
    return change;
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code === "KEY_HISTORY_MALFORMED") throw cause;
    throw new TlogError("KEY_HISTORY_MALFORMED", cause.message, { cause });
  }
}

/** Whether two keys are one: name, type and public key. */
export function isSameVerifierKey(one: VerifierKey, other: VerifierKey): boolean {
  return one.name === other.name && one.type === other.type && bytesEqual(one.publicKey, other.publicKey);
}

/** Whether two sets of keys are one, order included. */
export function areSameKeys(some: readonly VerifierKey[], others: readonly VerifierKey[]): boolean {
  if (some.length !== others.length) return false;
  return some.every((key, at) => {
    const other = others[at];
    return other !== undefined && isSameVerifierKey(key, other);
  });
}

function textOf(change: KeyChange): string {
  const { origin, number, atSeconds, treeSize, rootHash, previous, oldKeys, newKeys } = change;
  if (!Number.isSafeInteger(atSeconds) || atSeconds < 0 || atSeconds > MAX_SECONDS) {
    throw new TlogError("ARGUMENT_INVALID", `atSeconds: want 0 to ${MAX_SECONDS}, got ${atSeconds}`);
  }
  const lines = [
    KEY_CHANGE,
    `log ${origin}`,
    `number ${formatDecimal(number)}`,
    `time ${new Date(atSeconds * 1000).toISOString().replace(".000Z", "Z")}`,
    `tree ${formatDecimal(treeSize)} ${encodeBase64(rootHash)}`,
    `previous ${previous === undefined ? NOTHING : encodeBase64(previous)}`,
    ...oldKeys.map((key) => `old ${formatVerifierKey(key)}`),
    ...newKeys.map((key) => `new ${formatVerifierKey(key)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function changeIn(lines: readonly string[]): KeyChange {
  const [log = "", numberLine = "", time = "", tree = "", before = "", ...keys] = lines;
  const origin = textAfter("log", log);
  const number = parseDecimal(textAfter("number", numberLine));
  const [size = "", root = "", ...rest] = textAfter("tree", tree).split(" ");
  if (rest.length > 0) throw malformed("tree: want a size and a root hash");
  const previousText = textAfter("previous", before);
  const previous = previousText === NOTHING ? undefined : hashIn(previousText);
  if (number < 1 || (number === 1) !== (previous === undefined)) {
    throw malformed(`number ${number}: want 1 and no previous one, or more and a previous one`);
  }
  const firstNew = keys.findIndex((line) => line.startsWith("new "));
  const oldKeys = keys.slice(0, Math.max(firstNew, 0)).map((line) => keyIn("old", line));
  const newKeys = keys.slice(Math.max(firstNew, 0)).map((line) => keyIn("new", line));
  assertKeysOf(origin, oldKeys);
  assertKeysOf(origin, newKeys);
  if (areSameKeys(oldKeys, newKeys)) throw malformed("old and new keys are the same");
  return {
    origin,
    number,
    atSeconds: secondsIn(textAfter("time", time)),
    treeSize: parseDecimal(size),
    rootHash: hashIn(root),
    previous,
    oldKeys,
    newKeys,
  };
}

function textAfter(keyword: string, line: string): string {
  if (line.startsWith(`${keyword} `)) return line.slice(keyword.length + 1);
  throw malformed(`want a line that begins with ${keyword}`);
}

function keyIn(keyword: string, line: string): VerifierKey {
  return parseVerifierKey(textAfter(keyword, line));
}

function hashIn(base64: string): Uint8Array {
  const hash = decodeBase64(base64);
  if (hash.length === HASH_BYTES) return hash;
  throw malformed(`want a hash of ${HASH_BYTES} bytes, got ${hash.length}`);
}

function secondsIn(text: string): number {
  const ms = Date.parse(text);
  // Any other spelling of a time is found by comparing the text.
  if (Number.isInteger(ms / 1000) && ms >= 0 && ms <= MAX_SECONDS * 1000) return ms / 1000;
  throw malformed("time: want YYYY-MM-DDThh:mm:ssZ");
}

/** c2sp.org/tlog-tiles wants an Ed25519 signature on every checkpoint; a second key is ML-DSA-44. */
function assertKeysOf(origin: string, keys: readonly VerifierKey[]): void {
  const types = keys.map(({ type }) => type);
  if (types.length < 1 || types.length > 2 || types[0] !== ED25519 || (types[1] ?? ML_DSA_44) !== ML_DSA_44) {
    throw malformed("want one Ed25519 key, and at most one ML-DSA-44 key after it");
  }
  const foreign = keys.find(({ name }) => name !== origin);
  if (foreign !== undefined) throw malformed(`want keys of the name ${origin}, got ${keyLabel(foreign)}`);
}

export function malformed(reason: string): TlogError {
  return new TlogError("KEY_HISTORY_MALFORMED", `key history: ${reason}`);
}
