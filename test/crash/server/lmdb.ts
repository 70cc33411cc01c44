import * as original from "../../../src/store/lmdb.ts";
import type { HeadRows, LogStore } from "../../../src/store/store.ts";
import { encodeHex } from "../../../src/tlog/encoding.ts";
import { around } from "./failpoints.ts";

export * from "../../../src/store/lmdb.ts";

export async function openLmdbStore(options: original.LmdbStoreOptions): Promise<LogStore> {
  const store = await original.openLmdbStore(options);
  let recorded = (await store.head()).published?.treeSize ?? -1; // the largest checkpoint that is, or is being, written: a commit of entries takes some along
  const isNew = (rows: HeadRows | undefined): boolean => {
    const treeSize = rows?.published?.treeSize ?? -1;
    if (treeSize <= recorded) return false;
    recorded = treeSize;
    return true;
  };
  return {
    ...store,
    adoptLineage: (lineage) =>
      around(
        "claim",
        () => ({ lineage }),
        () => store.adoptLineage(lineage),
      ),
    async indexOf(leafHashes) {
      const known = await store.indexOf(leafHashes);
      const at = known.indexOf(undefined);
      const leafHash = encodeHex(leafHashes.subarray(at * 32, at * 32 + 32));
      // Of entries that are in the log there is nothing to see.
      return await around(
        "pool",
        () => (at < 0 ? undefined : { leafHash }),
        async () => known,
      );
    },
    commit(batch) {
      isNew(batch.heads);
      const doing = { fromSize: batch.from, treeSize: batch.head.treeSize };
      return around(
        "commit",
        () => doing,
        () => store.commit(batch),
      );
    },
    recordHeads(rows) {
      const doing = isNew(rows) && rows.published ? { treeSize: rows.published.treeSize } : undefined;
      return around(
        "publish",
        () => doing,
        () => store.recordHeads(rows),
      );
    },
  };
}
