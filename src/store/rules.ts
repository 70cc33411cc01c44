/** What every adapter checks, so that they refuse alike. Nothing here reads or writes. */
import { InvariantError, TlogError } from "../errors.ts";
import { peakCoordinates } from "../merkle/compact-range.ts";
import { HASH_BYTES, hashesEqual } from "../merkle/hash.ts";
import { assertSize } from "../merkle/sizes.ts";
import { entryCount, isWholeBlock } from "../tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { INNER_HEIGHTS } from "./inner-nodes.ts";
import type {
  Batch,
  FillingHead,
  FrozenHead,
  HeadRows,
  IntegratedHead,
  KeptKeyHistory,
  PublishedHead,
  SignedHead,
  StoreHead,
} from "./store.ts";
import { isToken } from "./token.ts";

/** Tile levels that can hold a hash while tree sizes stay below 2^53: 256^6 < 2^53 < 256^7. */
const LEVELS = 7;

/** How many hashes a tile level holds: roots of complete subtrees of 256^level leaves. */
export function hashesAtLevel(treeSize: number, level: number): number {
  return Math.floor(treeSize / TILE_WIDTH ** level);
}

/** @throws {TlogError} HEAD_MOVED unless a batch that builds on `from` builds on `treeSize`. */
export function assertHead(treeSize: number, from: number): void {
  if (from === treeSize) return;
  throw new TlogError("HEAD_MOVED", `batch.from: want the integrated size ${treeSize}, got ${from}`);
}

/** @throws {TlogError} LOG_ENDED */
export function assertNotFrozen(frozen: FrozenHead | undefined): void {
  if (frozen === undefined) return;
  throw new TlogError("LOG_ENDED", `the log was frozen at size ${frozen.treeSize}: it takes no more entries`);
}

/** @throws {TlogError} INCOMPLETE: whoever signed from here would sign a second history. */
export function assertFilled({ filling, integrated }: StoreHead): void {
  if (filling === undefined) return;
  throw new TlogError(
    "INCOMPLETE",
    `an import or a repair did not end: ${filling.treeSize} entries were signed, and ${integrated.treeSize} are here; import them from a place that has them, before anything is signed from here`,
  );
}

/** @throws {TlogError} STORE_SCHEMA_UNKNOWN */
export function assertSchema(wanted: number, found: number): void {
  if (wanted === found) return;
  throw new TlogError(
    "STORE_SCHEMA_UNKNOWN",
    `schema: want ${wanted}, got ${found}; it was written by another version of this program`,
  );
}

/** What a writer is told whose log another opening took over. */
export function writerReplaced(writer: { readonly own: number; readonly held: number }): TlogError {
  return new TlogError(
    "WRITER_REPLACED",
    `this writer is number ${writer.own}, number ${writer.held} opened the store after it`,
  );
}

/** Checks a batch against itself. @throws {InvariantError} when it does not add up: a bug in whoever built it. */
export function assertBatch(batch: Batch): void {
  const { from, entries, leafHashes, head } = batch;
  const count = entryCount(entries);
  invariant(Number.isSafeInteger(from) && from >= 0, `batch.from ${from}`);
  invariant(
    count > 0 && leafHashes.length === count * HASH_BYTES,
    `${count} entries, ${leafHashes.length} bytes of leaf hashes`,
  );
  invariant(Number.isSafeInteger(head.treeSize) && head.treeSize === from + count, "batch.head.treeSize");
  invariant(isWholeBlock(entries), "offsets beside the entries");
  assertPeaks(head);
  assertLevels(batch);
  assertInner(batch);
}

/** What `head` is with `rows` recorded in it: copies. @throws {TlogError} SIGNED_SIZE_WENT_BACK when they may not follow it. */
export function withHeads(
  head: StoreHead,
  { signed, published, frozen, keys, filling }: HeadRows,
): StoreHead {
  if (signed !== undefined) assertSignable(head, signed);
  if (frozen !== undefined) assertFreezable(head, frozen);
  if (keys !== undefined) assertKeysFollow(head, keys);
  const next = {
    ...head,
    signed: signed === undefined ? head.signed : copySigned(signed),
    frozen: frozen === undefined ? head.frozen : copyFrozen(frozen),
    keys: keys === undefined ? head.keys : copyKeys(keys),
    filling: stillFilling(largerFilling(head.filling, filling), signed ?? head.signed),
  };
  if (published === undefined) return next;
  assertPublishable(next, published);
  return { ...next, published: copyPublished(published) };
}

function largerFilling(
  held: FillingHead | undefined,
  next: FillingHead | undefined,
): FillingHead | undefined {
  const isKept = next === undefined || (held !== undefined && held.treeSize >= next.treeSize);
  return isKept ? held : copySigned(next);
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when another tree of that size is signed */
function stillFilling(
  filling: FillingHead | undefined,
  signed: SignedHead | undefined,
): FillingHead | undefined {
  if (filling === undefined || signed === undefined || signed.treeSize < filling.treeSize) return filling;
  if (signed.treeSize > filling.treeSize || hashesEqual(signed.rootHash, filling.rootHash)) return undefined;
  throw wentBack(`size ${signed.treeSize} was to be brought here with another root`);
}

export function copySigned({ treeSize, rootHash }: SignedHead): SignedHead {
  return { treeSize, rootHash: rootHash.slice() };
}

export function copyPublished({ treeSize, checkpoint, mayTrail }: PublishedHead): PublishedHead {
  return { treeSize, checkpoint: checkpoint.slice(), ...(mayTrail === true && { mayTrail }) };
}

export function copyFrozen({ treeSize, statement, isUnmarked }: FrozenHead): FrozenHead {
  return { treeSize, statement: [...statement], ...(isUnmarked === true && { isUnmarked }) };
}

export function copyKeys({ changes, history }: KeptKeyHistory): KeptKeyHistory {
  return { changes, history: history.slice() };
}

/** What they say is for the writer to hold to. @throws {TlogError} SIGNED_SIZE_WENT_BACK */
function assertKeysFollow({ keys: held }: StoreHead, { changes }: KeptKeyHistory): void {
  if (changes >= 1 && changes >= (held?.changes ?? 0)) return;
  throw wentBack(`keys: want at least ${held?.changes ?? 1} changes, got ${changes}`);
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when the log cannot end there. */
function assertFreezable({ integrated }: StoreHead, { treeSize }: FrozenHead): void {
  if (treeSize === integrated.treeSize) return;
  throw wentBack(`frozen: want the integrated size ${integrated.treeSize}, got ${treeSize}`);
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when `next` may not be signed after what `head` records. */
function assertSignable(head: StoreHead, next: SignedHead): void {
  assertSize("treeSize", next.treeSize);
  if (next.rootHash.length !== HASH_BYTES) throw new InvariantError("a root hash is not 32 bytes");
  const { integrated, signed } = head;
  if (next.treeSize > integrated.treeSize) {
    throw wentBack(`want at most the integrated size ${integrated.treeSize}, got ${next.treeSize}`);
  }
  if (signed === undefined) return;
  if (next.treeSize < signed.treeSize) {
    throw wentBack(`want at least the signed size ${signed.treeSize}, got ${next.treeSize}`);
  }
  if (next.treeSize === signed.treeSize && !hashesEqual(next.rootHash, signed.rootHash)) {
    throw wentBack(`size ${next.treeSize} was signed with another root`);
  }
}

/** @throws {TlogError} SIGNED_SIZE_WENT_BACK when `next` may not be published after what `head` records. */
function assertPublishable(head: StoreHead, next: PublishedHead): void {
  assertSize("treeSize", next.treeSize);
  const { signed, published } = head;
  if (signed === undefined) throw wentBack(`nothing is signed yet, got ${next.treeSize}`);
  if (next.treeSize > signed.treeSize) {
    throw wentBack(`want at most the signed size ${signed.treeSize}, got ${next.treeSize}`);
  }
  if (published !== undefined && next.treeSize < published.treeSize) {
    throw wentBack(`want at least the published size ${published.treeSize}, got ${next.treeSize}`);
  }
}

/** @throws {TlogError} ARGUMENT_INVALID unless it names a tile prefix of 1 to 256 hashes. */
export function assertTile(tile: {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}): void {
  assertSize("level", tile.level);
  assertSize("index", tile.index);
  assertSize("width", tile.width);
  if (tile.width >= 1 && tile.width <= TILE_WIDTH) return;
  throw new TlogError("ARGUMENT_INVALID", `width: want 1 to 256, got ${tile.width}`);
}

/** @throws {TlogError} ARGUMENT_INVALID unless [start, end) is not empty and lies within one bundle. */
export function assertEntryRange(range: { readonly start: number; readonly end: number }): void {
  assertSize("start", range.start);
  assertSize("end", range.end);
  const bundleEnd = (Math.floor(range.start / TILE_WIDTH) + 1) * TILE_WIDTH;
  if (range.start < range.end && range.end <= bundleEnd) return;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `entries: want a range within one bundle, got [${range.start}, ${range.end})`,
  );
}

/** @throws {TlogError} ARGUMENT_INVALID unless they can be hashes of 32 bytes each. */
export function assertHashes(leafHashes: Uint8Array): void {
  if (leafHashes.length % HASH_BYTES === 0) return;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `leafHashes: want 32 bytes each, got ${leafHashes.length} together`,
  );
}

/** @throws {InvariantError} unless `token` is 32 lowercase hex digits. */
export function assertToken(token: string): void {
  invariant(isToken(token), "a lineage token is not 32 lowercase hex digits");
}

function assertPeaks(head: IntegratedHead): void {
  invariant(
    head.peaks.length === peakCoordinates(head.treeSize).length,
    "one peak per one-bit of the tree size",
  );
  invariant(
    head.peaks.every((hash) => hash.length === HASH_BYTES),
    "a peak is not 32 bytes",
  );
}

function assertInner({ from, head, levels }: Batch): void {
  const inner = levels[0]?.inner;
  if (inner === undefined) return;
  const wanted = INNER_HEIGHTS.map(
    (height) => Math.floor(head.treeSize / 2 ** height) - Math.floor(from / 2 ** height),
  );
  invariant(
    inner.length === wanted.length && inner.every((of, at) => of.length === (wanted[at] ?? 0) * HASH_BYTES),
    `want ${wanted.join(", ")} inner nodes`,
  );
}

/** Every level that grew is there once, starts where the level ended and brings what the new size adds to it. */
function assertLevels(batch: Batch): void {
  const { from, head, levels } = batch;
  for (let level = 0; level < LEVELS; level++) {
    const start = hashesAtLevel(from, level);
    const added = hashesAtLevel(head.treeSize, level) - start;
    const append = levels[level];
    if (added === 0) {
      invariant(levels.length <= level, `level ${level} did not grow`);
      return;
    }
    invariant(
      append?.level === level && append.start === start && append.hashes.length === added * HASH_BYTES,
      `level ${level}: want ${added} hashes from ${start}`,
    );
  }
}

function wentBack(detail: string): TlogError {
  return new TlogError("SIGNED_SIZE_WENT_BACK", `treeSize: ${detail}`);
}

function invariant(holds: boolean, detail: string): void {
  if (!holds) throw new InvariantError(`the store was given what it cannot keep: ${detail}`);
}
