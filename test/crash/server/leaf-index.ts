import type { LeafIndex } from "../../../src/store/leaf-index/leaf-index.ts";
import * as original from "../../../src/store/leaf-index/open-leaf-index.ts";

export * from "../../../src/store/leaf-index/open-leaf-index.ts";

/** Runs so small that some are written and merged in each life. */
const RUN_LEAVES = 256;

export function openLeafIndex(options: Parameters<typeof original.openLeafIndex>[0]): Promise<LeafIndex> {
  const isSmall = process.env.CRASH_SMALL_RUNS === "yes";
  return original.openLeafIndex(isSmall ? { ...options, runLeaves: RUN_LEAVES } : options);
}
