/**
 * What a program that shows a log to people needs beside the client: verifications step by step, and files, policies and trees taken apart.
 * The explorer is made of this, `index.ts` and `evidence.ts`.
 */
export { sha256 } from "#crypto";
export type { Subtree } from "../src/merkle/coordinates.ts";
export { subtreePeaks } from "../src/merkle/coordinates.ts";
export { emptyRootHash, HASH_BYTES, hashesEqual, leafHash } from "../src/merkle/hash.ts";
export { type Checkpoint, parseCheckpoint } from "../src/tlog/checkpoint.ts";
export { COSIGNATURE_V1, ML_DSA_44 } from "../src/tlog/cosignature.ts";
export {
  decodeBase64,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUtf8,
} from "../src/tlog/encoding.ts";
export { parseFrozen } from "../src/tlog/frozen.ts";
export { ED25519, formatVerifierKey, parseVerifierKey, type VerifierKey } from "../src/tlog/key.ts";
export { MAX_NOTE_BYTES, parseNote } from "../src/tlog/note.ts";
export { formatPolicy, isQuorumMet, showOctets, singleKeyPolicy, thresholdOf } from "../src/tlog/policy.ts";
export { MAX_RECEIPT_BYTES, parseTlogProof } from "../src/tlog/proof.ts";
export { isSameCheckpoint } from "./checkpoint-memory.ts";
export {
  type CheckpointReport,
  explainCheckpoint,
  explainReceipt,
  quorumMargin,
  type ReceiptReport,
  type SignatureCheck,
} from "./explain.ts";
export { type Fetcher, openFetcher } from "./fetcher.ts";
export { readSubtrees } from "./subtrees.ts";
export { openTileSource } from "./tile-source.ts";
export { type HashedStep, halvesOf, hashPath, type PathStep, pathToRoot } from "./tree-shape.ts";
