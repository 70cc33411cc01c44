/**
 * The storage port: what the sequencer needs, not what a database can do. Adapters are `memory.ts` (the reference) and
 * `lmdb.ts`; `test/store/conformance.ts` is the contract as tests. Adapters move bytes, they never hash.
 */
import type { EntryBlock } from "../tlog/entry-bundle.ts";

/** A tree head as the store keeps it: size, and the roots of its perfect subtrees from left (largest) to right. */
export interface IntegratedHead {
  readonly treeSize: number;
  /** The compact range [0, treeSize): one 32-byte hash per one-bit of `treeSize`, largest subtree first. */
  readonly peaks: readonly Uint8Array[];
}

/** The largest head ever handed to a signer, as far as storage knows: the guard knows first, spec/decisions/0032. */
export interface SignedHead {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/** The last published checkpoint. */
export interface PublishedHead {
  readonly treeSize: number;
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
  /** Readers may have seen a later one: its writer shows a checkpoint first and records it then. */
  readonly mayTrail?: boolean | undefined;
}

/** The log ended: it takes no more entries, for ever. */
export interface FrozenHead {
  /** The size at which it ended. */
  readonly treeSize: number;
  /** What its last checkpoint says of it, as extension lines without their newlines. spec/frozen.md */
  readonly statement: readonly string[];
  /** Its last checkpoint does not say it after all: too few of its witnesses cosign extension lines. */
  readonly isUnmarked?: boolean | undefined;
}

/** A signed head whose entries are being brought here from elsewhere: until all of them are, nothing may be signed from here. */
export interface FillingHead {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/** Signed changes of the log's keys, spec/key-history.md: its bytes, and how many. */
export interface KeptKeyHistory {
  readonly changes: number;
  readonly history: Uint8Array;
}

/** What to record of heads; what is absent stays as it is. */
export interface HeadRows {
  /** At least as many changes as are kept already. */
  readonly keys?: KeptKeyHistory | undefined;
  readonly signed?: SignedHead | undefined;
  readonly published?: PublishedHead | undefined;
  readonly frozen?: FrozenHead | undefined;
  /** The larger one stays. It is gone with the first signed head that is as large. */
  readonly filling?: FillingHead | undefined;
}

export interface StoreHead {
  readonly integrated: IntegratedHead;
  /** undefined: this log has never signed. */
  readonly signed: SignedHead | undefined;
  readonly published: PublishedHead | undefined;
  readonly frozen: FrozenHead | undefined;
  /** undefined: the log's keys never changed. */
  readonly keys: KeptKeyHistory | undefined;
  /** undefined: the store holds all that it was to be given. */
  readonly filling: FillingHead | undefined;
}

/** Hashes that became complete at one tile level; they extend that level's hashes on the right. */
export interface LevelAppend {
  /** Tile level: 0 holds leaf hashes, level L holds roots of 256^L leaves. */
  readonly level: number;
  /** Index, at this level, of the first hash in `hashes`; equals the number of hashes the level held before. */
  readonly start: number;
  /** Whole 32-byte hashes, concatenated. */
  readonly hashes: Uint8Array;
  /**
   * Of level 0 only: the nodes of heights 4, 5, 6 and 7 that these leaves complete, from left to right, concatenated for each height.
   * Without them nothing is held for {@link LogReader.readSection} of the tiles these leaves are in.
   */
  readonly inner?: readonly Uint8Array[];
}

/** Everything one group commit writes, all or nothing. */
export interface Batch {
  /** Tree size the batch builds on. */
  readonly from: number;
  /** Entries of the leaves from `from` on. */
  readonly entries: EntryBlock;
  /** Leaf hashes of `entries`, 32 bytes each, concatenated in the same order: the leaf index's keys. */
  readonly leafHashes: Uint8Array;
  /** One item per tile level that grew, level 0 first. */
  readonly levels: readonly LevelAppend[];
  /** The head after the batch. */
  readonly head: IntegratedHead;
  /** Recorded in the same transaction: heads of trees before the batch. */
  readonly heads?: HeadRows | undefined;
}

/** Which writer this opening is. The guard keeps a copy, so that a copied directory is told apart. */
export interface WriterIdentity {
  /** 32 lowercase hex digits, drawn when the store was created. */
  readonly storeId: string;
  /** Counts openings for writing. */
  readonly epoch: number;
  /** 32 lowercase hex digits, drawn at this opening. */
  readonly writerId: string;
  /**
   * The token last given to `adoptLineage`, as found at this opening; undefined before the first.
   * The guard outside the directory holds the same token, so that a copy or a restored backup is told apart.
   */
  readonly lineage: string | undefined;
}

/** 16 leaves of a full tile, and what is held of the nodes between them and the root of the tile. */
export interface TileSection {
  /** Leaf hashes [16 k, 16 k + 16), concatenated. */
  readonly leaves: Uint8Array;
  /** The inner nodes of the whole tile: 16 of height 4, 8 of height 5, 4 of height 6, 2 of height 7, concatenated. */
  readonly nodes: Uint8Array;
}

/** Reading: any number of processes. Returned bytes belong to the caller. */
export interface LogReader {
  /** What is durable now. A reader in another process sees a commit only after it is durable. */
  head(): Promise<StoreHead>;
  /**
   * The first `width` hashes (1 to 256) of a tile.
   * @returns width * 32 bytes, or undefined when the tile does not hold that many.
   */
  readTile(tile: {
    readonly level: number;
    readonly index: number;
    readonly width: number;
  }): Promise<Uint8Array | undefined>;
  /**
   * The 16 leaves among which a leaf is, and the inner nodes of its tile. Those are derived data: whoever uses them compares.
   * @returns undefined when the tile is not full, and when no inner nodes of it were given.
   */
  readSection(leafIndex: number): Promise<TileSection | undefined>;
  /**
   * Entries of leaves [start, end), 1 to 256 of them, within one bundle (the same floor(index / 256)).
   * @returns them in C2SP entry-bundle encoding (big-endian u16 length, bytes, …), or undefined when end is past the integrated size.
   */
  readEntries(range: { readonly start: number; readonly end: number }): Promise<Uint8Array | undefined>;
  /**
   * For each of the concatenated leaf hashes the smallest leaf index that holds it, or undefined. Exact: compared on all 32 bytes.
   * @param leafHashes - not changed until the promise settles.
   */
  indexOf(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]>;
  close(): Promise<void>;
}

/** Writing: one process. Each method resolves only when its effect is durable, and its effect is visible only then. */
export interface LogStore extends LogReader {
  readonly writer: WriterIdentity;
  /**
   * Applies a batch atomically. A log that is frozen takes none.
   * @param batch - not copied before it is written: nobody may change a byte of it until the promise settles. A batch may be given
   *   while the one it builds on is still being written; when that one fails, so does this.
   * @throws {TlogError} LOG_ENDED | HEAD_MOVED (the integrated size is not batch.from) | SIGNED_SIZE_WENT_BACK (see recordHeads) | WRITER_REPLACED | STORE_FULL | STORE_FAILED | STORE_CLOSED.
   *   After STORE_FAILED the outcome is unknown: the writer must be reopened before it writes again.
   */
  commit(batch: Batch): Promise<void>;
  /**
   * Replaces the lineage token (32 lowercase hex digits), durably. `writer.lineage` keeps what the opening found.
   * @throws {TlogError} WRITER_REPLACED | STORE_FULL | STORE_FAILED | STORE_CLOSED
   */
  adoptLineage(token: string): Promise<void>;
  /**
   * Records what was signed, what is published, that the log ended or changed its keys, or all of it in one transaction. The signed size never goes
   * back, one size never has two roots, and published <= signed <= integrated. A log ends at its integrated size, once;
   * a later statement of that replaces the one before, and what it may change is for the writer to hold to.
   * @throws {TlogError} SIGNED_SIZE_WENT_BACK (signed: smaller, or same size with another root, or beyond the integrated size;
   *   published: larger than the signed size, or smaller than the published one; frozen: not the integrated size; keys: fewer changes than before) | WRITER_REPLACED | STORE_FULL | STORE_FAILED | STORE_CLOSED
   */
  recordHeads(rows: HeadRows): Promise<void>;
}
