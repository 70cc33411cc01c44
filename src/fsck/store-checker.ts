/** The jobs that only a data directory has: rows, rows too many, runs of the leaf index. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import { auditDataFile } from "../store/data-file-audit.ts";
import { findRuns } from "../store/leaf-index/audit-directory.ts";
import { auditRun } from "../store/leaf-index/audit-run.ts";
import type { TileHashes } from "../store/leaf-index/leaf-index.ts";
import { runPath } from "../store/leaf-index/run-file.ts";
import { type LmdbAudit, openLmdbAudit } from "../store/lmdb-audit.ts";
import { FindingList, type Found, NOTHING_FOUND } from "./finding.ts";
import type { Answer, Done, Job, TableName } from "./jobs.ts";
import { type BeforeReading, damageIn, type TreeSource } from "./source.ts";

/** In a data directory. spec/storage.md, The directory */
const LEAF_INDEX_DIRECTORY = "leaf-index";
const MAX_FINDINGS = 100;
const nothing: BeforeReading = async () => {};

export interface StoreChecker {
  readonly source: TreeSource;
  /** See `Job`. */
  assume(treeSize: number | undefined): Promise<void>;
  run(job: Exclude<Job, { readonly kind: "slice" | "spine" }>, before?: BeforeReading): Promise<Answer>;
  close(): Promise<void>;
}

/** Opens the store at the first job that reads it, which throws {TlogError} STORE_DIRECTORY_FOREIGN | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED | STORE_FAILED. */
export function openStoreChecker(
  directory: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: Done) => void) | undefined;
    readonly otherWork?: ((bytes: number) => Promise<void>) | undefined;
  },
): StoreChecker {
  let opening: Promise<LmdbAudit> | undefined; // owned by the next line
  const opened = (): Promise<LmdbAudit> => {
    opening ??= openLmdbAudit(directory);
    return opening;
  };
  const indexDirectory = join(directory, LEAF_INDEX_DIRECTORY);
  return {
    source: {
      readAhead: 0,
      readTile: async (tile) => (await opened()).readTile(tile),
      readBundle: async (bundle) => (await opened()).readBundle(bundle),
      readInner: async (tileIndex) => (await opened()).readInner(tileIndex),
      readOpenInner: async (treeSize) => (await opened()).readOpenInner(treeSize),
    },
    async assume(treeSize) {
      const audit = await opened();
      if (treeSize !== undefined) audit.assumeSize(treeSize);
      audit.refresh();
    },
    async run(job, before = nothing) {
      if (job.kind === "file") return { kind: "file", found: fileFindings(await auditDataFile(directory)) };
      if (job.kind === "runs") {
        const { runs = [], beyond = [], foreign = [] } = findRuns(indexDirectory, job.treeSize) ?? {};
        return { kind: "runs", runs, beyond, foreign };
      }
      await before("the data file");
      const audit = await opened();
      if (job.kind === "rows") {
        await before("the rows of table meta");
        return { kind: "rows", rows: audit.rows() };
      }
      if (job.kind === "strays") {
        await before(`the keys of table ${job.table}`);
        return { kind: "strays", found: await straysIn(audit, job.table, options.onProgress) };
      }
      const { range, storeId } = job;
      const { signal, otherWork } = options;
      const run = { directory: indexDirectory, storeId, readHashes: hashesOf(audit), signal, otherWork };
      await before(`the leaves of run ${range.from}-${range.to}`);
      const problems = await auditRun(run, range);
      // A writer at work merges runs, and makes damaged ones anew.
      const isGone = !existsSync(runPath(indexDirectory, range));
      return { kind: "run", found: isGone ? NOTHING_FOUND : runFindings(range, problems) };
    },
    close: async () => await (await opening)?.close(),
  };
}

function hashesOf(audit: LmdbAudit): (range: TileHashes) => Uint8Array {
  return (range) => {
    const hashes = audit.readHashes(range);
    if (hashes !== undefined) return hashes;
    throw new TlogError("STORE_DAMAGED", `tile level ${range.level} has no hashes from ${range.start} on`);
  };
}

async function straysIn(
  audit: LmdbAudit,
  table: TableName,
  onProgress: ((done: Done) => void) | undefined,
): Promise<Found> {
  const found = new FindingList(MAX_FINDINGS);
  const common = { kind: "row", cause: "unknown", remedy: "unknown" } as const;
  try {
    for await (const strays of audit.strays(table)) {
      onProgress?.({ entries: 0, bytes: 0 });
      for (const where of strays) {
        found.add({ ...common, where: `row ${where}`, detail: "nothing in the tree has this row" });
      }
    }
  } catch (error) {
    const detail = damageIn(error);
    found.add({
      kind: "row",
      where: `the keys of table ${table}`,
      detail,
      cause: "corruption",
      remedy: "copy",
    });
  }
  return found.found();
}

function fileFindings(problems: readonly string[]): Found {
  const common = { kind: "store", where: "data.mdb", cause: "corruption", remedy: "copy" } as const;
  return { findings: problems.map((detail) => ({ ...common, detail })), more: 0 };
}

function runFindings(
  range: { readonly from: number; readonly to: number },
  problems: readonly string[],
): Found {
  const found = new FindingList(MAX_FINDINGS);
  for (const detail of problems) {
    found.add({
      kind: "leaf-index",
      where: `leaf-index/${range.from}-${range.to}.run`,
      detail,
      cause: "corruption",
      remedy: "derive",
      leafIndex: range.from,
    });
  }
  return found.found();
}
