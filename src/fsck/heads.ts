/** What a log says of its own size: rows of the store, the signed checkpoint, the guard. Which of them counts, and whether they agree. */
import { orUndefined, TlogError } from "../errors.ts";
import type { GuardedKeys } from "../keys/guard.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { AuditedRows } from "../store/lmdb-audit.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import type { Finding } from "./finding.ts";
import { keyHeads } from "./key-heads.ts";

/** A tree that something vouches for. */
export interface KnownHead {
  /** "the published checkpoint" */
  readonly name: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** Somebody signed it, or it was handed to a signer. */
  readonly isSigned: boolean;
}

export interface OpenedNote {
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

/**
 * Checks the signatures of a checkpoint: those of the keys that speak for a tree of its size, as the history of the log's keys says.
 * @throws {TlogError} why they are not what is wanted
 */
export type VerifyNote = (signedNote: Uint8Array, keyHistory: Uint8Array | undefined) => Promise<OpenedNote>;

/** What the guard, which lies outside the store, has of it. */
export interface GuardSight {
  readonly location: string;
  readonly storeId: string;
  readonly signed: { readonly treeSize: number; readonly rootHash: Uint8Array } | undefined;
  readonly keys: GuardedKeys | undefined;
}

export interface FoundHeads {
  readonly origin: string | undefined;
  readonly storeId: string | undefined;
  /** Undefined: nothing says how large the tree is. */
  readonly treeSize: number | undefined;
  /** The size is not the store's own row's, which is damaged. */
  readonly isAssumed: boolean;
  /** Of sizes up to the tree's. */
  readonly heads: readonly KnownHead[];
  readonly findings: readonly Finding[];
}

/** Opens a checkpoint: its signatures when there is something to verify them with, and otherwise what it says. */
export async function readCheckpoint(
  signedNote: Uint8Array,
  {
    verify,
    keyHistory,
  }: { readonly verify: VerifyNote | undefined; readonly keyHistory: Uint8Array | undefined },
): Promise<{ readonly note: OpenedNote | undefined; readonly findings: readonly Finding[] }> {
  try {
    const note = verify === undefined ? saidBy(signedNote) : await verify(signedNote, keyHistory);
    return { note, findings: [] };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const detail = `${error.message} [${error.code}]`;
    return { note: orUndefined(() => saidBy(signedNote)), findings: [checkpointFinding(detail)] };
  }
}

function saidBy(signedNote: Uint8Array): OpenedNote {
  return parseCheckpoint(decodeUtf8(parseNote(signedNote).text));
}

export async function headsOfStore(
  rows: AuditedRows,
  { verify, guard }: { readonly verify: VerifyNote | undefined; readonly guard: GuardSight | undefined },
): Promise<FoundHeads> {
  const findings: Finding[] = rowFindings(rows);
  const published = rows.published.value;
  const keyHistory = rows.keys.value?.history;
  const opened = published && (await readCheckpoint(published.checkpoint, { verify, keyHistory }));
  findings.push(...(opened?.findings ?? []));
  const note = opened?.note;
  const origin = rows.store.value?.origin;
  if (note !== undefined && published !== undefined && note.treeSize !== published.treeSize) {
    findings.push(
      checkpointFinding(`it is of size ${note.treeSize}, and row published says ${published.treeSize}`),
    );
  }
  if (note !== undefined && origin !== undefined && note.origin !== origin) {
    findings.push(checkpointFinding(`it is of ${note.origin}, and row store says ${origin}`));
  }
  const integrated = rows.head.value;
  const signed = rows.signed.value;
  const keys = await keyHeads(keyHistory, { origin: origin ?? note?.origin, guard });
  findings.push(...keys.findings);
  const heads: KnownHead[] = [
    ...(note === undefined ? [] : [{ name: "the published checkpoint", isSigned: true, ...sized(note) }]),
    ...(signed === undefined ? [] : [{ name: "row signed", isSigned: true, ...sized(signed) }]),
    ...(guard?.signed === undefined
      ? []
      : [{ name: `the guard ${guard.location}`, isSigned: true, ...sized(guard.signed) }]),
    ...keys.heads,
    ...(integrated === undefined
      ? []
      : [
          {
            name: "row head",
            isSigned: false,
            treeSize: integrated.treeSize,
            rootHash: rangeRoot(integrated),
          },
        ]),
  ];
  const treeSize = integrated?.treeSize ?? note?.treeSize ?? signed?.treeSize;
  findings.push(...disagreements(heads, treeSize), ...guardFindings(guard, rows));
  return {
    origin: origin ?? note?.origin,
    storeId: rows.store.value?.storeId,
    treeSize,
    isAssumed: integrated === undefined,
    heads: heads.filter((head) => head.treeSize <= (treeSize ?? -1)),
    findings,
  };
}

function sized({ treeSize, rootHash }: { readonly treeSize: number; readonly rootHash: Uint8Array }) {
  return { treeSize, rootHash };
}

/** One damaged row may show in several. */
function rowFindings(rows: AuditedRows): Finding[] {
  const problems = Object.values(rows).flatMap(({ problem }) => problem ?? []);
  return [...new Set(problems)].map((detail) => ({
    kind: "row",
    where: "table meta",
    detail,
    cause: "corruption",
    remedy: "copy",
  }));
}

/** Two heads of one size with two roots, and heads of a tree larger than the one that is there. */
export function disagreements(heads: readonly KnownHead[], treeSize: number | undefined): readonly Finding[] {
  const findings: Finding[] = [];
  const bySize = new Map<number, KnownHead>();
  for (const head of heads) {
    if (treeSize !== undefined && head.treeSize > treeSize) {
      findings.push({
        kind: "store",
        where: "the tree",
        detail: `it has ${treeSize} leaves, and ${head.name} is of ${head.treeSize}: ${head.treeSize - treeSize} are missing, as in a restored backup`,
        cause: "unknown",
        remedy: "copy",
      });
      continue;
    }
    const other = bySize.get(head.treeSize);
    if (other === undefined) bySize.set(head.treeSize, head);
    else if (!hashesEqual(other.rootHash, head.rootHash)) {
      findings.push({
        kind: head.isSigned ? "checkpoint" : "row",
        where: `${head.name}`,
        detail: `at size ${head.treeSize} it has another root than ${other.name}`,
        cause: head.isSigned ? "tampering" : "unknown",
        remedy: "unknown",
      });
    }
  }
  return findings;
}

function guardFindings(guard: GuardSight | undefined, rows: AuditedRows): readonly Finding[] {
  const storeId = rows.store.value?.storeId;
  if (guard === undefined || storeId === undefined || guard.storeId === storeId) return [];
  return [
    {
      kind: "store",
      where: `the guard ${guard.location}`,
      detail: `it is of store ${guard.storeId}, this is store ${storeId}`,
      cause: "unknown",
      remedy: "unknown",
    },
  ];
}

function checkpointFinding(detail: string): Finding {
  return { kind: "checkpoint", where: "the checkpoint", detail, cause: "unknown", remedy: "copy" };
}
