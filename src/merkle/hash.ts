/** The two hashes of a Merkle tree, RFC 6962 §2.1. The first byte keeps leaves and inner nodes apart. */
import { sha256, sha256Into } from "#crypto";
import { TlogError } from "../errors.ts";

/** Length of every hash, in bytes. */
export const HASH_BYTES = 32;
const HASH_WORDS = HASH_BYTES / 4;

const LEAF_PREFIX = 0x00;
/** Of an inner node's input, before the hashes of its children. */
export const NODE_PREFIX = 0x01;

// Inputs are put together here and hashed in the same synchronous call, so nothing can see another call's bytes.
// Entries that do not fit get a buffer of their own: for them the copy costs little beside the hash.
const leafInput = new Uint8Array(4096).fill(LEAF_PREFIX, 0, 1);
// The prefix ends a word, so the two hashes behind it are words too.
const nodeMemory = new ArrayBuffer(4 + 2 * HASH_BYTES);
const nodeInput = new Uint8Array(nodeMemory, 3).fill(NODE_PREFIX, 0, 1);
const nodeWords = /* @__PURE__ */ new Uint32Array(nodeMemory, 4); // bundles without use of it leave it out

/**
 * SHA-256(0x00 || entry).  RFC 6962 §2.1
 * @param entry - any bytes, zero of them too; not kept.
 * @returns 32 bytes, the caller's own.
 */
export function leafHash(entry: Uint8Array): Uint8Array {
  const length = 1 + entry.length;
  const input = length <= leafInput.length ? leafInput.subarray(0, length) : new Uint8Array(length);
  input.set(entry, 1);
  const out = new Uint8Array(HASH_BYTES);
  sha256Into(input, out, 0);
  return out;
}

/**
 * The leaf hashes of many entries that lie behind lengths in one piece of memory.
 * @param bytes - changed and changed back: the byte before an entry stands in for the prefix while it is hashed, which saves
 *   copying the entry. Nothing else runs meanwhile.
 * @param offsets - entry i is bytes [offsets[i] + skip, offsets[i + 1]).
 * @param skip - at least 1.
 * @returns 32 bytes an entry, concatenated.
 */
export function leafHashesBetween(bytes: Uint8Array, offsets: Uint32Array, skip: number): Uint8Array {
  const count = offsets.length - 1;
  const out = new Uint8Array(count * HASH_BYTES);
  for (let leaf = 0; leaf < count; leaf++) {
    const prefixAt = (offsets[leaf] ?? 0) + skip - 1;
    const before = bytes[prefixAt] ?? 0;
    bytes[prefixAt] = LEAF_PREFIX;
    sha256Into(bytes.subarray(prefixAt, offsets[leaf + 1]), out, leaf * HASH_BYTES);
    bytes[prefixAt] = before;
  }
  return out;
}

/**
 * The parents of hashes that lie side by side: `nodeHash` of each two.
 * @param hashes - 32 bytes each, an even number of them, the first at byte `from`.
 * @param out - gets `pairs` hashes, from byte `to`; may be the memory of `hashes` when `to` is at most `from`.
 */
export function parentHashesInto(
  { hashes, from, pairs }: { readonly hashes: Uint8Array; readonly from: number; readonly pairs: number },
  out: Uint8Array,
  to: number,
): void {
  let at = from;
  for (let pair = 0; pair < pairs; pair++) {
    // A loop: `set` wants a view, and 64 bytes are copied sooner than one is made.
    for (let byte = 1; byte <= 2 * HASH_BYTES; byte++) nodeInput[byte] = hashes[at++] ?? 0;
    sha256Into(nodeInput, out, to + pair * HASH_BYTES);
  }
}

/** Room for many hashes, seen as bytes and as words: 64 bytes are copied in 16 steps, and sooner than a view of them is made. */
export interface HashMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/** @param count - of hashes. */
export function hashMemory(count: number): HashMemory {
  const memory = new ArrayBuffer(count * HASH_BYTES);
  return { bytes: new Uint8Array(memory), words: new Uint32Array(memory) };
}

/**
 * The same within one memory, a third sooner.
 * @param at - counted in hashes: `pairs` times two of them lie from `from` on, their parents are written from `to` on.
 */
export function writeParents(
  { bytes, words }: HashMemory,
  { from, pairs, to }: { readonly from: number; readonly pairs: number; readonly to: number },
): void {
  let next = from * HASH_WORDS;
  for (let pair = 0; pair < pairs; pair++) {
    for (let word = 0; word < 2 * HASH_WORDS; word++) nodeWords[word] = words[next++] ?? 0;
    sha256Into(nodeInput, bytes, (to + pair) * HASH_BYTES);
  }
}

/**
 * SHA-256(0x01 || left || right).  RFC 6962 §2.1
 * @param left - 32 bytes, as is `right`: not checked here, this is the hot path.
 * @returns 32 bytes, the caller's own.
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  nodeHashInto(left, right, out, 0);
  return out;
}

/** Writes `nodeHash(left, right)` to out[offset, offset + 32); `out` may be the buffer `left` and `right` lie in. */
export function nodeHashInto(left: Uint8Array, right: Uint8Array, out: Uint8Array, offset: number): void {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  sha256Into(nodeInput, out, offset);
}

/** The root of a tree without leaves: SHA-256 of nothing.  RFC 6962 §2.1 */
export function emptyRootHash(): Uint8Array {
  return sha256(new Uint8Array(0));
}

/** Whether two hashes are the same bytes. Hashes of a public log are no secret: this takes no care of its timing. */
export function hashesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Whether two hashes are the same that lie among others, from `aStart` of `a` and from `bStart` of `b` on. */
export function hashesEqualAt(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): boolean {
  for (let at = 0; at < HASH_BYTES; at++) if (a[aStart + at] !== b[bStart + at]) return false;
  return true;
}

/** @throws {TlogError} HASH_MALFORMED unless `hash` is 32 bytes. */
export function assertHash(name: string, hash: Uint8Array | undefined): asserts hash is Uint8Array {
  if (hash?.length !== HASH_BYTES) {
    throw new TlogError("HASH_MALFORMED", `${name}: want ${HASH_BYTES} bytes, got ${hash?.length ?? "none"}`);
  }
}
