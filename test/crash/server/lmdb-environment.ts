import * as original from "../../../src/store/lmdb-environment.ts";
import { LOG_LAYOUT } from "../../../src/store/lmdb-layout.ts";
import { readIntegrated } from "../../../src/store/lmdb-meta.ts";
import { type Doing, reach } from "./failpoints.ts";

export * from "../../../src/store/lmdb-environment.ts";

export async function openEnvironment<Tables extends { readonly meta: original.Table }>(
  options: Parameters<typeof original.openEnvironment<Tables>>[0],
): Promise<original.Environment<Tables>> {
  const env = await original.openEnvironment(options);
  if (options.layout.tableNames !== LOG_LAYOUT.tableNames) return env;
  const size = () => readIntegrated(env.tables.meta).treeSize;
  return {
    ...env,
    async transact(apply) {
      let doing: Doing | undefined;
      const result = await env.transact(() => {
        const fromSize = sizeOrNone(size);
        const applied = apply();
        const treeSize = sizeOrNone(size);
        // Rows alone: "publish" and "claim" look at those.
        doing = fromSize === treeSize ? undefined : { fromSize, treeSize };
        reach("flush", "before", () => doing);
        return applied;
      });
      reach("flush", "after", () => doing);
      return result;
    },
  };
}

/** Of a log that is only being made there is none. */
function sizeOrNone(size: () => number): number {
  try {
    return size();
  } catch {
    return 0;
  }
}
