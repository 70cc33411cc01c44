import type { Guard } from "../../../src/keys/guard.ts";
import * as original from "../../../src/keys/guard-file.ts";
import { around } from "./failpoints.ts";

export * from "../../../src/keys/guard-file.ts";

export async function openGuardFile(path: string): Promise<Guard> {
  const guard = await original.openGuardFile(path);
  // Local witnesses have guards of the same kind.
  if (guard.location.includes(".witnesses/")) return guard;
  return {
    ...guard,
    write(record) {
      const { lineage, nextLineage, signed } = record;
      const held = { lineage, next: nextLineage ?? "-", treeSize: signed?.treeSize ?? 0 };
      return around(
        "guard",
        () => ({ guard: held, treeSize: held.treeSize }),
        () => guard.write(record),
      );
    },
  };
}
