/**
 * Trees too large to build: the definitions of RFC 6962 §2.1 walked in BigInt, with chosen hashes in place of the
 * subtrees beside the path. What comes out are proofs and the roots they lead to.
 */
import { nodeHashOf, sha256 } from "./merkle.ts";

/** Hash number i of those standing in for subtrees. */
export function chosenHash(i: number): Uint8Array {
  return sha256(new TextEncoder().encode(`chosen ${i}`));
}

/** PATH(m, D[n]), §2.1.1, with chosen siblings. The leaf's hash is `chosenHash(0)`, the proof's are the next ones. */
export function chosenInclusion(leafIndex: number, treeSize: number) {
  const leafHash = chosenHash(0);
  const proof: Uint8Array[] = [];
  const rootHash = rootOfPath(BigInt(leafIndex), BigInt(treeSize));
  return { leafIndex, treeSize, leafHash, rootHash, proof };

  function rootOfPath(m: bigint, n: bigint): Uint8Array {
    if (n === 1n) return leafHash;
    const k = largestPowerOfTwoBelow(n);
    const below = m < k ? rootOfPath(m, k) : rootOfPath(m - k, n - k);
    const sibling = drawInto(proof);
    return m < k ? nodeHashOf(below, sibling) : nodeHashOf(sibling, below);
  }
}

/** PROOF(m, D[n]), 0 < m <= n, §2.1.2, with chosen hashes; `chosenHash(0)` is the smaller tree's when the proof leaves it out. */
export function chosenConsistency(fromSize: number, toSize: number) {
  const proof: Uint8Array[] = [];
  const { from: fromRoot, to: toRoot } = rootsOfSubproof(BigInt(fromSize), BigInt(toSize), true);
  return { fromSize, fromRoot, toSize, toRoot, proof };

  function rootsOfSubproof(m: bigint, n: bigint, isComplete: boolean): { from: Uint8Array; to: Uint8Array } {
    if (m === n) {
      const common = isComplete ? chosenHash(0) : drawInto(proof);
      return { from: common, to: common };
    }
    const k = largestPowerOfTwoBelow(n);
    const below = m <= k ? rootsOfSubproof(m, k, isComplete) : rootsOfSubproof(m - k, n - k, false);
    const sibling = drawInto(proof);
    if (m <= k) return { from: below.from, to: nodeHashOf(below.to, sibling) };
    return { from: nodeHashOf(sibling, below.from), to: nodeHashOf(sibling, below.to) };
  }
}

/** SUBTREE_PROOF(start, end, D[n]), draft-ietf-plants-merkle-tree-certs §4.4.1, with chosen hashes as above. */
export function chosenSubtree(start: number, end: number, treeSize: number) {
  const proof: Uint8Array[] = [];
  const roots = rootsOfSubproof(BigInt(start), BigInt(end), BigInt(treeSize), true);
  return { start, end, subtreeHash: roots.from, treeSize, rootHash: roots.to, proof };

  function rootsOfSubproof(s: bigint, e: bigint, n: bigint, isComplete: boolean): Roots {
    if (s === 0n && e === n) {
      const common = isComplete ? chosenHash(0) : drawInto(proof);
      return { from: common, to: common };
    }
    const k = largestPowerOfTwoBelow(n);
    if (e <= k) {
      const below = rootsOfSubproof(s, e, k, isComplete);
      return { from: below.from, to: nodeHashOf(below.to, drawInto(proof)) };
    }
    if (k <= s) {
      const below = rootsOfSubproof(s - k, e - k, n - k, isComplete);
      return { from: below.from, to: nodeHashOf(drawInto(proof), below.to) };
    }
    const below = rootsOfSubproof(0n, e - k, n - k, false);
    const left = drawInto(proof);
    return { from: nodeHashOf(left, below.from), to: nodeHashOf(left, below.to) };
  }
}

interface Roots {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

function drawInto(proof: Uint8Array[]): Uint8Array {
  const hash = chosenHash(proof.length + 1);
  proof.push(hash);
  return hash;
}

function largestPowerOfTwoBelow(n: bigint): bigint {
  let k = 1n;
  while (k * 2n < n) k *= 2n;
  return k;
}
