import * as original from "../../../src/store/witness-lmdb.ts";
import type { HeadUpdate, WitnessStore } from "../../../src/store/witness-store.ts";
import { around, type Doing } from "./failpoints.ts";

export * from "../../../src/store/witness-lmdb.ts";

export async function openLmdbWitnessStore(options: original.LmdbWitnessOptions): Promise<WitnessStore> {
  const store = await original.openLmdbWitnessStore(options);
  const witness = /([^/]+)$/.exec(options.directory)?.[1] ?? "";
  const doing = ([first]: readonly HeadUpdate[]): Doing | undefined => {
    const grows = first !== undefined && first.next.treeSize > (first.expected?.treeSize ?? 0);
    return grows ? { treeSize: first.next.treeSize, witness } : undefined;
  };
  return {
    ...store,
    commit: (updates) =>
      around(
        "witness",
        () => doing(updates),
        () => store.commit(updates),
      ),
  };
}
