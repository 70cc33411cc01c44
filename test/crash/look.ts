/** What a killed server left on its disks, before anybody opens them for writing. */

import type { GuardRecord } from "../../src/keys/guard.ts";
import { openGuardFile } from "../../src/keys/guard-file.ts";
import { openLmdbReader } from "../../src/store/lmdb.ts";
import { LOG_LAYOUT } from "../../src/store/lmdb-layout.ts";
import { readHead, readLineage, readStoreRow } from "../../src/store/lmdb-meta.ts";
import { openForReading } from "../../src/store/lmdb-opening.ts";
import type { StoreHead } from "../../src/store/store.ts";
import { openLmdbWitnessReader } from "../../src/store/witness-lmdb.ts";
import { decodeHex } from "../../src/tlog/encoding.ts";
import { expectCodeAsync } from "../expect-code.ts";
import type { Note, Stage } from "./server/failpoints.ts";

interface Left {
  /** Undefined: there is no log yet. */
  readonly head: StoreHead | undefined;
  readonly lineage: string | undefined;
  readonly guard: GuardRecord | undefined;
}

/** Whether the effect of the stage at which the server ended is there: "persisted", though nobody was told. */
export async function isPersisted(data: string, note: Note): Promise<boolean> {
  const left = await look(data);
  const { head, lineage, guard } = left;
  const { treeSize = 0, fromSize } = note;
  switch (note.stage) {
    case "claim":
      return lineage === note.lineage;
    case "pool":
      return (await indexOf(data, note.leafHash ?? "")) !== undefined;
    case "commit":
    case "flush":
      return isBetween(head?.integrated.treeSize ?? 0, fromSize ?? 0, treeSize);
    case "guard":
      return isSameGuard(guard, note);
    // What is handed to a signer, or shown, is in the guard.
    case "sign":
      assertGuarded(left, treeSize);
      return (head?.published?.treeSize ?? -1) >= treeSize;
    case "show":
      assertGuarded(left, treeSize);
      return true;
    case "cosign":
    case "witness":
      assertGuarded(left, treeSize);
      return (await witnessSize(data, { name: note.witness ?? "", origin: guard?.origin ?? "" })) >= treeSize;
    case "publish":
      assertGuarded(left, treeSize);
      return (head?.published?.treeSize ?? -1) >= treeSize;
  }
}

/** What must be there when the server ended before, and after, the effect of a stage. */
export const PERSISTED: Readonly<Record<Stage, { readonly before: boolean; readonly after: boolean }>> = {
  claim: { before: false, after: true },
  pool: { before: false, after: false },
  commit: { before: false, after: true },
  flush: { before: false, after: true },
  guard: { before: false, after: true },
  sign: { before: false, after: false },
  cosign: { before: false, after: true },
  witness: { before: false, after: true },
  publish: { before: false, after: true },
  show: { before: false, after: true },
};

async function look(data: string): Promise<Left> {
  const guardFile = await openGuardFile(`${data}.guard`);
  const guard = await guardFile.read();
  await guardFile.close();
  try {
    const { row, close } = await openForReading({
      directory: data,
      layout: LOG_LAYOUT,
      what: "log",
      check: (meta) =>
        readStoreRow(meta) === undefined ? undefined : { head: readHead(meta), lineage: readLineage(meta) },
    });
    await close();
    return { ...row, guard };
  } catch (error) {
    await expectCodeAsync(Promise.reject(error), "STORE_DIRECTORY_FOREIGN");
    return { head: undefined, lineage: undefined, guard };
  }
}

/** A batch is there as a whole, or not at all. */
function isBetween(size: number, from: number, to: number): boolean {
  if (size !== from && size !== to) throw new Error(`a batch from ${from} to ${to} left a log of ${size}`);
  return size === to;
}

function isSameGuard(guard: GuardRecord | undefined, { guard: wanted }: Note): boolean {
  if (guard === undefined || wanted === undefined) return false;
  const { lineage, nextLineage = "-", signed } = guard;
  return (
    lineage === wanted.lineage && nextLineage === wanted.next && (signed?.treeSize ?? 0) === wanted.treeSize
  );
}

function assertGuarded({ guard, head }: Left, treeSize: number): void {
  const [guarded, stored] = [guard?.signed?.treeSize ?? -1, head?.integrated.treeSize ?? -1];
  if (guarded >= treeSize && stored >= treeSize) return;
  throw new Error(`a head of ${treeSize} left the process; the guard has ${guarded}, the store ${stored}`);
}

async function indexOf(data: string, leafHash: string): Promise<number | undefined> {
  const reader = await openLmdbReader({ directory: data });
  const [index] = await reader.indexOf(decodeHex(leafHash)).finally(() => reader.close());
  return index;
}

async function witnessSize(
  data: string,
  { name, origin }: { readonly name: string; readonly origin: string },
): Promise<number> {
  const reader = await openLmdbWitnessReader({ directory: `${data}.witnesses/${name}` });
  const head = await reader.head(origin).finally(() => reader.close());
  return head?.treeSize ?? 0;
}
