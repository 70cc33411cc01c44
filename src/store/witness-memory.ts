/** The reference adapter of the witness's storage: everything in maps. For tests, and for witnesses that may be forgotten. */
import { TlogError } from "../errors.ts";
import { type CompactRange, emptyRange } from "../merkle/compact-range.ts";
import { assertToken, writerReplaced } from "./rules.ts";
import { randomToken } from "./token.ts";
import {
  assertEvidence,
  assertEvidenceId,
  assertForward,
  assertUpdate,
  assertWitnessName,
  compareRows,
  evidenceOutcome,
  isExpected,
  isSameStatement,
  journalWith,
  MAX_ROWS_NOTE_BYTES,
  rowLimit,
} from "./witness-rules.ts";
import type {
  CosignedHead,
  CosignedRow,
  HeadUpdate,
  StoredEvidence,
  WitnessReader,
  WitnessStore,
} from "./witness-store.ts";
import { assertThinningPass, planThinning } from "./witness-thinning.ts";

/** What outlives an opening. Give the same one again to open the same witness again. */
export interface WitnessMemoryDisk {
  /** undefined until the first opening. */
  name: string | undefined;
  readonly storeId: string;
  epoch: number;
  lineage: string | undefined;
  journal: CompactRange;
  heads: ReadonlyMap<string, CosignedHead>;
  /** Rows by origin, ascending. */
  rows: ReadonlyMap<string, readonly CosignedRow[]>;
  evidence: readonly StoredEvidence[];
}

export function createWitnessMemoryDisk(): WitnessMemoryDisk {
  return {
    name: undefined,
    storeId: randomToken(),
    epoch: 0,
    lineage: undefined,
    journal: emptyRange(),
    heads: new Map(),
    rows: new Map(),
    evidence: [],
  };
}

/**
 * Opens a witness's storage in memory for writing.
 * @param options.disk - what to open; a fresh one when absent.
 * @throws {TlogError} STORE_ORIGIN_MISMATCH
 */
export function openMemoryWitnessStore(options: {
  readonly name: string;
  readonly disk?: WitnessMemoryDisk;
}): WitnessStore {
  const disk = options.disk ?? createWitnessMemoryDisk();
  disk.name ??= options.name;
  assertWitnessName(options.name, disk.name);
  disk.epoch += 1;
  const { storeId, epoch, lineage } = disk;
  let isClosed = false;
  const assertOpen = (): void => {
    if (isClosed) throw new TlogError("STORE_CLOSED", "the store is closed");
  };
  const assertWriter = (): void => {
    assertOpen();
    if (disk.epoch !== epoch) throw writerReplaced({ own: epoch, held: disk.epoch });
  };
  return {
    name: options.name,
    writer: { storeId, epoch, writerId: randomToken(), lineage },
    ...memoryReader(disk, assertOpen),
    ...memoryWriter(disk, assertWriter),
    async close() {
      isClosed = true;
    },
  };
}

function memoryReader(
  disk: WitnessMemoryDisk,
  assertOpen: () => void,
): Omit<WitnessReader, "close" | "name"> {
  return {
    async journal() {
      assertOpen();
      const { treeSize, peaks } = disk.journal;
      return { treeSize, peaks: peaks.map((hash) => hash.slice()) };
    },
    async head(origin) {
      assertOpen();
      const head = disk.heads.get(origin);
      return head && copyHead(head);
    },
    async origins() {
      assertOpen();
      return [...disk.heads.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    },
    async rows(origin, range) {
      assertOpen();
      const limit = rowLimit(range);
      const { fromSize, toSize, after } = range;
      const found: CosignedRow[] = [];
      let noteBytes = 0;
      for (const row of disk.rows.get(origin) ?? []) {
        if (row.treeSize < fromSize || row.treeSize > toSize) continue;
        if (after !== undefined && compareRows(row, after) <= 0) continue;
        noteBytes += row.logNote?.length ?? 0;
        if (found.length === limit || (found.length > 0 && noteBytes > MAX_ROWS_NOTE_BYTES)) break;
        found.push(copyRow(row));
      }
      return found;
    },
    async evidence(origin) {
      assertOpen();
      return disk.evidence
        .filter((held) => held.origin === origin)
        .map(({ evidence: _, ...entry }) => ({ ...entry }));
    },
    async evidenceFile(origin, id) {
      assertEvidenceId(id);
      assertOpen();
      return disk.evidence.find((held) => held.origin === origin && held.id === id)?.evidence.slice();
    },
  };
}

function memoryWriter(
  disk: WitnessMemoryDisk,
  assertWriter: () => void,
): Pick<WitnessStore, "adoptLineage" | "commit" | "addEvidence" | "thin"> {
  return {
    async adoptLineage(token) {
      assertWriter();
      assertToken(token);
      disk.lineage = token;
    },
    async commit(updates) {
      assertWriter();
      for (const update of updates) assertUpdate(update);
      return applyUpdates(disk, updates);
    },
    async addEvidence(evidence) {
      assertWriter();
      assertEvidence(evidence);
      const about = disk.evidence.filter(({ origin }) => origin === evidence.origin);
      const outcome = evidenceOutcome(about, evidence);
      const copy = { ...evidence, evidence: evidence.evidence.slice() };
      if (outcome === "added") disk.evidence = [...disk.evidence, copy];
      if (outcome === "replaced") {
        disk.evidence = disk.evidence.map((held) =>
          held.origin === copy.origin && held.id === copy.id ? { ...held, evidence: copy.evidence } : held,
        );
      }
      return outcome;
    },
    async thin(origin, pass) {
      assertWriter();
      assertThinningPass(pass);
      const rows = disk.rows.get(origin) ?? [];
      const { from } = pass;
      const start = from === undefined ? 0 : rows.findIndex((row) => compareRows(row, from) >= 0);
      const { removes, next } = planThinning(start < 0 ? [] : rows.slice(start), pass);
      const gone = new Set(removes);
      disk.rows = new Map(disk.rows).set(
        origin,
        rows.filter((row) => !gone.has(row)),
      );
      return { removed: removes.length, next };
    },
  };
}

/** Works on copies, so that an update that throws leaves nothing of those before it. */
function applyUpdates(disk: WitnessMemoryDisk, updates: readonly HeadUpdate[]): readonly boolean[] {
  const heads = new Map(disk.heads);
  const rows = new Map(disk.rows);
  const added: { origin: string; head: CosignedHead }[] = [];
  const applied = updates.map((update) => {
    const { origin, next, logNote } = update;
    const held = heads.get(origin);
    if (!isExpected(held, update.expected)) return false;
    assertForward(origin, held, next);
    const head = copyHead(next);
    heads.set(origin, head);
    if (held !== undefined && isSameStatement(held, next)) return true;
    const { signedNote: _, ...statement } = head;
    rows.set(origin, [...(rows.get(origin) ?? []), { ...statement, logNote: logNote?.slice() }]);
    added.push({ origin, head });
    return true;
  });
  disk.journal = journalWith(disk.journal, added);
  disk.heads = heads;
  disk.rows = rows;
  return applied;
}

function copyHead(head: CosignedHead): CosignedHead {
  const { treeSize, timestampSeconds } = head;
  return {
    treeSize,
    rootHash: head.rootHash.slice(),
    timestampSeconds,
    signedNote: head.signedNote.slice(),
  };
}

function copyRow(row: CosignedRow): CosignedRow {
  return { ...row, rootHash: row.rootHash.slice(), logNote: row.logNote?.slice() };
}
