/** The leaf index of a log on LMDB: it lies beside the data file, and reads the tiles there. */
import { join } from "node:path";
import type { LeafIndex, LeafIndexOptions, TileHashes } from "./leaf-index/leaf-index.ts";
import { openLeafIndex } from "./leaf-index/open-leaf-index.ts";
import { FETCHES } from "./leaf-index/search.ts";
import { damaged } from "./lmdb-failure.ts";
import { GROUP_WIDTH, type LogEnvironment, tileGroupKey } from "./lmdb-layout.ts";
import { treeSizeReader } from "./lmdb-meta.ts";
import { readHashes } from "./lmdb-read.ts";
import { hashesAtLevel } from "./rules.ts";

/** In the log's directory. */
const LEAF_INDEX_DIRECTORY = "leaf-index";

/** How far the making of a leaf index has come. */
export type IndexProgress = Parameters<Required<LeafIndexOptions>["onProgress"]>[0];

/** What its writer tells of, and what it leaves free. */
export type IndexWriting = Pick<LeafIndexOptions, "onProgress" | "onMergeFailed" | "floorBytes">;

interface LeavesOf {
  readonly env: LogEnvironment;
  readonly directory: string;
  readonly storeId: string;
}

/** For the writer: makes what is missing. @throws {TlogError} STORE_DAMAGED | STORE_FULL | STORE_FAILED */
export async function openLeaves(of: LeavesOf, writing: IndexWriting): Promise<LeafIndex> {
  of.env.refresh();
  return await openLeafIndex({
    ...optionsOf(of),
    treeSize: treeSizeReader(of.env.tables.meta)(),
    readOnly: false,
    ...writing,
  });
}

/** For a reader: opens nothing before the first look-up. */
export function readLeaves(of: LeavesOf): Pick<LeafIndex, "close"> & {
  /** As `LogReader.indexOf`, of all that was durable at the call. */
  indexOf(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]>;
} {
  const treeSize = treeSizeReader(of.env.tables.meta);
  // Owned by indexOf().
  let opening: Promise<LeafIndex> | undefined;
  return {
    async indexOf(leafHashes) {
      of.env.refresh();
      const size = treeSize();
      opening ??= openLeafIndex({ ...optionsOf(of), treeSize: size, readOnly: true });
      const index = await opening;
      await index.catchUp(size);
      return await index.findRepaired(leafHashes);
    },
    async close() {
      await (await opening)?.close();
    },
  };
}

function optionsOf({ env, directory, storeId }: LeavesOf) {
  const treeSize = treeSizeReader(env.tables.meta);
  const hashes = ({ level, start, count }: TileHashes): Uint8Array | undefined => {
    const held = hashesAtLevel(treeSize(), level);
    return readHashes(env.tables.tiles, { level, held, start, count });
  };
  return {
    directory: join(directory, LEAF_INDEX_DIRECTORY),
    storeId,
    readHashes(range: TileHashes): Uint8Array {
      const found = hashes(range);
      if (found !== undefined) return found;
      // Reads of one turn share a snapshot, which may be older than what the index was told of.
      env.refresh();
      return hashes(range) ?? missing(range);
    },
    async fetchTiles(leafIndices: readonly number[]): Promise<void> {
      const groups = [...new Set(leafIndices.map((leafIndex) => Math.floor(leafIndex / GROUP_WIDTH)))];
      const lanes = Array.from({ length: FETCHES }, (_, lane) =>
        groups.filter((_, at) => at % FETCHES === lane).map((group) => tileGroupKey(0, group)),
      );
      await Promise.all(lanes.map((keys) => env.tables.tiles.fetch(keys)));
    },
  };
}

function missing({ level, start, count }: TileHashes): never {
  throw damaged(`tile level ${level} holds no hashes [${start}, ${start + count})`);
}
