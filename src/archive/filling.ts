/** The mark of a store that is being filled: nothing is signed from it before it holds all that was signed. spec/decisions/0042 */
import { assertFilled } from "../store/rules.ts";
import type { LogStore } from "../store/store.ts";
import type { TreeHead } from "./source.ts";

/** Marks the store, durably, before the first entry is brought; recording the signed head takes the mark away. */
export async function beginFilling(store: LogStore, { treeSize, rootHash }: TreeHead): Promise<void> {
  const { integrated } = await store.head();
  if (integrated.treeSize < treeSize) await store.recordHeads({ filling: { treeSize, rootHash } });
}

/** @throws {TlogError} INCOMPLETE when an earlier try began with a larger head than the one that was reached now */
export async function endFilling(store: LogStore): Promise<void> {
  assertFilled(await store.head());
}
