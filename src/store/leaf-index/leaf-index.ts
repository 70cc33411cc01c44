/**
 * The leaf index: which leaf has this hash? Exact, derived from the level-0 tiles, and flat as the log grows. It keeps what it
 * knows in sorted runs, files that are written once, and the newest leaves in memory. spec/storage.md, "The leaf index"
 */

export interface LeafIndexOptions {
  /** Where the runs lie; made, mode 0700, when absent. */
  readonly directory: string;
  /** 32 lowercase hex digits: runs of another store are none of this one's. */
  readonly storeId: string;
  /** How many leaves are durable now. */
  readonly treeSize: number;
  /**
   * The hashes of leaves [start, start + count), concatenated, all of one level-0 tile; bytes the caller owns.
   * @throws {TlogError} STORE_DAMAGED
   */
  readonly readHashes: (start: number, count: number) => Uint8Array;
  /** A reader writes nothing, and takes what a writer beside it has written. */
  readonly readOnly: boolean;
  /** Told now and then while an index that is missing, or lags far behind, is made from the tiles. */
  readonly onProgress?: (progress: { readonly indexed: number; readonly treeSize: number }) => void;
}

export interface LeafIndex {
  /** Leaves [0, size) are found. */
  readonly size: number;
  /** Bytes of its files. */
  readonly diskBytes: number;
  /**
   * Adds leaves [size, size + count), which are durable: they are found from now on. Never waits, and does not throw for the disk.
   * @param leafHashes - count * 32 bytes, not kept.
   */
  append(leafHashes: Uint8Array): void;
  /**
   * Resolves when there is room in memory for more: at once, but for when writing runs falls behind.
   * @throws {TlogError} STORE_FULL | STORE_FAILED: a run could not be written; asked again, it is tried again.
   */
  ready(): Promise<void>;
  /**
   * For each of the concatenated hashes the smallest index of a leaf that has it, or undefined. Compared on all 32 bytes.
   * @throws {TlogError} STORE_DAMAGED
   */
  find(leafHashes: Uint8Array): readonly (number | undefined)[];
  /** Waits for what is being written. Idempotent. */
  close(): Promise<void>;
}
