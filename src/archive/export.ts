/** A log as static files: all of it the first time, what is new from then on. */
import { TlogError } from "../errors.ts";
import { type CompactRange, rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { lockPlace } from "../store/directory-lock.ts";
import type { Batch } from "../store/store.ts";
import { type Checkpoint, parseCheckpoint } from "../tlog/checkpoint.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import { parseKeyHistory } from "../tlog/key-history.ts";
import { parseNote } from "../tlog/note.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { longerHistory } from "./carried-keys.ts";
import { openDirectorySource } from "./directory-source.ts";
import type { LogSource } from "./source.ts";
import { openStaticDirectory, type StaticDirectory } from "./static-directory.ts";
import { TileAssembler } from "./tile-assembler.ts";
import { openVerifiedTree, type VerifiedTree } from "./verified-tree.ts";
import { walkLog } from "./walk.ts";

/** Held for a whole export: of two at once the slower would put its older checkpoint over the newer one. */
const LOCK_SOCKET = ".export.sock";

export interface ExportOptions {
  /** Its checkpoint is exported as it is: whoever reads it verifies the signatures. */
  readonly source: LogSource;
  readonly directory: string;
  /** Write every file again, not only what is new. Default false. */
  readonly all?: boolean;
  readonly signal: AbortSignal;
  /** Told once, before the first file: which entries there are to write. */
  readonly onStart?: (work: { readonly from: number; readonly treeSize: number }) => void;
  /** Told after each batch: up to which entry the log is written, and how many bytes of entries that took. */
  readonly onProgress?: (done: { readonly treeSize: number; readonly bytes: number }) => void;
}

export interface Exported {
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** What the directory showed before; undefined when it is new. */
  readonly before: number | undefined;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Writes the source's log, as of its checkpoint, into a static tlog-tiles directory. Every entry is hashed on the way, and the checkpoint
 * is replaced only when all of it hashes to the root that it names and is durable.
 * @throws {TlogError} USAGE (the directory holds something else) | ORIGIN_MISMATCH | SIGNED_SIZE_WENT_BACK (it shows more than the source) |
 *   ROOT_MISMATCH (it shows another history) | STORE_LOCKED (another export writes there) | FILE_UNWRITABLE |
 *   KEY_HISTORY_FORKED (it shows another change of the log's keys), and as {@link walkLog}
 */
export async function exportLog(options: ExportOptions): Promise<Exported> {
  // Nothing is made for a log that has none; under the lock it is read again.
  checkpointIn(await options.source.readCheckpoint(options.signal), options.source.location);
  const files = await openStaticDirectory(options.directory);
  const lock = await lockPlace(options.directory, LOCK_SOCKET);
  try {
    return await exportInto(files, options);
  } finally {
    await lock.release();
  }
}

async function exportInto(files: StaticDirectory, options: ExportOptions): Promise<Exported> {
  const { source, directory, signal } = options;
  const note = await source.readCheckpoint(signal);
  const head = checkpointIn(note, source.location);
  const before = await heldCheckpoint(directory, signal);
  const tree = openVerifiedTree([source], head);
  if (before !== undefined) await assertContinues({ directory, before, head, tree, signal });
  const known = options.all === true ? 0 : (before?.treeSize ?? 0);
  try {
    await exportFrom(known, { options, head, tree, files });
    // After the checkpoint, so that it leads to whatever key signed that.
    const keyHistory = await newerKeys(directory, options);
    const isNew = before === undefined || !bytesEqual(before.note, note) || keyHistory !== undefined;
    // Where nothing can be locked, another export may have shown more meanwhile.
    const assertNewest = async () => assertNotLater(directory, await heldCheckpoint(directory, signal), head);
    if (isNew || files.written().files > 0)
      await files.publish({ checkpoint: note, keyHistory }, assertNewest);
  } finally {
    await files.settle();
  }
  if (before !== undefined) await pruneEdge(files, { before: before.treeSize, after: head.treeSize });
  const { origin, treeSize, rootHash } = head;
  return { origin, treeSize, rootHash, before: before?.treeSize, ...files.written() };
}

/** The source's history where it says more than the directory's. @throws {TlogError} KEY_HISTORY_FORKED | KEY_HISTORY_MALFORMED | SIGNED_SIZE_WENT_BACK */
async function newerKeys(
  directory: string,
  { source, signal }: ExportOptions,
): Promise<Uint8Array | undefined> {
  const own = await source.readKeyHistory(signal);
  const shown = await openDirectorySource(directory).readKeyHistory(signal);
  if (shown === undefined) return own;
  const history = own && parseKeyHistory(own);
  const longer = longerHistory(history, parseKeyHistory(shown));
  if (longer === history) return own;
  if (longer?.changes.length === history?.changes.length) return undefined;
  throw new TlogError(
    "SIGNED_SIZE_WENT_BACK",
    `${directory} shows more changes of the log's keys than what is to be exported has: is it a restored copy?`,
  );
}

interface Exporting {
  readonly options: ExportOptions;
  readonly head: Checkpoint;
  readonly tree: VerifiedTree;
  readonly files: StaticDirectory;
}

/** Begins with the bundle that `known` leaves open. */
async function exportFrom(known: number, { options, head, tree, files }: Exporting): Promise<void> {
  const { source, signal } = options;
  if (known === head.treeSize) return;
  const start = known - (known % TILE_WIDTH);
  const from: CompactRange = await tree.rangeAt(start, signal);
  const tiles = await TileAssembler.at(tree, start, signal);
  options.onStart?.({ from: start, treeSize: head.treeSize });
  let bytes = 0;
  for await (const batch of walkLog({ sources: [source], head, from, signal })) {
    await writeBundles(files, batch);
    for (const { tile, hashes } of tiles.append(batch.levels)) await files.writeTile(tile, hashes);
    bytes += batch.entries.bytes.length;
    options.onProgress?.({ treeSize: batch.head.treeSize, bytes });
  }
  for (const { tile, hashes } of tiles.edge()) await files.writeTile(tile, hashes);
}

/** A batch begins where a bundle does. */
async function writeBundles(files: StaticDirectory, { from, entries, head }: Batch): Promise<void> {
  for (let start = from; start < head.treeSize; start += TILE_WIDTH) {
    const end = Math.min(start + TILE_WIDTH, head.treeSize);
    const bytes = entries.bytes.subarray(entries.offsets[start - from], entries.offsets[end - from]);
    await files.writeBundle({ index: start / TILE_WIDTH, width: end - start }, bytes);
  }
}

interface HeldCheckpoint extends Checkpoint {
  readonly note: Uint8Array;
}

/** What the directory shows now. @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED */
async function heldCheckpoint(directory: string, signal: AbortSignal): Promise<HeldCheckpoint | undefined> {
  try {
    const note = await openDirectorySource(directory).readCheckpoint(signal);
    return { ...checkpointIn(note, directory), note };
  } catch (error) {
    if (error instanceof TlogError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

async function assertContinues(args: {
  readonly directory: string;
  readonly before: Checkpoint;
  readonly head: Checkpoint;
  readonly tree: VerifiedTree;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { directory, before, head, tree, signal } = args;
  if (before.origin !== head.origin) {
    throw new TlogError("ORIGIN_MISMATCH", `${directory} is of ${before.origin}, not of ${head.origin}`);
  }
  assertNotLater(directory, before, head);
  const rootHash = rangeRoot(await tree.rangeAt(before.treeSize, signal));
  if (hashesEqual(rootHash, before.rootHash)) return;
  throw new TlogError(
    "ROOT_MISMATCH",
    `${directory} shows another history: its ${before.treeSize} entries are not the first of these ${head.treeSize}`,
  );
}

function assertNotLater(directory: string, shown: Checkpoint | undefined, head: Checkpoint): void {
  if (shown === undefined || shown.treeSize <= head.treeSize) return;
  throw new TlogError(
    "SIGNED_SIZE_WENT_BACK",
    `${directory} shows ${shown.treeSize} entries, and what is to be exported has ${head.treeSize}: is it a restored copy?`,
  );
}

/** The open tiles of the tree before: whoever still wants a part of one that is full now takes the full one.  c2sp.org/tlog-tiles, "Partial Tiles" */
async function pruneEdge(
  files: StaticDirectory,
  { before, after }: { readonly before: number; readonly after: number },
): Promise<void> {
  for (let level = 0; TILE_WIDTH ** level <= before; level++) {
    const index = Math.floor(before / TILE_WIDTH ** (level + 1));
    if (after < (index + 1) * TILE_WIDTH ** (level + 1)) continue;
    await files.prunePartials({ level, index });
    if (level === 0) await files.prunePartials({ level: "entries", index });
  }
}

/** @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE */
function checkpointIn(note: Uint8Array, location: string): Checkpoint {
  try {
    return parseCheckpoint(decodeUtf8(parseNote(note).text));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `the checkpoint of ${location}: ${cause.message}`, { cause });
  }
}
