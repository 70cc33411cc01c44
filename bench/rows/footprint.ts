import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fillLog } from "../fill.ts";
import { spreadOf } from "../pairs.ts";
import { publishedSize } from "../published-size.ts";
import { atMost, type Result } from "../results.ts";
import { COMPARABLE, type Context, drive, type Row } from "../row.ts";
import { newFolder } from "../script.ts";
import { startLog } from "../servers.ts";

const FULL_ENTRIES = 1_048_576;
/** Entry, its length, and two hashes: 256 + 2 + 32. */
const LEAST_BYTES = 290;
const LEAF_INDEX_FOLDER = /^leaf-index/;

/** What a log takes: bytes on disk for an entry, memory while it is written to, time until it answers again. */
export const footprintRow: Row = {
  name: "footprint",
  about: "bytes on disk for an entry of 256 bytes, memory under load, start to the first answer",
  isShort: false,
  run: footprint,
};

async function footprint(context: Context): Promise<readonly Result[]> {
  const folder = newFolder();
  const data = join(folder, "data");
  const entries = FULL_ENTRIES;
  try {
    const start = () => startLog({ data, cores: context.pinning.server });
    const log = await start();
    let peakMiB: number | undefined;
    let size: number;
    try {
      context.say(`adding ${entries.toLocaleString("en")} entries`);
      const seed = context.nextSeed();
      await fillLog(log.url, { entries, plan: COMPARABLE, seed, signal: context.signal });
      const request = { kind: "add", entries: COMPARABLE } as const;
      const busy = await drive(context, log, { request, connections: 64 });
      peakMiB = busy.peakRssAnonMiB;
    } finally {
      await log.stop();
    }
    const startsMs: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const again = await start();
      startsMs.push(again.startMs);
      size = await publishedSize(again.url);
      await again.stop();
    }
    return [resultOf({ data, size: size!, peakMiB, startMs: spreadOf(startsMs).median })];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultOf(log: {
  readonly data: string;
  readonly size: number;
  readonly peakMiB: number | undefined;
  readonly startMs: number;
}): Result {
  const whole = bytesOnDisk(log.data, () => true) / log.size;
  const index = bytesOnDisk(log.data, (path) => LEAF_INDEX_FOLDER.test(path)) / log.size;
  const without = whole - index;
  const peakMiB = log.peakMiB ?? Number.NaN;
  return {
    name: "footprint",
    title: `a log of ${log.size.toLocaleString("en")} entries of 256 bytes`,
    unit: "entries",
    figures: [
      { name: "on disk, without the leaf index", value: without, unit: "bytes an entry" },
      { name: "on disk, with it", value: whole, unit: "bytes an entry" },
      { name: "peak anonymous memory while entries are added", value: peakMiB, unit: "MiB" },
      { name: "from the start of the process to its first answer", value: log.startMs, unit: "ms" },
    ],
    targets: [
      atMost(1.12, without / LEAST_BYTES, `times ${LEAST_BYTES} bytes without the leaf index`),
      atMost(1.25, whole / LEAST_BYTES, `times ${LEAST_BYTES} bytes with it`),
      atMost(300, peakMiB * 1.048576, "peak anonymous memory in MB"),
      atMost(1000, log.startMs, "ms to the first answer"),
    ],
    notes: ["blocks the file system keeps for the data directory; LMDB's file holds freed pages too"],
  };
}

/** Blocks, not lengths: a sparse file takes what it holds. */
function bytesOnDisk(folder: string, isCounted: (path: string) => boolean): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter(isCounted)
    .map((name) => lstatSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.blocks * 512 : 0), 0);
}
