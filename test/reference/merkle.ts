/**
 * Merkle trees as RFC 6962 §2.1 defines them, word for word and recursive, with SHA-256 from node:crypto. Slow and
 * obvious: the code under test is compared with this, and shares nothing with it.
 */
import { createHash } from "node:crypto";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function leafHashOf(entry: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(0), entry);
}

export function nodeHashOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(1), left, right);
}

/** The definitions over leaves D = leafHashes; `hash` is MTH(D[start:end]) and is computed once for each range. */
export class ReferenceTree {
  readonly leafHashes: readonly Uint8Array[];
  readonly #hashes = new Map<string, Uint8Array>();

  constructor(leafHashes: readonly Uint8Array[]) {
    this.leafHashes = leafHashes;
  }

  /** MTH(D[start:end]) */
  hash(start: number, end: number): Uint8Array {
    const key = `${start}:${end}`;
    const known = this.#hashes.get(key) ?? this.#compute(start, end);
    this.#hashes.set(key, known);
    return known;
  }

  root(size: number): Uint8Array {
    return this.hash(0, size);
  }

  /** PATH(m, D[start:end]), m counted from `start`. §2.1.1 */
  path(m: number, start: number, end: number): Uint8Array[] {
    const n = end - start;
    if (n === 1) return [];
    const k = largestPowerOfTwoBelow(n);
    if (m < k) return [...this.path(m, start, start + k), this.hash(start + k, end)];
    return [...this.path(m - k, start + k, end), this.hash(start, start + k)];
  }

  /** PROOF(m, D[n]), 0 < m <= n. §2.1.2 */
  proof(m: number, n: number): Uint8Array[] {
    return this.#subproof(m, 0, n, true);
  }

  #subproof(m: number, start: number, end: number, isComplete: boolean): Uint8Array[] {
    const n = end - start;
    if (m === n) return isComplete ? [] : [this.hash(start, end)];
    const k = largestPowerOfTwoBelow(n);
    if (m <= k) return [...this.#subproof(m, start, start + k, isComplete), this.hash(start + k, end)];
    return [...this.#subproof(m - k, start + k, end, false), this.hash(start, start + k)];
  }

  /** SUBTREE_PROOF(start, end, D[n]) of draft-ietf-plants-merkle-tree-certs §4.4.1. */
  subtreeProof(start: number, end: number, n: number): Uint8Array[] {
    return this.#subtreeSubproof({ start, end, first: 0, n, isComplete: true });
  }

  /** SUBTREE_SUBPROOF(start, end, D[first:first + n], b), start and end counted from `first`. */
  #subtreeSubproof(args: {
    readonly start: number;
    readonly end: number;
    readonly first: number;
    readonly n: number;
    readonly isComplete: boolean;
  }): Uint8Array[] {
    const { start, end, first, n, isComplete } = args;
    if (start === 0 && end === n) return isComplete ? [] : [this.hash(first, first + n)];
    const k = largestPowerOfTwoBelow(n);
    if (end <= k) return [...this.#subtreeSubproof({ ...args, n: k }), this.hash(first + k, first + n)];
    const right = { first: first + k, n: n - k, end: end - k };
    const left = this.hash(first, first + k);
    if (k <= start) return [...this.#subtreeSubproof({ ...args, ...right, start: start - k }), left];
    return [...this.#subtreeSubproof({ ...right, start: 0, isComplete: false }), left];
  }

  #compute(start: number, end: number): Uint8Array {
    const n = end - start;
    if (n === 0) return sha256();
    if (n === 1) return this.leafHashes[start] as Uint8Array;
    const k = largestPowerOfTwoBelow(n);
    return nodeHashOf(this.hash(start, start + k), this.hash(start + k, end));
  }
}

const trees = new Map<number, ReferenceTree>();

/** The tree of `size` leaves whose entries are the decimal texts of 0, 1, 2, …; the same tree, hashed once, at each call. */
export function referenceTree(size: number): ReferenceTree {
  const known = trees.get(size);
  if (known) return known;
  const encoder = new TextEncoder();
  const tree = new ReferenceTree(Array.from({ length: size }, (_, i) => leafHashOf(encoder.encode(`${i}`))));
  trees.set(size, tree);
  return tree;
}

/** §2.1: "let k be the largest power of two smaller than n". */
export function largestPowerOfTwoBelow(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Lowercase hex, which is also much faster to compare than arrays of bytes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** BATCH(S, D[start:end]) of spec/batch-proof.md, S as leaf indices of the whole tree. */
export function batchPath(
  tree: ReferenceTree,
  leaves: readonly number[],
  start: number,
  end: number,
): Uint8Array[] {
  if (leaves.length === 0) return [tree.hash(start, end)];
  const n = end - start;
  if (n === 1) return [];
  const middle = start + largestPowerOfTwoBelow(n);
  const left = leaves.filter((leaf) => leaf < middle);
  const right = leaves.filter((leaf) => leaf >= middle);
  return [...batchPath(tree, left, start, middle), ...batchPath(tree, right, middle, end)];
}
