/** Ways to damage a proof: whatever the proof, none of the results may verify. */

/** A copy with one bit turned. */
export function flipBit(hash: Uint8Array, bit: number): Uint8Array {
  return hash.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (2 ** (bit % 8)) : byte));
}

/** Proofs of the wrong length: one hash removed at each place, one added at each place. */
export function wrongLengths(
  proof: readonly Uint8Array[],
  extra: Uint8Array,
): readonly (readonly Uint8Array[])[] {
  const removed = proof.map((_, at) => proof.toSpliced(at, 1));
  const added = Array.from({ length: proof.length + 1 }, (_, at) => proof.toSpliced(at, 0, extra));
  return [...removed, ...added];
}

/** Proofs with two different neighbours swapped. */
export function swappedNeighbours(proof: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  return proof.slice(1).map((second, at) => {
    const first = proof[at] as Uint8Array;
    return proof.toSpliced(at, 2, second, first);
  });
}
