/**
 * `npm run bench:peers [-- --short] [--rows hammer,generator,tiles,durability] [--json FILE]`: the built log beside programs of other
 * people, in turn, in one run. What is not installed is skipped, and said. bench/peers/README.md says how to read it.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { lacks, programVersion } from "../../test/interop/programs.ts";
import { describeMachine } from "../machine.ts";
import { choosePinning } from "../pinning.ts";
import { canTrace, durabilityRows } from "./durability.ts";
import { hammerRows } from "./hammer-rows.ts";
import { loadRows } from "./load-rows.ts";
import { figureTable, shown, table } from "./rows.ts";
import { hasNginx } from "./tile-files.ts";
import { tileRows } from "./tile-rows.ts";
import { hasWrk } from "./wrk.ts";

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    rows: { type: "string", default: "hammer,generator,tiles,durability" },
    writers: { type: "string" },
    pairs: { type: "string" },
    seconds: { type: "string" },
    cores: { type: "string", default: "one,all" },
    folder: { type: "string", default: tmpdir() },
    json: { type: "string" },
  },
});
const wanted = new Set(values.rows.split(","));
const pairs = Number(values.pairs ?? (values.short ? 1 : 5));
const seconds = Number(values.seconds ?? (values.short ? 5 : 15));
const writers = (values.writers ?? (values.short ? "64" : "64,512,4096")).split(",").map(Number);
const pinning = choosePinning();
const report: Record<string, unknown> = { machine: describeMachine(pinning.text) };

if (wanted.has("hammer") && !lacks("hammer", "tessera-posix")) {
  const rows = [];
  for (const cores of values.cores.split(",")) {
    for (const antispam of [true, false]) {
      const warmUpSeconds = values.short ? 3 : 5;
      const plan = {
        folder: values.folder,
        writers,
        pairs,
        seconds,
        warmUpSeconds,
        antispam,
        ...(cores === "one" && { pinning }),
      };
      for (const row of await hammerRows({ ...plan, calibrates: !values.short })) {
        rows.push(row);
        const names = { yardstick: `${row.yardstick} ${programVersion("tessera-posix")}`, ours: "ours" };
        print(
          `${row.title} (Tessera offered at most ${row.tesseraMaxWrites}/s)`,
          figureTable(row.figures, names),
        );
      }
    }
  }
  report.hammer = rows;
}

if (wanted.has("generator") && !lacks("tessera-posix")) {
  const rows = [];
  for (const antispam of [true, false]) {
    const connections = values.short ? [64] : [64, 512];
    const offered = values.short ? [200] : [50, 200, 1000, 2000];
    const plan = { folder: values.folder, connections, offered, pairs, seconds, pinning, antispam };
    for (const row of await loadRows(plan)) {
      rows.push(row);
      const names = { yardstick: `${row.yardstick} ${programVersion("tessera-posix")}`, ours: "ours" };
      print(`${row.title}, ${pinning.text}`, figureTable(row.figures, names));
    }
  }
  report.generator = rows;
}

if (wanted.has("tiles") && isThere("nginx", hasNginx()) && isThere("wrk", hasWrk())) {
  const size = values.short
    ? { entries: 51_200, connections: [64] }
    : { entries: 1_048_576, connections: [64, 512] };
  const rows = await tileRows({ ...size, folder: values.folder, pairs, seconds, pinning });
  for (const { title, figures } of rows) {
    print(title, figureTable(figures, { yardstick: "nginx, files", ours: "ours" }));
  }
  report.tiles = rows;
}

if (wanted.has("durability") && isThere("strace", canTrace()) && !lacks("tessera-posix")) {
  const inFlight = values.short ? [1, 64] : [1, 64, 512];
  const rows = await durabilityRows({ folder: values.folder, inFlight, entriesEach: 8 });
  report.durability = rows;
  print(
    "What waits for the disk, for an entry",
    table([
      ["log", "adds in flight", "fsync, fdatasync, msync", "writes with O_SYNC or O_DSYNC"],
      ...rows.map((row) => [
        row.name,
        String(row.inFlight),
        shown(row.syncsPerEntry),
        shown(row.syncedWritesPerEntry),
      ]),
    ]),
  );
}

if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);

function isThere(name: string, is: boolean): boolean {
  if (!is) process.stdout.write(`${name}: skipped, not there\n`);
  return is;
}

function print(title: string, text: string): void {
  process.stdout.write(`\n${title}\n\n${text}\n`);
}
