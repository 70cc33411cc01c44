/** What a verdict says to people: who, what, what it means, what to do. Only for evidence that was verified. */
import { encodeBase64 } from "./encoding.ts";
import { timestampOf } from "./fork-evidence-check.ts";
import type { Contradiction, EvidenceHead, ForkStatement } from "./fork-evidence-statement.ts";
import type { VerifiedSignature } from "./note.ts";

/** @param signatures - those that verified, in the order of the notes. @returns sentences, a paragraph a line. */
export function explainFork(
  { origin, witness, contradiction }: ForkStatement,
  signatures: readonly VerifiedSignature[],
): string {
  if (witness === undefined) {
    return [
      `The log ${origin} signed ${whatWasSigned(contradiction)}`,
      `${whyImpossible(contradiction)} ${contradiction.shape === "impossible" ? WHAT_A_WRONG_HEAD_MEANS : WHAT_A_FORK_MEANS}`,
      WHAT_TO_DO_ABOUT_A_LOG,
    ].join("\n");
  }
  const isRollback = contradiction.shape === "rollback";
  const signed = isRollback ? whenItWasSigned(contradiction, signatures) : whatWasSigned(contradiction);
  return [
    `The witness ${witness.name} cosigned for the log ${origin} ${signed}`,
    isRollback ? WHAT_A_ROLLBACK_MEANS : `${whyImpossible(contradiction)} ${WHAT_EQUIVOCATION_MEANS}`,
    WHAT_TO_DO_ABOUT_A_WITNESS,
  ].join("\n");
}

const WHAT_A_WRONG_HEAD_MEANS = "Its operator, or whoever holds its key, signs what is not true.";
const WHAT_A_FORK_MEANS =
  "So it showed one history to some and another to others; or somebody else holds its key. Which of the two is the true one, this does not say.";
const WHAT_TO_DO_ABOUT_A_LOG =
  "Trust nothing that only this key vouches for. Give this file to everybody who relies on the log, and to its witnesses, who stop cosigning it; ask its operator for an explanation. Whoever has the log's public key can verify the file.";
const WHAT_EQUIVOCATION_MEANS =
  "A witness cosigns only what continues everything it cosigned before, so this one did not look, lost its memory, or helped to show two histories.";
const WHAT_A_ROLLBACK_MEANS =
  "A witness states that no tree it has seen by then is larger, so the later statement is false: its storage went back (a restored backup, a copy), its clock did, or it lied. This alone does not show that the log forked.";
const WHAT_TO_DO_ABOUT_A_WITNESS =
  "Count this witness for nothing in a quorum until its operator has explained it. Give this file to those whose policy names it. Whoever has its public key can verify the file.";

function whatWasSigned(contradiction: Contradiction): string {
  const [smaller, larger = smaller] = contradiction.heads;
  switch (contradiction.shape) {
    case "impossible":
      return `a tree of size 0 with the root ${encodeBase64(smaller.rootHash)}, which is not that of the empty tree.`;
    case "leaf":
      return `${headWords(smaller)}, and ${headWords(larger)}; proofs show one entry at index ${contradiction.leafIndex} of the first, and another entry at the same index of the second.`;
    case "cross-size":
      return `${headWords(smaller)}, and ${headWords(larger)}; a proof shows that the first ${smaller.treeSize} entries of the second have the root ${encodeBase64(contradiction.alternativeRoot)}, so they are not those of the first.`;
    default:
      return `${headWords(smaller)}, and ${headWords(larger)}.`;
  }
}

function whyImpossible({ shape }: Contradiction): string {
  switch (shape) {
    case "impossible":
      return "There is only one empty tree.";
    case "same-size":
      return "A log that only appends has one tree of each size.";
    default:
      return "A log that only appends never changes an entry it has.";
  }
}

function whenItWasSigned(
  { heads: [smaller, larger = smaller] }: Contradiction,
  signatures: readonly VerifiedSignature[],
): string {
  const [ofSmaller = 0, ofLarger = 0] = signatures.map(timestampOf);
  return `${headWords(larger)} at the time ${ofLarger}, and later, at ${ofSmaller}, ${headWords(smaller)}.`;
}

function headWords({ treeSize, rootHash }: EvidenceHead): string {
  return `a tree of size ${treeSize} with the root ${encodeBase64(rootHash)}`;
}
