/**
 * bristlecone/client: append to a transparency log, keep receipts, verify them offline, read and follow what others append.
 * Runs as it is in Node, browsers, Deno, Bun and workers.
 *
 * ```ts
 * const log = openLogClient({ url: "https://log.example", vkey: "log.example+…" });
 * const { leafIndex, receipt } = await log.append(entry, { waitForReceiptMs: 5_000 });
 * await verifyReceipt({ receipt: receipt.text, entry, vkey: "log.example+…" }); // offline, by anyone
 * for await (const { leafIndex, entry } of log.follow({ from: 0 })) { … }
 * ```
 */
export { type ErrorCode, TlogError } from "../src/errors.ts";
export { leafHash } from "../src/merkle/hash.ts";
export type { VerifiedCheckpoint, VerifiedCosignature } from "../src/tlog/checkpoint.ts";
export { type Policy, parsePolicy } from "../src/tlog/policy.ts";
export type { VerifiedReceipt } from "../src/tlog/proof.ts";
export { type CheckpointMemory, memoryCheckpoints } from "./checkpoint-memory.ts";
export type { LogEntry } from "./entries.ts";
export { LogForkedError, RemoteRefusedError } from "./errors.ts";
export type { KeysChanged } from "./key-ring.ts";
export { type LogClient, type LogClientOptions, openLogClient } from "./log-client.ts";
export type { LogHead } from "./log-head.ts";
export type { ConsistencyProof, InclusionProof } from "./proofs.ts";
export { type LogReceipt, verifyReceipt } from "./receipts.ts";
export type { AppendedEntry } from "./submit.ts";
export type { FollowOptions } from "./tail.ts";
export { memoryTiles, type TileCache } from "./tile-cache.ts";
