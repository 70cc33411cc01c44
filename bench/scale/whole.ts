/** What a log is as a whole: its bytes on disk, how soon it answers after a start, whether what it says of itself is true. */
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { openLogClient } from "../../client/index.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import type { Cores } from "../pinning.ts";
import { startLog } from "../servers.ts";

export interface DiskUse {
  /** Blocks of all files. */
  readonly totalBytes: number;
  /** By the first name below the data directory. */
  readonly byName: Readonly<Record<string, number>>;
  /** Pages of LMDB's file that hold something. */
  readonly usedPageBytes: number;
}

/** Of a log that no server has open. */
export async function diskUse(data: string): Promise<DiskUse> {
  const byName: Record<string, number> = {};
  for (const path of readdirSync(data, { recursive: true, encoding: "utf8" })) {
    const file = lstatSync(join(data, path));
    const name = path.split("/")[0] ?? path;
    if (file.isFile()) byName[name] = (byName[name] ?? 0) + file.blocks * 512;
  }
  const totalBytes = Object.values(byName).reduce((sum, bytes) => sum + bytes, 0);
  return { totalBytes, byName, usedPageBytes: await usedPageBytes(join(data, "data.mdb")) };
}

async function usedPageBytes(path: string): Promise<number> {
  const root = open({ path, noSubdir: true, readOnly: true, maxDbs: 16, encoding: "binary" });
  try {
    let bytes = 0;
    // All names first: opening a table ends the cursor.
    for (const name of [...root.getKeys()]) {
      const stats: unknown = root.openDB({ name: String(name), encoding: "binary" }).getStats();
      bytes += pagesIn(stats) * 4096;
    }
    return bytes;
  } finally {
    await root.close();
  }
}

function pagesIn(stats: unknown): number {
  const counts = new Map<string, unknown>(Object.entries(Object(stats)));
  return ["treeBranchPageCount", "treeLeafPageCount", "overflowPages"]
    .map((name) => counts.get(name))
    .reduce<number>((sum, count) => sum + (typeof count === "number" ? count : 0), 0);
}

export interface Starts {
  /** From the start of the process to its first answer, the files in memory. */
  readonly warmMs: readonly number[];
  /** The same after the system was asked to forget the files. */
  readonly coldMs: readonly number[];
}

/** Of a log that no server has open. */
export async function measureStarts(data: string, rounds: number, cores: Cores | undefined): Promise<Starts> {
  const once = async (): Promise<number> => {
    const log = await startLog({ data, cores });
    await log.stop();
    return log.startMs;
  };
  const [warmMs, coldMs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    warmMs.push(await once());
    forgetFiles(data);
    coldMs.push(await once());
  }
  return { warmMs, coldMs };
}

/** posix_fadvise(2) DONTNEED, by dd of GNU coreutils: of these files only, and without being root. */
export function forgetFiles(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, path);
    if (!lstatSync(file).isFile()) continue;
    execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
  }
}

/**
 * Verifies receipts and entries of random leaves, and consistency between random sizes, with the client; a consistency proof of the
 * server is the one that the client makes from tiles.
 * @throws {TlogError} something is not true
 */
export async function verifySome(url: string, count: number): Promise<void> {
  const info = await json(`${url}/log.json`);
  const vkey = [info.vkeys].flat()[0];
  if (typeof vkey !== "string") throw new Error(`${url}/log.json: no vkeys`);
  const client = openLogClient({ url, vkey });
  const { treeSize } = await client.checkpoint();
  for (let done = 0; done < count; done += 1) {
    const leafIndex = Math.floor(Math.random() * treeSize);
    await client.receipt(leafIndex);
    await client.entry(leafIndex);
    const [fromSize, toSize] = [
      leafIndex + 1,
      leafIndex + 1 + Math.floor(Math.random() * (treeSize - leafIndex)),
    ];
    const { proof } = await client.consistency({ fromSize, toSize });
    const served = await json(`${url}/proof/consistency?from=${fromSize}&to=${toSize}`);
    if (JSON.stringify(served.proof) !== JSON.stringify(proof.map(encodeHex))) {
      throw new Error(`${url}: another consistency proof from ${fromSize} to ${toSize} than the tiles make`);
    }
  }
}

async function json(url: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return Object(await answer.json());
}
