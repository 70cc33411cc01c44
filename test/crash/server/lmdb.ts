import * as original from "../../../src/store/lmdb.ts";
import type { LogStore } from "../../../src/store/store.ts";
import { encodeHex } from "../../../src/tlog/encoding.ts";
import { around } from "./failpoints.ts";

export * from "../../../src/store/lmdb.ts";

export async function openLmdbStore(options: original.LmdbStoreOptions): Promise<LogStore> {
  const store = await original.openLmdbStore(options);
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
    commit: (batch) =>
      around(
        "commit",
        () => ({ fromSize: batch.from, treeSize: batch.head.treeSize }),
        () => store.commit(batch),
      ),
    recordHeads(rows) {
      const doing = () => rows.published && { treeSize: rows.published.treeSize };
      return around("publish", doing, () => store.recordHeads(rows));
    },
  };
}
