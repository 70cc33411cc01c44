/** Asks a log for its heads. */
import { TlogError } from "../errors.ts";
import type { Ask } from "./ask.ts";
import type { FindingList } from "./finding.ts";
import {
  disagreements,
  type FoundHeads,
  type GuardSight,
  headsOfStore,
  readCheckpoint,
  type VerifyNote,
} from "./heads.ts";
import { keyHeads } from "./key-heads.ts";

/**
 * @param options.checkpoint - of a log that is no store, as `keyHistory` is. @param options.found - gets what keeps the heads from being read.
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN (there is no log), and what the opening of the store throws that is no damage
 */
export async function findHeads(options: {
  readonly ask: Ask;
  readonly checkpoint?: Uint8Array | undefined;
  readonly keyHistory?: Uint8Array | undefined;
  readonly verify?: VerifyNote | undefined;
  readonly guard?: GuardSight | undefined;
  readonly found: FindingList;
}): Promise<FoundHeads> {
  const { ask, checkpoint, keyHistory, verify, guard, found } = options;
  if (checkpoint === undefined) {
    const file = await ask({ kind: "file" }, "data.mdb");
    if (file !== undefined) found.addAll(file.found);
    const answer = await ask({ kind: "rows" }, "the store").catch((error: unknown) =>
      addUnopened(found, error),
    );
    if (answer === undefined) return NO_HEADS;
    const { rows } = answer;
    const { store, head, published, signed } = rows;
    const isEmpty = [store, head, published, signed].every(({ value }) => value === undefined);
    if (isEmpty && store.problem?.endsWith("is missing") === true) {
      throw new TlogError("STORE_DIRECTORY_FOREIGN", "there is no log in this directory yet");
    }
    return await headsOfStore(rows, { verify, guard });
  }
  const { note, findings } = await readCheckpoint(checkpoint, { verify, keyHistory });
  if (note === undefined) return { ...NO_HEADS, findings };
  const { origin, treeSize, rootHash } = note;
  const keys = await keyHeads(keyHistory, { origin });
  // A history may have come after its checkpoint.
  const changes = keys.heads.filter((head) => head.treeSize <= treeSize);
  const heads = [{ name: "the checkpoint", treeSize, rootHash, isSigned: true }, ...changes];
  return {
    ...{ origin, treeSize, isAssumed: false, storeId: undefined },
    heads,
    findings: [...findings, ...keys.findings, ...disagreements(heads, treeSize)],
  };
}

/** @throws `error`, unless it says that the store is damaged */
function addUnopened(found: FindingList, error: unknown): undefined {
  const isDamage =
    error instanceof TlogError &&
    (error.code === "STORE_DAMAGED" || (error.code === "STORE_FAILED" && /\bMDB_[A-Z]/.test(error.message)));
  if (!isDamage) throw error;
  const detail = `it cannot be opened: ${error.message}`;
  found.add({ kind: "store", where: "the store", detail, cause: "corruption", remedy: "copy" });
}

const NO_HEADS: FoundHeads = {
  origin: undefined,
  storeId: undefined,
  treeSize: undefined,
  isAssumed: false,
  heads: [],
  findings: [],
};
