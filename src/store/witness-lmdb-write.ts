/** Writing a witness's storage. All of it runs inside a transaction, which undoes everything when anything here throws. */
import type { Table } from "./lmdb-environment.ts";
import { damaged } from "./lmdb-failure.ts";
import {
  readJournal,
  readLineage,
  readWitnessRow,
  readWriterRow,
  writeJournal,
  writeLineage,
  writeWitnessRow,
} from "./lmdb-meta.ts";
import { assertRoom, nextWriter, ROW_GROWTH_BYTES, type WriteQueue } from "./lmdb-queue.ts";
import { assertToken } from "./rules.ts";
import type { WriterIdentity } from "./store.ts";
import { randomToken } from "./token.ts";
import {
  evidenceKey,
  evidenceKeys,
  logKey,
  parseEvidenceKey,
  readHeadRow,
  rowKey,
  rowKeys,
  rowPosition,
  type WitnessEnvironment,
  type WitnessTables,
  writeEvidenceFile,
  writeEvidenceRow,
  writeHeadRow,
  writeHistoryRow,
} from "./witness-lmdb-layout.ts";
import {
  assertEvidence,
  assertForward,
  assertUpdate,
  assertWitnessName,
  evidenceOutcome,
  isExpected,
  isSameStatement,
  journalWith,
} from "./witness-rules.ts";
import {
  type CosignedHead,
  type HeadUpdate,
  MAX_EVIDENCE_PER_LOG,
  type StoredEvidence,
  type WitnessStore,
} from "./witness-store.ts";
import {
  assertThinningPass,
  MAX_THINNING_ROWS,
  planThinning,
  type ThinningPass,
  type ThinningPlan,
} from "./witness-thinning.ts";

export const MIN_WITNESS_BYTES = 16_777_216;
/** Heads leave this much, so that a witness too full to cosign can still take evidence, and thin. */
const HEADS_RESERVE_BYTES = 8_388_608;
/** Evidence leaves this much for thinning. */
const EVIDENCE_RESERVE_BYTES = 4_194_304;
const PAGE_BYTES = 4096;
/** Pages one row may copy or split on its way down a table. */
const PAGES_PER_ROW = 8;

/**
 * Makes the caller the witness's only writer, and the storage itself when there is none yet.
 * @throws {TlogError} STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED
 */
export function claimWitness(meta: Table, name: string): WriterIdentity {
  const held = readWitnessRow(meta) ?? createWitness(meta, name);
  assertWitnessName(name, held.name);
  readJournal(meta);
  return { storeId: held.storeId, ...nextWriter(meta), lineage: readLineage(meta) };
}

/** The writing half of the store. */
export function witnessWriterOf(
  env: WitnessEnvironment,
  queue: WriteQueue,
  maxBytes: number,
): Pick<WitnessStore, "adoptLineage" | "commit" | "addEvidence" | "thin"> {
  const { tables } = env;
  const assertFits = (growth: number, limit: number): void => {
    if (limit < Number.POSITIVE_INFINITY) assertRoom(env.tableBytes(), growth, limit);
  };
  return {
    async adoptLineage(token) {
      assertToken(token);
      await queue.write(() => {
        assertFits(ROW_GROWTH_BYTES, maxBytes);
        writeLineage(tables.meta, token);
      });
    },
    async commit(updates) {
      const copies = updates.map(copyUpdate);
      return await queue.write(() => {
        assertFits(updateGrowth(copies), maxBytes - HEADS_RESERVE_BYTES);
        return applyUpdates(tables, copies);
      });
    },
    async addEvidence(evidence) {
      assertEvidence(evidence);
      const copy = { ...evidence, evidence: evidence.evidence.slice() };
      return await queue.write(() => {
        assertFits(ROW_GROWTH_BYTES + 2 * copy.evidence.length, maxBytes - EVIDENCE_RESERVE_BYTES);
        return applyEvidence(tables, copy);
      });
    },
    async thin(origin, pass) {
      assertThinningPass(pass);
      return await queue.write(() => {
        const log = logKey(origin);
        const { removes, next } = readThinning(tables.history, log, pass);
        if (removes.length > 0) assertFits(ROW_GROWTH_BYTES + removes.length * PAGE_BYTES, maxBytes);
        for (const row of removes) tables.history.remove(rowKey(log, row));
        return { removed: removes.length, next };
      });
    },
  };
}

export function applyUpdates(tables: WitnessTables, updates: readonly HeadUpdate[]): readonly boolean[] {
  const added: { origin: string; head: CosignedHead }[] = [];
  const applied = updates.map(({ origin, expected, next, logNote }) => {
    const held = readHeadRow(tables.heads, origin);
    if (!isExpected(held, expected)) return false;
    assertForward(origin, held, next);
    writeHeadRow(tables.heads, origin, next);
    if (held !== undefined && isSameStatement(held, next)) return true;
    writeHistoryRow(tables.history, logKey(origin), { ...next, logNote });
    added.push({ origin, head: next });
    return true;
  });
  if (added.length > 0) writeJournal(tables.meta, journalWith(readJournal(tables.meta), added));
  return applied;
}

function applyEvidence(
  { evidence: table, files }: WitnessTables,
  evidence: StoredEvidence,
): ReturnType<typeof evidenceOutcome> {
  const log = logKey(evidence.origin);
  const held = table.keys(evidenceKeys(log, 2 * MAX_EVIDENCE_PER_LOG)).map(parseEvidenceKey);
  const outcome = evidenceOutcome(held, evidence);
  if (outcome === "full") return outcome;
  if (outcome === "added") writeEvidenceRow(table, evidenceKey(log, held.length, evidence), evidence);
  writeEvidenceFile(files, log, evidence.id, evidence.evidence);
  return outcome;
}

function readThinning(history: Table, log: Uint8Array, pass: ThinningPass): ThinningPlan {
  const from = pass.from ?? { treeSize: 0, timestampSeconds: 0 };
  const keys = history.keys(
    // One more than a step looks at, so that it sees whether it was the last.
    rowKeys(log, { from, isExcluded: false, toSize: Number.MAX_SAFE_INTEGER, limit: MAX_THINNING_ROWS + 1 }),
  );
  return planThinning(keys.map(rowPosition), pass);
}

/** An opening that was interrupted leaves empty tables, which a later one takes over; anything else without a store row is damage. */
function createWitness(meta: Table, name: string): { readonly storeId: string; readonly name: string } {
  if (readWriterRow(meta) !== undefined) throw damaged("meta row store is missing");
  const row = { storeId: randomToken(), name };
  writeWitnessRow(meta, row);
  writeJournal(meta, { treeSize: 0, peaks: [] });
  return row;
}

/** At most how many bytes updates add to the tables. */
function updateGrowth(updates: readonly HeadUpdate[]): number {
  const noteBytes = updates.reduce(
    (sum, { next, logNote }) => sum + next.signedNote.length + (logNote?.length ?? 0),
    0,
  );
  const pages = 2 * PAGES_PER_ROW * updates.length + 2 * Math.ceil(noteBytes / PAGE_BYTES);
  return ROW_GROWTH_BYTES + pages * PAGE_BYTES;
}

/** An update of which the caller may now change every byte. @throws {InvariantError} */
function copyUpdate(update: HeadUpdate): HeadUpdate {
  assertUpdate(update);
  return {
    origin: update.origin,
    expected: update.expected && copyHead(update.expected),
    next: copyHead(update.next),
    logNote: update.logNote?.slice(),
  };
}

function copyHead({ treeSize, rootHash, timestampSeconds, signedNote }: CosignedHead): CosignedHead {
  return { treeSize, rootHash: rootHash.slice(), timestampSeconds, signedNote: signedNote.slice() };
}
