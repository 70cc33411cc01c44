/**
 * The leaf index: which leaf has this hash? Exact, derived from the tiles, and flat as the log grows. It keeps what it knows in
 * sorted runs, files that are written once, and the newest leaves in memory. spec/storage.md, "The leaf index"
 */

/** Hashes [start, start + count) of a tile level, all of one tile. Level 0 holds leaf hashes, level L roots of 256^L leaves. */
export interface TileHashes {
  readonly level: number;
  readonly start: number;
  readonly count: number;
}

export interface LeafIndexOptions {
  /** Where the runs lie; made, mode 0700, when absent. A reader makes nothing. */
  readonly directory: string;
  /** 32 lowercase hex digits: runs of another store are none of this one's. */
  readonly storeId: string;
  /** How many leaves are durable now. */
  readonly treeSize: number;
  /**
   * Reads what is durable: of the leaves of `treeSize`, of all that were given to `append`, and of all that were named to
   * `catchUp`. Bytes the caller owns. Inner nodes (level 1 and up) tell a run of this log from one of a fork.
   * @throws {TlogError} STORE_DAMAGED
   */
  readonly readHashes: (range: TileHashes) => Uint8Array;
  /**
   * Has the system take the tiles of these leaves into its memory, away from the event loop: `readHashes` comes next. Never rejects.
   * Without it each tile that is on the disk keeps the event loop waiting.
   */
  readonly fetchTiles?: (leafIndices: readonly number[]) => Promise<void>;
  /** Milliseconds: tells the disk from the memory. By default performance.now(). */
  readonly now?: () => number;
  /** A reader writes nothing, and takes what a writer beside it has written. */
  readonly readOnly: boolean;
  /** Told now and then while an index that is missing, or lags far behind, is made from the tiles. */
  readonly onProgress?: (progress: { readonly indexed: number; readonly treeSize: number }) => void;
  /** Told why a merge failed. The index goes on, with more runs to look through, and tries again with each new run. */
  readonly onMergeFailed?: (error: unknown) => void;
  /** Free bytes below which the log takes no entries: a merge, which can wait, does not bring it there. Default 0. */
  readonly floorBytes?: number;
}

export interface LeafIndex {
  /** Leaves [0, size) are found. */
  readonly size: number;
  /** Bytes of its files. */
  readonly diskBytes: number;
  /**
   * Adds leaves [size, size + count), which are durable: they are found from now on. Never waits, and does not throw for the disk.
   * Await `ready` before each batch: it is what bounds the memory.
   * @param leafHashes - count * 32 bytes, not kept.
   */
  append(leafHashes: Uint8Array): void;
  /**
   * Resolves when there is room in memory for another batch: at once, but for when writing runs falls behind.
   * @throws {TlogError} STORE_FULL | STORE_FAILED: a run could not be written; asked again, it is tried again. | STORE_DAMAGED
   */
  ready(): Promise<void>;
  /**
   * For a reader, before `find`: adds leaves [size, treeSize) from the tiles, or from runs that a writer has written meanwhile.
   * Resolves at once when `size` is `treeSize` or more. Calls are served one after the other.
   * @throws {TlogError} STORE_DAMAGED | STORE_CLOSED | STORE_FAILED (also: no writer has made the runs yet, and the leaves are too
   *   many to hold)
   */
  catchUp(treeSize: number): Promise<void>;
  /**
   * For each of the concatenated hashes the smallest index of a leaf that has it, or undefined. Compared on all 32 bytes.
   * @throws {TlogError} STORE_DAMAGED | STORE_FAILED | STORE_CLOSED
   */
  find(leafHashes: Uint8Array): readonly (number | undefined)[];
  /**
   * As `find`, of what it knows at the call, with many reads of the disk at once and none that the event loop waits for, but a few.
   * A writer that comes to a damaged run first waits until it is made anew, some microseconds for each of its leaves.
   * @throws {TlogError} as `find`, STORE_DAMAGED when the tiles are too, or the disk damages what is written | STORE_FULL
   */
  findRepaired(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]>;
  /** Waits for what is being written. Idempotent. What is in memory only is read from the tiles at the next opening. */
  close(): Promise<void>;
}
