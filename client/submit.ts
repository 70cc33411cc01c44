/** Appending entries. What the log answers is its promise; a receipt is the proof. */
import { TlogError } from "../src/errors.ts";
import { leafHash as hashOfLeaf } from "../src/merkle/hash.ts";
import { decodeUtf8, encodeHex, parseDecimal } from "../src/tlog/encoding.ts";
import { encodeBundle, MAX_ENTRY_BYTES } from "../src/tlog/entry-bundle.ts";
import { MAX_RECEIPT_BYTES } from "../src/tlog/proof.ts";
import type { Fetcher, RemoteResponse } from "./fetcher.ts";
import type { LogReceipt, Receipts } from "./receipts.ts";
import { decodeJsonObject, indexFrom } from "./routes.ts";

/** An entry the log says is durable, at this index for ever. */
export interface AppendedEntry {
  readonly leafIndex: number;
  /** SHA-256(0x00 || entry), 32 bytes, computed here. */
  readonly leafHash: Uint8Array;
  /** The log had these bytes before; undefined when it did not say. */
  readonly duplicate: boolean | undefined;
  /** Verified. Present when it was waited for and came in time. */
  readonly receipt?: LogReceipt;
}

export interface AppendOptions {
  /**
   * Wait so long for the receipt: rounded up to seconds for the log. When it does not come in time the entry is appended
   * all the same, and `waitForReceipt` can go on waiting.
   */
  readonly waitForReceiptMs?: number;
  readonly signal?: AbortSignal | undefined;
}

interface Destination {
  readonly fetcher: Fetcher;
  readonly receipts: Receipts;
  /** Sent as a bearer token with writes, and only with writes. */
  readonly token: string | undefined;
  /** Whether an append whose answer was lost is made again. */
  readonly repeat: "always" | "if-refused";
}

const RECEIPT_TYPE = "text/x.tlog.proof";

/** @throws {TlogError} ENTRY_TOO_LARGE | REMOTE_MALFORMED | as {@link Fetcher}, and for the receipt as {@link Receipts} */
export async function appendEntry(
  log: Destination,
  entry: Uint8Array,
  { waitForReceiptMs = 0, signal }: AppendOptions,
): Promise<AppendedEntry> {
  assertEntrySize(entry);
  const deadlineMs = log.fetcher.now() + waitForReceiptMs;
  const leafHash = hashOfLeaf(entry);
  const response = await log.fetcher.request({
    path: "add",
    body: entry,
    headers: { ...writeHeaders(log.token), ...receiptPreference(waitForReceiptMs) },
    maxBytes: MAX_RECEIPT_BYTES,
    serverWaitMs: waitForReceiptMs,
    repeat: log.repeat,
    signal,
  });
  if (response.mediaType === RECEIPT_TYPE) {
    const receipt = await log.receipts.check(decodeUtf8(response.body), { leafHash, signal });
    return { leafIndex: receipt.leafIndex, leafHash, duplicate: undefined, receipt };
  }
  const appended = { ...decodePromise(response, leafHash), leafHash };
  const timeoutMs = deadlineMs - log.fetcher.now();
  if (timeoutMs <= 0) return appended;
  const receipt = await log.receipts
    .wait(appended.leafIndex, { leafHash, timeoutMs, signal })
    .catch(undefinedIfLate);
  return receipt === undefined ? appended : { ...appended, receipt };
}

/**
 * Appends all entries or none, in order.
 * @throws {TlogError} as {@link appendEntry}; REMOTE_REFUSED when the log's limits for one batch are exceeded.
 */
export async function appendEntries(
  log: Destination,
  entries: readonly Uint8Array[],
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<readonly AppendedEntry[]> {
  if (entries.length === 0) return [];
  const { body } = await log.fetcher.request({
    path: "add-batch",
    body: encodeBundle(entries),
    headers: { ...writeHeaders(log.token), accept: "application/json" },
    // Two numbers of 16 digits for each entry, at most.
    maxBytes: 1_024 + 40 * entries.length,
    repeat: log.repeat,
    signal,
  });
  const { leafIndices, duplicates } = decodeJsonObject(body);
  if (!Array.isArray(leafIndices) || leafIndices.length !== entries.length || !Array.isArray(duplicates)) {
    throw new TlogError("REMOTE_MALFORMED", "want leaf indices and duplicates");
  }
  const positions = new Set(duplicates.map(indexFrom));
  return entries.map((entry, position) => ({
    leafIndex: indexFrom(leafIndices[position]),
    leafHash: hashOfLeaf(entry),
    duplicate: positions.has(position),
  }));
}

function assertEntrySize(entry: Uint8Array): void {
  // By its tag: bytes of another realm are bytes too, and a string is not, whatever its length.
  if (entry[Symbol.toStringTag] !== "Uint8Array") {
    throw new TlogError("ARGUMENT_INVALID", "entry: want a Uint8Array");
  }
  if (entry.length > MAX_ENTRY_BYTES) {
    throw new TlogError(
      "ENTRY_TOO_LARGE",
      `entry: want at most ${MAX_ENTRY_BYTES} bytes, got ${entry.length}`,
    );
  }
}

function writeHeaders(token: string | undefined): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** RFC 7240 §4.3 */
function receiptPreference(waitMs: number): Record<string, string> {
  if (waitMs <= 0) return { accept: "application/json, text/plain;q=0.5" };
  return {
    accept: `${RECEIPT_TYPE}, application/json;q=0.5, text/plain;q=0.4`,
    prefer: `wait=${Math.ceil(waitMs / 1000)}`,
  };
}

/** JSON, or a bare decimal index on the first line, which is all that other logs answer. */
function decodePromise(
  { body, mediaType }: RemoteResponse,
  leafHash: Uint8Array,
): { readonly leafIndex: number; readonly duplicate: boolean | undefined } {
  if (mediaType !== "application/json") return { leafIndex: parseIndexLine(body), duplicate: undefined };
  const answer = decodeJsonObject(body);
  if (answer.leafHash !== encodeHex(leafHash)) {
    throw new TlogError("REMOTE_MALFORMED", "want the leaf hash of the entry");
  }
  return {
    leafIndex: indexFrom(answer.leafIndex),
    duplicate: typeof answer.duplicate === "boolean" ? answer.duplicate : undefined,
  };
}

function parseIndexLine(body: Uint8Array): number {
  try {
    return parseDecimal(decodeUtf8(body).split("\n", 1)[0] ?? "");
  } catch (cause) {
    if (cause instanceof TlogError && cause.code === "NUMBER_TOO_LARGE") throw cause;
    throw new TlogError("REMOTE_MALFORMED", "want a leaf index", { cause });
  }
}

/** A receipt that is late is no failure of the append. */
function undefinedIfLate(error: unknown): undefined {
  if (error instanceof TlogError && error.code === "NOT_PUBLISHED") return undefined;
  throw error;
}
