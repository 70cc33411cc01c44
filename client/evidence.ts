/**
 * bristlecone/evidence: verify and make portable fork evidence, ".tlog-evidence" files. Apart from `bristlecone/client`, which loads it
 * when a log forked, so that nobody else pays for it.  spec/fork-evidence.md
 *
 * ```ts
 * const { accused, explanation } = await verifyForkEvidence({ evidence, logKeys: [parseVerifierKey("log.example+…")] });
 * ```
 * In a page, "./evidence.js" beside "./client.js" has a TlogError of its own: tell errors by their `code`.
 */
export { type ErrorCode, TlogError } from "../src/errors.ts";
export {
  type EvidenceHead,
  type EvidenceKind,
  type ForkVerdict,
  verifyForkEvidence,
} from "../src/tlog/fork-evidence.ts";
export {
  evidenceFromHeads,
  evidenceFromReceipts,
  witnessEvidence,
} from "../src/tlog/fork-evidence-build.ts";
export { parseVerifierKey, type VerifierKey } from "../src/tlog/key.ts";
