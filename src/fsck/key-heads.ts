/** What a log's signed history of keys says of its tree: at each change it names a size and a root, signed with all keys before and after. */
import { TlogError } from "../errors.ts";
import { checkGuardedKeys, type GuardedKeys } from "../keys/guard.ts";
import { changeHashes, openKeyHistory } from "../tlog/key-history.ts";
import type { Finding } from "./finding.ts";

/** What the guard has of the keys. */
interface KeySight {
  readonly location: string;
  readonly keys: GuardedKeys | undefined;
}

export interface KeyHeads {
  /** A tree at each change. */
  readonly heads: readonly {
    readonly name: string;
    readonly treeSize: number;
    readonly rootHash: Uint8Array;
    readonly isSigned: true;
  }[];
  readonly findings: readonly Finding[];
}

/** @param history - undefined: the keys never changed, as far as this copy says. */
export async function keyHeads(
  history: Uint8Array | undefined,
  { origin, guard }: { readonly origin: string | undefined; readonly guard?: KeySight | undefined },
): Promise<KeyHeads> {
  if (origin === undefined) return { heads: [], findings: [] };
  try {
    const opened = history && (await openKeyHistory({ history, origin }));
    const heads = (opened?.changes ?? []).map(({ number, treeSize, rootHash }) => ({
      ...{ name: `key change ${number}`, treeSize, rootHash },
      isSigned: true as const,
    }));
    return { heads, findings: guardFindings(changeHashes(opened), guard) };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const detail = `${error.message} [${error.code}]`;
    const finding = { kind: "checkpoint", where: "the key history", detail } as const;
    return { heads: [], findings: [{ ...finding, cause: "unknown", remedy: "copy" }] };
  }
}

function guardFindings(changes: readonly Uint8Array[], guard: KeySight | undefined): readonly Finding[] {
  try {
    if (guard !== undefined) checkGuardedKeys(guard.keys, changes, guard.location);
    return [];
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return [
      { kind: "store", where: "the key history", detail: error.message, cause: "unknown", remedy: "copy" },
    ];
  }
}
