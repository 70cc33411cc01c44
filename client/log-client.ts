/**
 * The client of one log. It asks the log for bytes and believes none of them: what a method returns was verified here, except
 * for the index that `append` and `appendBatch` return, which is the log's promise until there is a receipt.
 */
import { TlogError } from "../src/errors.ts";
import { hashesEqual, leafHash as hashOfLeaf } from "../src/merkle/hash.ts";
import { assertSize } from "../src/merkle/sizes.ts";
import { encodeHex, formatDecimal } from "../src/tlog/encoding.ts";
import { MAX_ENTRY_BYTES } from "../src/tlog/entry-bundle.ts";
import { type CheckpointMemory, memoryCheckpoints } from "./checkpoint-memory.ts";
import { type LogEntry, readEntries } from "./entries.ts";
import { type Fetcher, type FetcherOptions, openFetcher } from "./fetcher.ts";
import { follow } from "./follow.ts";
import { type Heads, openHeads } from "./heads.ts";
import type { KeysChanged } from "./key-ring.ts";
import type { LogHead } from "./log-head.ts";
import { type TrustIn, trustIn } from "./policy.ts";
import { type ConsistencyProof, type InclusionProof, proveConsistency, proveInclusion } from "./proofs.ts";
import { type LogReceipt, openReceipts, type ReceiptOptions } from "./receipts.ts";
import { decodeJsonObject, indexFrom, openShortcuts, rethrowAbsence, type Shortcut } from "./routes.ts";
import { type AppendedEntry, type AppendOptions, appendEntries, appendEntry } from "./submit.ts";
import type { FollowOptions } from "./tail.ts";
import { memoryTiles, type TileCache } from "./tile-cache.ts";
import { openTileSource, type TileSource } from "./tile-source.ts";

/** Which log, whom to believe, and how to reach it. */
export type LogClientOptions = TrustIn &
  FetcherOptions & {
    /** Of the log: tiles are below it, at `<url>/tile/…`. */
    readonly url: string;
    /** Which log of the policy this is; needed only when it has keys of several. */
    readonly origin?: string;
    /** For logs that take writes from its holders only: a bearer token (RFC 6750 §2.1). Sent with writes alone. */
    readonly token?: string;
    /**
     * What the log does with bytes it has, `duplicates` of its /log.json. "first": it answers the first index, so an append
     * whose answer was lost on the way is made again. "allow", the default, for it is safe with any log: it may add them
     * twice, so an append is made again only when the log refused it (429, 503), and a lost answer is an error.
     */
    readonly duplicates?: "first" | "allow";
    /** Default: in memory. Give one that lasts, or the log can show a new history after every restart. */
    readonly checkpoints?: CheckpointMemory;
    /** Told when the log is found to have changed its keys, once each: choose the new ones from then on. spec/key-history.md */
    readonly onKeyChange?: ((change: KeysChanged) => void) | undefined;
    /** Default: in memory, 8 MiB. */
    readonly cache?: TileCache;
  };

/** Which entries: leaves [start, end). */
export interface EntriesOptions {
  /** Default 0. */
  readonly start?: number;
  /** Default: the size of the tree, as the log shows it now. */
  readonly end?: number;
  readonly signal?: AbortSignal | undefined;
}

interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every method may throw, beside what it names: REMOTE_UNREACHABLE | REMOTE_TIMEOUT | REMOTE_REFUSED | REMOTE_TOO_LARGE |
 * REMOTE_MALFORMED | ABORTED (the network); ROOT_MISMATCH | TILE_MALFORMED | BUNDLE_MALFORMED | ENTRY_MISMATCH (the log
 * serves what its checkpoint does not commit to); NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE | ORIGIN_MISMATCH |
 * SIGNATURE_MISSING | SIGNATURE_INVALID | QUORUM_NOT_MET (the checkpoint; the empty tree's only when more is remembered); LOG_FORKED (a `LogForkedError`).
 * Any log with C2SP tlog-tiles can be read; `append` needs POST /add, `appendBatch` and `lookup` need Bristlecone.
 */
export interface LogClient {
  readonly origin: string;
  /** Fetches the newest checkpoint, verifies it, demands that it continues the remembered one, remembers it. */
  checkpoint(options?: Cancellable): Promise<LogHead>;
  /** Yields entries in order; `for await` may stop at any time. @throws {TlogError} NOT_PUBLISHED (`start` or `end` is past the tree) */
  entries(options?: EntriesOptions): AsyncIterableIterator<LogEntry>;
  /** @throws {TlogError} NOT_PUBLISHED */
  entry(leafIndex: number, options?: Cancellable): Promise<LogEntry>;
  /** Yields entries as they come, for ever: see {@link FollowOptions}. */
  follow(options?: FollowOptions): AsyncIterableIterator<LogEntry>;
  /** @param at.treeSize - default: a checkpoint that covers the leaf. @throws {TlogError} NOT_PUBLISHED */
  inclusion(
    at: { readonly leafIndex: number; readonly treeSize?: number },
    options?: Cancellable,
  ): Promise<InclusionProof>;
  /** @throws {TlogError} NOT_PUBLISHED */
  consistency(
    between: { readonly fromSize: number; readonly toSize: number },
    options?: Cancellable,
  ): Promise<ConsistencyProof>;
  /** @throws {TlogError} ENTRY_UNKNOWN | NOT_PUBLISHED (try later, or `waitForReceipt`) | ENTRY_MISMATCH | PROOF_INVALID */
  receipt(leafIndex: number, options?: ReceiptOptions): Promise<LogReceipt>;
  /** `receipt`, asked for again until it exists. @param options.timeoutMs - default 30,000; then NOT_PUBLISHED. */
  waitForReceipt(
    leafIndex: number,
    options?: ReceiptOptions & { readonly timeoutMs?: number },
  ): Promise<LogReceipt>;
  /**
   * Resolves when the log says the entry is durable. After REMOTE_UNREACHABLE, REMOTE_TIMEOUT or a gateway's 502 and 504 it
   * may be all the same: see the option `duplicates`. @throws {TlogError} ENTRY_TOO_LARGE (above 65,535 bytes)
   */
  append(entry: Uint8Array, options?: AppendOptions): Promise<AppendedEntry>;
  /** All or none, in order. @throws {TlogError} ENTRY_TOO_LARGE */
  appendBatch(entries: readonly Uint8Array[], options?: Cancellable): Promise<readonly AppendedEntry[]>;
  /**
   * The index of an entry by its leaf hash, verified; undefined when the log says it has none, which nothing proves.
   * @param leafHash - 32 bytes, SHA-256(0x00 || entry).
   */
  lookup(leafHash: Uint8Array, options?: Cancellable): Promise<number | undefined>;
}

/**
 * Opens a client; nothing is fetched yet.
 * @throws {TlogError} ARGUMENT_INVALID | POLICY_MALFORMED | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export function openLogClient(options: LogClientOptions): LogClient {
  const trust = trustIn(options);
  const { origin } = trust;
  const fetcher = openFetcher(options.url, options);
  const tiles = openTileSource({ origin, fetcher, cache: options.cache ?? memoryTiles() });
  const memory = options.checkpoints ?? memoryCheckpoints();
  const heads = openHeads({ ...options, trust, fetcher, tiles, memory });
  const shortcut = openShortcuts();
  const receipts = openReceipts({ fetcher, heads, tiles, shortcut });
  const parts = { fetcher, tiles, heads, shortcut };
  const repeat = options.duplicates === "first" ? "always" : "if-refused";
  const destination = { fetcher, receipts, token: bearerToken(options.token), repeat } as const;
  return {
    origin,
    checkpoint: ({ signal } = {}) => heads.fetch(signal),
    entries: (range = {}) => entriesIn(parts, range),
    entry: (leafIndex, { signal } = {}) => entryAt(parts, leafIndex, signal),
    follow: (following = {}) => follow(parts, following),
    inclusion: async ({ leafIndex, treeSize }, { signal } = {}) => {
      assertSize("leafIndex", leafIndex);
      const head = await heads.covering(treeSize ?? leafIndex + 1, signal);
      return proveInclusion({ tiles, head, signal }, { leafIndex, treeSize: treeSize ?? head.treeSize });
    },
    consistency: async (between, { signal } = {}) => {
      const head = await heads.covering(between.toSize, signal);
      return proveConsistency({ tiles, head, signal }, between);
    },
    receipt: async (leafIndex, subject = {}) => receipts.fetch(leafIndex, subject),
    waitForReceipt: async (leafIndex, subject = {}) => receipts.wait(leafIndex, subject),
    append: (entry, appending = {}) => appendEntry(destination, entry, appending),
    appendBatch: (entries, appending = {}) => appendEntries(destination, entries, appending),
    lookup: (leafHash, { signal } = {}) => lookUp(parts, leafHash, signal),
  };
}

/** Refused here, because fetch quotes a header that it refuses, and with it the secret. @throws {TlogError} ARGUMENT_INVALID */
function bearerToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\w.~+/-]+=*$/.test(token)) return token;
  throw new TlogError("ARGUMENT_INVALID", "token: want a bearer");
}

interface Parts {
  readonly fetcher: Fetcher;
  readonly tiles: TileSource;
  readonly heads: Heads;
  readonly shortcut: Shortcut;
}

async function* entriesIn(parts: Parts, options: EntriesOptions): AsyncGenerator<LogEntry, void, void> {
  const { start = 0, signal } = options;
  assertSize("start", start);
  if (options.end !== undefined) assertSize("end", options.end);
  const end = options.end ?? (await parts.heads.fetch(signal)).treeSize;
  const head = await parts.heads.covering(Math.max(start, end), signal);
  yield* readEntries(parts, { head, start, end, signal });
}

/** One entry alone where the log has it, else the bundle it is in: same bytes, same check. */
async function entryAt(parts: Parts, leafIndex: number, signal: AbortSignal | undefined): Promise<LogEntry> {
  assertSize("leafIndex", leafIndex);
  const head = await parts.heads.covering(leafIndex + 1, signal);
  const byRoute = async (): Promise<LogEntry> => {
    const path = `entry/${formatDecimal(leafIndex)}`;
    const { body: entry } = await parts.fetcher.request({ path, maxBytes: MAX_ENTRY_BYTES, signal });
    const leafHash = hashOfLeaf(entry);
    await assertLeaf(parts, { head, leafIndex, leafHash, signal });
    return { leafIndex, entry, leafHash };
  };
  const byTiles = async (): Promise<LogEntry> => {
    const range = { head, start: leafIndex, end: leafIndex + 1, signal };
    for await (const entry of readEntries(parts, range)) return entry;
    throw new TlogError("NOT_PUBLISHED", `want a tree of at least ${leafIndex + 1} leaves`);
  };
  return parts.shortcut("entry", byRoute, byTiles);
}

async function lookUp(
  parts: Parts,
  leafHash: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const path = `lookup/${encodeHex(leafHash)}`;
  try {
    const { body } = await parts.fetcher.request({ path, maxBytes: 1_024, signal }).catch(rethrowAbsence);
    const leafIndex = indexFrom(decodeJsonObject(body).leafIndex);
    const head = await parts.heads.covering(leafIndex + 1, signal);
    await assertLeaf(parts, { head, leafIndex, leafHash, signal });
    return leafIndex;
  } catch (error) {
    if (error instanceof TlogError && error.code === "ENTRY_UNKNOWN") return undefined;
    throw error;
  }
}

/** @throws {TlogError} ENTRY_MISMATCH unless the head commits to this leaf hash at this index. */
async function assertLeaf(
  { tiles }: Parts,
  leaf: {
    readonly head: LogHead;
    readonly leafIndex: number;
    readonly leafHash: Uint8Array;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { head, leafIndex, leafHash, signal } = leaf;
  const node = { level: 0, index: leafIndex };
  const read = await tiles.readNodes({ head, nodes: [node], signal });
  if (!hashesEqual(read(node), leafHash)) {
    throw new TlogError("ENTRY_MISMATCH", `entry ${leafIndex} is not the one the log committed to`);
  }
}
