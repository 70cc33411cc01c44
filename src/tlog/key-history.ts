/**
 * Signed changes of a log's keys, oldest first, an empty line between them: each a note (c2sp.org/signed-note) whose text is a
 * {@link KeyChange}, signed by every key of the log before it and by every key after it. spec/key-history.md
 */
import { sha256 } from "#crypto";
import { isValidMlDsa44, type MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { ML_DSA_44 } from "./cosignature.ts";
import { bytesEqual, concatBytes, decodeUtf8, encodeHex, encodeUtf8 } from "./encoding.ts";
import {
  KEY_CHANGE,
  keyLabel,
  type MlDsaOptions,
  type NoteVerifier,
  type VerifierKey,
  verifierFor,
} from "./key.ts";
import { areSameKeys, isSameVerifierKey, type KeyChange, malformed, parseKeyChange } from "./key-change.ts";
import { formatNote, type Note, parseNote, verifyNote } from "./note.ts";

/** Where a log, or a static copy of it, serves its history. */
export const KEY_HISTORY_PATH = "key-history";
/** Few enough that a client remembers them all. */
export const MAX_KEY_CHANGES = 64;
/** With ML-DSA-44 keys a change takes some 11 KiB. */
export const MAX_KEY_HISTORY_BYTES = 1024 * 1024;

/** A change as it stands in a history. */
export interface SignedKeyChange extends KeyChange {
  readonly note: Note;
}

/** Changes that follow each other. {@link openKeyHistory} verifies who signed them. */
export interface KeyHistory {
  readonly origin: string;
  /** At least one. */
  readonly changes: readonly SignedKeyChange[];
}

/**
 * Parses a history and holds each change to the one before; formatKeyHistory(parseKeyHistory(x)) is x. No signature is verified.
 * @param history - at most 1 MiB.
 * @throws {TlogError} KEY_HISTORY_MALFORMED
 */
export function parseKeyHistory(history: Uint8Array): KeyHistory {
  if (history.length > MAX_KEY_HISTORY_BYTES) {
    throw malformed(`want at most ${MAX_KEY_HISTORY_BYTES} bytes, got ${history.length}`);
  }
  try {
    const changes = notesIn(decodeUtf8(history)).map(changeOf);
    const [first] = changes;
    if (first === undefined) throw malformed("want a change, got none");
    for (const [at, change] of changes.entries()) assertFollows(change, changes.slice(0, at));
    return { origin: first.origin, changes };
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code === "KEY_HISTORY_MALFORMED") throw cause;
    throw new TlogError("KEY_HISTORY_MALFORMED", `key history: ${cause.message}`, { cause });
  }
}

/** The history's bytes, signature lines verbatim. */
export function formatKeyHistory({ changes }: KeyHistory): Uint8Array {
  const newline = encodeUtf8("\n");
  return concatBytes(
    ...changes.flatMap(({ note }, at) => (at === 0 ? [] : [newline]).concat([formatNote(note)])),
  );
}

/** What a file of it is named after: the SHA-256 of its bytes, 64 lowercase hex digits. */
export function keyHistoryId(history: Uint8Array): string {
  return encodeHex(sha256(history));
}

/**
 * Opens a history: every signature that each change needs is there and valid, and it is about a key that is believed already.
 * @param args.trusted - keys of this log that are believed, one of which must be in it; undefined: it is the log's own.
 * @throws {TlogError} KEY_HISTORY_MALFORMED | KEY_HISTORY_INVALID
 */
export async function openKeyHistory(
  args: {
    readonly history: Uint8Array;
    readonly origin: string;
    readonly trusted?: readonly VerifierKey[];
  } & MlDsaOptions,
): Promise<KeyHistory> {
  const history = parseKeyHistory(args.history);
  if (history.origin !== args.origin) {
    throw invalid(`want that of ${args.origin}, got that of ${history.origin}`);
  }
  const all = keySets(history).flat();
  if (args.trusted?.some((key) => all.some((one) => isSameVerifierKey(key, one))) === false) {
    throw invalid("no key that is believed is in it");
  }
  for (const change of history.changes) await verifyChange(change, args);
  return history;
}

/** The log's keys before the first change, and after each: one set more than there are changes. */
export function keySets({ changes }: KeyHistory): readonly (readonly VerifierKey[])[] {
  return [...changes.slice(0, 1).map(({ oldKeys }) => oldKeys), ...changes.map(({ newKeys }) => newKeys)];
}

/** The log's keys from the last change on. */
export function currentKeys({ changes }: KeyHistory): readonly VerifierKey[] {
  return changes.at(-1)?.newKeys ?? [];
}

/**
 * The keys whose signature makes a tree of this size the log's word, for who believes `trusted`: of a type that is believed already,
 * never from before the believed key, and no key that was replaced when the tree was smaller.
 */
export function keysAt(
  history: KeyHistory | undefined,
  trusted: readonly VerifierKey[],
  treeSize: number,
): readonly VerifierKey[] {
  if (history === undefined) return trusted;
  const sets = keySets(history);
  const current = history.changes.filter((change) => change.treeSize < treeSize).length;
  const keys: VerifierKey[] = [];
  for (const key of trusted) {
    const from = sets.findIndex((set) => set.some((one) => isSameVerifierKey(one, key)));
    const end = sets.findIndex((set, at) => at > from && !set.some(({ type }) => type === key.type));
    // Where no key of this type was left, nobody of it could agree to one that came after.
    const later = sets.slice(Math.max(from, current), end < 0 ? sets.length : end).flat();
    const believed = from < 0 ? [key] : later.filter(({ type }) => type === key.type);
    // A key that stays is in several sets.
    for (const one of believed) if (!keys.some((known) => isSameVerifierKey(known, one))) keys.push(one);
  }
  return keys;
}

/** SHA-256 of the text of each change, oldest first: what the next one calls `previous`. */
export function changeHashes(history: KeyHistory | undefined): readonly Uint8Array[] {
  return history?.changes.map(({ note }) => sha256(note.text)) ?? [];
}

/** How two histories of one log stand to each other, by what they say, whoever signed it in addition. */
export function compareKeyHistories(
  one: KeyHistory,
  other: KeyHistory,
): "same" | "longer" | "shorter" | "forked" {
  const shared = Math.min(one.changes.length, other.changes.length);
  for (let at = 0; at < shared; at++) {
    const text = one.changes[at]?.note.text;
    const otherText = other.changes[at]?.note.text;
    if (text === undefined || otherText === undefined || !bytesEqual(text, otherText)) return "forked";
  }
  if (one.changes.length === other.changes.length) return "same";
  return one.changes.length > other.changes.length ? "longer" : "shorter";
}

/** The first changes, as far as a tree of this size has come; undefined: it has come to none. */
export function historyUpTo(history: KeyHistory, treeSize: number): KeyHistory | undefined {
  const changes = history.changes.filter((change) => change.treeSize <= treeSize);
  return changes.length === 0 ? undefined : { ...history, changes };
}

/** Who has to sign a change: the keys before it, then those that it brings. */
export function signingKeys({ oldKeys, newKeys }: KeyChange): readonly VerifierKey[] {
  return [...oldKeys, ...newKeys.filter((key) => !oldKeys.some((one) => isSameVerifierKey(one, key)))];
}

function notesIn(text: string): readonly Note[] {
  const separator = `\n\n${KEY_CHANGE}\n`;
  const parts = text.split(separator);
  if (parts.length > MAX_KEY_CHANGES) throw malformed(`want at most ${MAX_KEY_CHANGES} changes`);
  // Between two notes: the newline that ends the first, and an empty line.
  return parts.map((part, at) => {
    const head = at === 0 ? "" : `${KEY_CHANGE}\n`;
    return parseNote(encodeUtf8(`${head}${part}${at === parts.length - 1 ? "" : "\n"}`));
  });
}

function changeOf(note: Note): SignedKeyChange {
  const change = parseKeyChange(decodeUtf8(note.text));
  const wanted = signingKeys(change).map(keyLabel);
  const lines = note.signatures.map(keyLabel);
  if (wanted.length !== lines.length || wanted.some((label, at) => label !== lines[at])) {
    throw malformed(
      `change ${change.number}: want a signature of ${wanted.join(", ")}, in this order and no other`,
    );
  }
  return { ...change, note };
}

function assertFollows(change: SignedKeyChange, before: readonly SignedKeyChange[]): void {
  const last = before.at(-1);
  const { number, previous, origin, oldKeys, newKeys, treeSize } = change;
  const fail = (reason: string): TlogError => malformed(`change ${number}: ${reason}`);
  if (number !== before.length + 1) throw fail(`want number ${before.length + 1}`);
  const used = [...(before[0] ?? change).oldKeys, ...before.flatMap((one) => one.newKeys)];
  const added = newKeys.filter((key) => !oldKeys.some((one) => isSameVerifierKey(one, key)));
  // By label: two keys that share one could not be told apart in a note.
  const labels = new Set(used.map(keyLabel));
  const known = added.find(
    (key) => labels.has(keyLabel(key)) || used.some((one) => bytesEqual(one.publicKey, key.publicKey)),
  );
  if (known !== undefined) throw fail(`the key ${keyLabel(known)} was the log's before`);
  if (last === undefined) return;
  if (origin !== last.origin) throw fail(`want the log ${last.origin}, got ${origin}`);
  if (previous === undefined || !hashesEqual(previous, sha256(last.note.text)))
    throw fail("want the hash of the change before");
  if (!areSameKeys(oldKeys, last.newKeys)) throw fail("its old keys are not those the change before brought");
  if (treeSize < last.treeSize) throw fail(`want a tree of at least ${last.treeSize}, got ${treeSize}`);
}

/** @throws {TlogError} KEY_HISTORY_INVALID */
async function verifyChange(change: SignedKeyChange, { mlDsa44 }: MlDsaOptions): Promise<void> {
  const verifiers = signingKeys(change).map((key) => textVerifier(key, mlDsa44));
  try {
    await verifyNote(change.note, verifiers);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("KEY_HISTORY_INVALID", `key history: change ${change.number}: ${cause.message}`, {
      cause,
    });
  }
}

/** As a key signs texts that are no checkpoints: an ML-DSA-44 key as they are, too. */
function textVerifier(
  verifierKey: VerifierKey,
  mlDsa44: Pick<MlDsa44, "isValid"> = { isValid: isValidMlDsa44 },
): NoteVerifier {
  if (verifierKey.type !== ML_DSA_44) return verifierFor(verifierKey);
  const { publicKey } = verifierKey;
  return {
    verifierKey,
    verify: ({ text, payload }) => mlDsa44.isValid({ publicKey, message: text, signature: payload }),
  };
}

function invalid(reason: string): TlogError {
  return new TlogError("KEY_HISTORY_INVALID", `key history: ${reason}`);
}
