/** Receipts: fetched or made from tiles, and verified before anybody sees them.  c2sp.org/tlog-proof */
import { TlogError } from "../src/errors.ts";
import { leafHash as hashOfLeaf } from "../src/merkle/hash.ts";
import { decodeUtf8, formatDecimal } from "../src/tlog/encoding.ts";
import {
  formatTlogProof,
  MAX_RECEIPT_BYTES,
  parseTlogProof,
  type VerifiedReceipt,
  verifyTlogProof,
} from "../src/tlog/proof.ts";
import { backoffMs, DEFAULT_RETRY } from "./backoff.ts";
import { RemoteRefusedError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Heads, JudgedHead } from "./heads.ts";
import { policyFrom, type TrustIn } from "./policy.ts";
import { proveInclusion } from "./proofs.ts";
import { rethrowAbsence, type Shortcut } from "./routes.ts";
import type { TileSource } from "./tile-source.ts";

/** What a receipt is about: the entry, or its leaf hash for those who have no more. */
export type ReceiptSubject =
  | { readonly entry: Uint8Array; readonly leafHash?: undefined }
  | { readonly leafHash: Uint8Array; readonly entry?: undefined };

/** A verified receipt with its text: what to keep, in a file that ends in ".tlog-proof". */
export interface LogReceipt extends VerifiedReceipt {
  readonly text: string;
}

/** How to get a receipt. Without a subject, the leaf hash is read from the log's verified tiles. */
export type ReceiptOptions = (
  | ReceiptSubject
  | { readonly entry?: undefined; readonly leafHash?: undefined }
) & {
  readonly signal?: AbortSignal | undefined;
};

/** Between two requests, whatever the log asks for. */
const MIN_PAUSE_MS = 100;

export interface Receipts {
  /** @throws {TlogError} ENTRY_UNKNOWN | NOT_PUBLISHED | ENTRY_MISMATCH | as {@link verifyReceipt} and {@link Heads.judge} */
  fetch(leafIndex: number, options: ReceiptOptions): Promise<LogReceipt>;
  /** As {@link Receipts.fetch}, but asks again until the receipt exists or `timeoutMs` are over (NOT_PUBLISHED). */
  wait(leafIndex: number, options: ReceiptOptions & { readonly timeoutMs?: number }): Promise<LogReceipt>;
  /** Verifies a receipt of this log, its checkpoint also against the remembered one. */
  check(text: string, options: ReceiptOptions): Promise<LogReceipt>;
}

/**
 * Verifies a receipt offline: log signature, quorum, inclusion. Nothing is fetched and nothing remembered.
 * @param args.receipt - `.tlog-proof` text or bytes, at most 256 KiB.
 * @param args.origin - to accept only this log, when the policy has several.
 * @throws {TlogError} RECEIPT_MALFORMED | NUMBER_TOO_LARGE | ORIGIN_MISMATCH | SIGNATURE_MISSING | SIGNATURE_INVALID |
 *   QUORUM_NOT_MET | PROOF_INVALID (also: a receipt for another entry) | HASH_MALFORMED (the given leafHash) |
 *   POLICY_MALFORMED | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export async function verifyReceipt(
  args: TrustIn & ReceiptSubject & { readonly receipt: string | Uint8Array; readonly origin?: string },
): Promise<VerifiedReceipt> {
  const { receipt, origin } = args;
  const leafHash = args.entry === undefined ? args.leafHash : hashOfLeaf(args.entry);
  const expected = origin === undefined ? {} : { expectedOrigin: origin };
  return verifyTlogProof({ policy: policyFrom(args), ...expected, receipt, leafHash });
}

export function openReceipts(log: {
  readonly fetcher: Fetcher;
  readonly heads: Heads;
  readonly tiles: TileSource;
  readonly shortcut: Shortcut;
}): Receipts {
  const { fetcher, heads, tiles } = log;

  async function check(text: string, options: ReceiptOptions): Promise<LogReceipt> {
    const { leafIndex, checkpoint } = parseTlogProof(text);
    const head = await heads.judge(checkpoint, options.signal);
    const claimed = subjectHash(options);
    if (claimed !== undefined) return verifyBy(head, text, claimed);
    if (leafIndex >= head.treeSize)
      throw new TlogError("PROOF_INVALID", `want a tree of at least ${leafIndex + 1} leaves`);
    const leaf = { level: 0, index: leafIndex };
    const read = await tiles.readNodes({ head, nodes: [leaf], signal: options.signal });
    return verifyBy(head, text, read(leaf));
  }

  async function fetchByRoute(leafIndex: number, options: ReceiptOptions): Promise<LogReceipt> {
    const path = `receipt/${formatDecimal(leafIndex)}`;
    const { signal } = options;
    const { body } = await fetcher
      .request({ path, maxBytes: MAX_RECEIPT_BYTES, signal })
      .catch(rethrowAbsence);
    const receipt = await check(decodeUtf8(body), options);
    if (receipt.leafIndex === leafIndex) return receipt;
    throw new TlogError(
      "ENTRY_MISMATCH",
      `want the receipt of entry ${leafIndex}, got that of ${receipt.leafIndex}`,
    );
  }

  async function makeFromTiles(leafIndex: number, options: ReceiptOptions): Promise<LogReceipt> {
    const { signal } = options;
    const head = await heads.covering(leafIndex + 1, signal);
    const { treeSize, signedNote: checkpoint } = head;
    const { proof, leafHash } = await proveInclusion({ tiles, head, signal }, { leafIndex, treeSize });
    return verifyBy(
      head,
      formatTlogProof({ leafIndex, proof, checkpoint }),
      subjectHash(options) ?? leafHash,
    );
  }

  const fetch: Receipts["fetch"] = (leafIndex, options) =>
    log.shortcut(
      "receipt",
      () => fetchByRoute(leafIndex, options),
      () => makeFromTiles(leafIndex, options),
    );

  async function fetchWhenPublished(leafIndex: number, options: ReceiptOptions): Promise<LogReceipt> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await fetch(leafIndex, options);
      } catch (error) {
        if (!(error instanceof TlogError) || error.code !== "NOT_PUBLISHED") throw error;
        const asked = error.cause instanceof RemoteRefusedError ? error.cause.retryAfterMs : undefined;
        const pauseMs = asked ?? backoffMs(attempt, DEFAULT_RETRY, fetcher.random);
        await fetcher.pause(Math.max(pauseMs, MIN_PAUSE_MS), options.signal);
      }
    }
  }

  return {
    fetch,
    check,
    wait: (leafIndex, options) => {
      const { timeoutMs = 30_000 } = options;
      const late = new TlogError("NOT_PUBLISHED", `entry ${leafIndex}: no answer in ${timeoutMs} ms`);
      return fetcher.within({ timeoutMs, late, signal: options.signal }, (signal) =>
        fetchWhenPublished(leafIndex, { ...options, signal }),
      );
    },
  };
}

async function verifyBy(
  { trust: { policy, origin } }: JudgedHead,
  text: string,
  leafHash: Uint8Array,
): Promise<LogReceipt> {
  return { ...(await verifyTlogProof({ policy, expectedOrigin: origin, receipt: text, leafHash })), text };
}

function subjectHash({ entry, leafHash }: ReceiptOptions): Uint8Array | undefined {
  return entry === undefined ? leafHash : hashOfLeaf(entry);
}
