/** The reference adapter: everything in arrays. For tests, and for logs that may be forgotten. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { assertSize } from "../merkle/sizes.ts";
import { concatBytes } from "../tlog/encoding.ts";
import { encodeBundle, entryCount, entryOf } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { appendInner, type OpenInner, SECTION_WIDTH } from "./inner-nodes.ts";
import {
  assertBatch,
  assertEntryRange,
  assertFilled,
  assertHashes,
  assertHead,
  assertNotFrozen,
  assertTile,
  assertToken,
  copyFrozen,
  copyKeys,
  copyPublished,
  copySigned,
  withHeads,
  writerReplaced,
} from "./rules.ts";
import type { Batch, IntegratedHead, LogReader, LogStore, StoreHead } from "./store.ts";
import { randomToken } from "./token.ts";

/** What outlives an opening. Give the same one again to open the same log again. */
export interface MemoryDisk {
  /** undefined until the first opening. */
  origin: string | undefined;
  readonly storeId: string;
  epoch: number;
  lineage: string | undefined;
  head: StoreHead;
  /** Hashes by tile level. */
  readonly levels: Uint8Array[][];
  /** Inner nodes by full tile of level 0, and of the open one. */
  readonly inner: Map<number, Uint8Array>;
  openInner: OpenInner | undefined;
  readonly entries: Uint8Array[];
  /** Smallest leaf index by leaf hash. */
  readonly leaves: Map<string, number>;
}

export function createMemoryDisk(): MemoryDisk {
  return {
    origin: undefined,
    storeId: randomToken(),
    epoch: 0,
    lineage: undefined,
    head: {
      integrated: { treeSize: 0, peaks: [] },
      signed: undefined,
      published: undefined,
      frozen: undefined,
      keys: undefined,
      filling: undefined,
    },
    levels: [],
    inner: new Map(),
    openInner: undefined,
    entries: [],
    leaves: new Map(),
  };
}

/**
 * Opens a log in memory for writing.
 * @param options.disk - what to open; a fresh one when absent.
 * @param options.fills - opens also what an import did not end in.
 * @throws {TlogError} STORE_ORIGIN_MISMATCH | INCOMPLETE
 */
export function openMemoryStore(options: {
  readonly origin: string;
  readonly disk?: MemoryDisk;
  readonly fills?: boolean | undefined;
}): LogStore {
  const disk = options.disk ?? createMemoryDisk();
  disk.origin ??= options.origin;
  if (disk.origin !== options.origin) {
    throw new TlogError("STORE_ORIGIN_MISMATCH", `want origin ${options.origin}, got ${disk.origin}`);
  }
  if (options.fills !== true) assertFilled(disk.head);
  disk.epoch += 1;
  const { storeId, epoch, lineage } = disk;
  let isClosed = false;
  const assertOpen = (): void => {
    if (isClosed) throw new TlogError("STORE_CLOSED", "the store is closed");
  };
  const assertWriter = (): void => {
    assertOpen();
    if (disk.epoch !== epoch) throw writerReplaced({ own: epoch, held: disk.epoch });
  };
  return {
    writer: { storeId, epoch, writerId: randomToken(), lineage },
    ...memoryReader(disk, assertOpen),
    async commit(batch) {
      assertWriter();
      assertBatch(batch);
      assertNotFrozen(disk.head.frozen);
      assertHead(disk.head.integrated.treeSize, batch.from);
      if (batch.heads !== undefined) disk.head = withHeads(disk.head, batch.heads);
      applyBatch(disk, batch);
    },
    async adoptLineage(token) {
      assertWriter();
      assertToken(token);
      disk.lineage = token;
    },
    async recordHeads(rows) {
      assertWriter();
      disk.head = withHeads(disk.head, rows);
    },
    async close() {
      isClosed = true;
    },
  };
}

function memoryReader(disk: MemoryDisk, assertOpen: () => void): Omit<LogReader, "close"> {
  return {
    async head() {
      assertOpen();
      return copyHead(disk.head);
    },
    async readTile(tile) {
      assertOpen();
      assertTile(tile);
      const start = tile.index * TILE_WIDTH;
      const hashes = disk.levels[tile.level]?.slice(start, start + tile.width) ?? [];
      return hashes.length < tile.width ? undefined : concatBytes(...hashes);
    },
    async readSection(leafIndex) {
      assertOpen();
      assertSize("leafIndex", leafIndex);
      const nodes = disk.inner.get(Math.floor(leafIndex / TILE_WIDTH));
      if (nodes === undefined) return undefined;
      const start = leafIndex - (leafIndex % SECTION_WIDTH);
      const leaves = disk.levels[0]?.slice(start, start + SECTION_WIDTH) ?? [];
      return { leaves: concatBytes(...leaves), nodes: nodes.slice() };
    },
    async readEntries(range) {
      assertOpen();
      assertEntryRange(range);
      if (range.end > disk.entries.length) return undefined;
      return encodeBundle(disk.entries.slice(range.start, range.end));
    },
    async indexOf(leafHashes) {
      assertOpen();
      assertHashes(leafHashes);
      return Array.from({ length: leafHashes.length / HASH_BYTES }, (_, at) =>
        disk.leaves.get(leafKey(leafHashes, at)),
      );
    },
  };
}

function applyBatch(disk: MemoryDisk, batch: Batch): void {
  for (const { level, hashes } of batch.levels) {
    const held = disk.levels[level] ?? [];
    disk.levels[level] = held;
    for (let at = 0; at < hashes.length; at += HASH_BYTES) held.push(hashes.slice(at, at + HASH_BYTES));
  }
  const inner = batch.levels[0]?.inner;
  if (inner !== undefined) {
    const { full, open } = appendInner(disk.openInner, { from: batch.from, to: batch.head.treeSize }, inner);
    for (const { index, nodes } of full) disk.inner.set(index, nodes);
    disk.openInner = open;
  }
  for (let offset = 0; offset < entryCount(batch.entries); offset++) {
    disk.entries.push(Uint8Array.from(entryOf(batch.entries, offset)));
    const key = leafKey(batch.leafHashes, offset);
    if (!disk.leaves.has(key)) disk.leaves.set(key, batch.from + offset);
  }
  disk.head = { ...disk.head, integrated: copyIntegrated(batch.head) };
}

function copyHead({ integrated, signed, published, frozen, keys, filling }: StoreHead): StoreHead {
  return {
    integrated: copyIntegrated(integrated),
    signed: signed && copySigned(signed),
    published: published && copyPublished(published),
    frozen: frozen && copyFrozen(frozen),
    keys: keys && copyKeys(keys),
    filling: filling && copySigned(filling),
  };
}

function copyIntegrated({ treeSize, peaks }: IntegratedHead): IntegratedHead {
  return { treeSize, peaks: peaks.map((hash) => hash.slice()) };
}

function leafKey(hashes: Uint8Array, at: number): string {
  return Buffer.from(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)).toString("latin1");
}
