/**
 * Whether what an evidence file says cannot be true of an honest log or witness. Every check is sound for anybody's input: a proof that
 * merely fails never convicts.  spec/fork-evidence.md, verifying
 */
import { TlogError } from "../errors.ts";
import { verifyConsistency } from "../merkle/consistency.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import { verifyInclusion } from "../merkle/inclusion.ts";
import { decodeTimestampedSignature } from "./cosignature.ts";
import { type Contradiction, headOrder } from "./fork-evidence-statement.ts";
import { ED25519 } from "./key.ts";
import type { VerifiedSignature } from "./note.ts";

/**
 * Proves that no append-only log has all of these heads, or throws; of a rollback only that the sizes differ.
 * @throws {TlogError} EVIDENCE_INVALID
 */
export function assertContradiction(contradiction: Contradiction): void {
  const [smaller, larger = smaller] = contradiction.heads;
  if (larger !== smaller && headOrder(smaller, larger) >= 0) throw invalid("the heads do not differ");
  const isGrowing = smaller.treeSize < larger.treeSize;
  switch (contradiction.shape) {
    case "impossible":
      if (smaller.treeSize === 0 && !hashesEqual(smaller.rootHash, emptyRootHash())) return;
      throw invalid("want a tree of size 0 with the root of a tree that is not empty");
    case "same-size":
      if (isGrowing) throw invalid("want two heads of one size");
      return;
    case "cross-size":
      if (!isGrowing || smaller.treeSize === 0) throw invalid("want two different sizes above 0");
      assertOtherTree(contradiction);
      return;
    case "leaf":
      if (!isGrowing) throw invalid("want two different sizes");
      assertOtherLeaf(contradiction);
      return;
    case "rollback":
      if (!isGrowing) throw invalid("want two different sizes");
  }
}

/**
 * Proves that the smaller size was cosigned later than the larger, or throws. Times that are equal are honest: they do not go
 * back, but they may stand still; and 0 is no time, as in a subtree signature.  c2sp.org/tlog-cosignature
 * @param cosignatures - one and the same key's, that of the smaller head first.
 * @throws {TlogError} EVIDENCE_INVALID
 */
export function assertWentBack(cosignatures: readonly VerifiedSignature[]): void {
  const [ofSmaller = 0, ofLarger = 0] = cosignatures.map(timestampOf);
  if (ofLarger > 0 && ofSmaller > ofLarger) return;
  throw invalid(
    `want the smaller size cosigned after the larger, got the times ${ofSmaller} and ${ofLarger}`,
  );
}

/** POSIX seconds; 0: no statement about time. */
export function timestampOf({ verifierKey: { type }, signature: { payload } }: VerifiedSignature): number {
  return type === ED25519 ? 0 : decodeTimestampedSignature(type, payload).timestampSeconds;
}

// The proof leads to the signed larger root, so what it starts from is the tree the log then stood by.
function assertOtherTree(claim: Extract<Contradiction, { readonly shape: "cross-size" }>): void {
  const [smaller, larger] = claim.heads;
  if (hashesEqual(claim.alternativeRoot, smaller.rootHash)) {
    throw invalid("the proof starts from the smaller head's own root");
  }
  proven(() =>
    verifyConsistency({
      fromSize: smaller.treeSize,
      fromRoot: claim.alternativeRoot,
      toSize: larger.treeSize,
      toRoot: larger.rootHash,
      proof: claim.proof,
    }),
  );
}

function assertOtherLeaf(claim: Extract<Contradiction, { readonly shape: "leaf" }>): void {
  const { heads, leafIndex, leaves } = claim;
  if (hashesEqual(leaves[0].leafHash, leaves[1].leafHash)) throw invalid("both leaves are the same");
  proven(() => {
    verifyInclusion({ ...heads[0], ...leaves[0], leafIndex });
    verifyInclusion({ ...heads[1], ...leaves[1], leafIndex });
  });
}

function proven(verify: () => void): void {
  try {
    verify();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("EVIDENCE_INVALID", cause.message, { cause });
  }
}

function invalid(reason: string): TlogError {
  return new TlogError("EVIDENCE_INVALID", reason);
}
