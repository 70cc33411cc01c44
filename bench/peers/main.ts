/**
 * `npm run bench:peers [-- --short] [--rows hammer,generator,tiles,durability] [--json FILE]`: the built log beside programs of other
 * people, in turn, in one run. What is not installed is skipped, and said. bench/peers/README.md says how to read it.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { lacks, programVersion } from "../../test/interop/programs.ts";
import { figureTable, shown, table } from "../figures.ts";
import { describeMachine } from "../machine.ts";
import { listOf, namesAmong, outputFile, readOptions, whole } from "../options.ts";
import { choosePinning } from "../pinning.ts";
import { runScript } from "../script.ts";
import { canTrace, durabilityRows } from "./durability.ts";
import { hammerRows } from "./hammer-rows.ts";
import { loadRows } from "./load-rows.ts";
import { hasNginx } from "./tile-files.ts";
import { tileRows } from "./tile-rows.ts";
import { hasWrk } from "./wrk.ts";

const ROWS = ["hammer", "generator", "tiles", "durability"];
const USAGE = `npm run build && npm run bench:peers [-- options]

  --short          a pair of five seconds
  --rows A,B       of ${ROWS.join(",")} (default: all)
  --writers N,N    of the hammer (default 64,512,4096)
  --cores one,all  server and hammer with a core each, or both on all (default: one after the other)
  --antispam on,off  whether Tessera looks for duplicates, as ours does always (default: one after the other)
  --pairs N        (default 5)
  --seconds N      of a run (default 15)
  --folder DIR     where the logs lie: on a disk (default: the temporary folder)
  --json FILE      the whole report
  --help
`;

const values = readOptions(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: "boolean", default: false },
      rows: { type: "string", default: ROWS.join(",") },
      writers: { type: "string" },
      pairs: { type: "string" },
      seconds: { type: "string" },
      cores: { type: "string", default: "one,all" },
      antispam: { type: "string", default: "on,off" },
      folder: { type: "string", default: tmpdir() },
      json: { type: "string" },
    },
  });
  const { short } = values;
  return {
    short,
    rows: new Set(namesAmong("--rows", values.rows.split(","), ROWS)),
    cores: namesAmong("--cores", values.cores.split(","), ["one", "all"]),
    antispam: namesAmong("--antispam", values.antispam.split(","), ["on", "off"]),
    pairs: whole("--pairs", values.pairs ?? (short ? "1" : "5")),
    seconds: whole("--seconds", values.seconds ?? (short ? "5" : "15")),
    writers: listOf("--writers", values.writers ?? (short ? "64" : "64,512,4096"), whole),
    folder: values.folder,
    json: outputFile("--json", values.json),
  };
});
const { rows: wanted, pairs, seconds, writers } = values;
const pinning = choosePinning();
const report: Record<string, unknown> = {};

await runScript(async () => {
  report.machine = describeMachine(pinning.text);
  if (wanted.has("hammer") && !lacks("hammer", "tessera-posix")) report.hammer = await hammer();
  if (wanted.has("generator") && !lacks("tessera-posix")) report.generator = await generator();
  if (wanted.has("tiles") && isThere("nginx", hasNginx()) && isThere("wrk", hasWrk()))
    report.tiles = await tiles();
  if (wanted.has("durability") && isThere("strace", canTrace()) && !lacks("tessera-posix"))
    report.durability = await durability();
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return 0;
});

async function hammer(): Promise<unknown> {
  const rows = [];
  for (const cores of values.cores) {
    for (const antispam of values.antispam.map((is) => is === "on")) {
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
      for await (const row of hammerRows({ ...plan, calibrates: !values.short })) {
        rows.push(row);
        const names = { yardstick: `${row.yardstick} ${programVersion("tessera-posix")}`, ours: "ours" };
        print(
          `${row.title} (Tessera offered at most ${row.tesseraMaxWrites}/s)`,
          figureTable(row.figures, names),
        );
      }
    }
  }
  return rows;
}

async function generator(): Promise<unknown> {
  const rows = [];
  for (const antispam of values.antispam.map((is) => is === "on")) {
    const connections = values.short ? [64] : [64, 512];
    const offered = values.short ? [200] : [50, 200, 1000, 2000];
    const plan = { folder: values.folder, connections, offered, pairs, seconds, pinning, antispam };
    for (const row of await loadRows(plan)) {
      rows.push(row);
      const names = { yardstick: `${row.yardstick} ${programVersion("tessera-posix")}`, ours: "ours" };
      print(`${row.title}, ${pinning.text}`, figureTable(row.figures, names));
    }
  }
  return rows;
}

async function tiles(): Promise<unknown> {
  const size = values.short
    ? { entries: 51_200, connections: [64] }
    : { entries: 1_048_576, connections: [64, 512] };
  const rows = await tileRows({ ...size, folder: values.folder, pairs, seconds, pinning });
  for (const { title, figures } of rows) {
    print(title, figureTable(figures, { yardstick: "nginx, files", ours: "ours" }));
  }
  return rows;
}

async function durability(): Promise<unknown> {
  const inFlight = values.short ? [1, 64] : [1, 64, 512];
  const rows = await durabilityRows({ folder: values.folder, inFlight, entriesEach: 8 });
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
  return rows;
}

function isThere(name: string, is: boolean): boolean {
  if (!is) process.stdout.write(`${name}: skipped, not there\n`);
  return is;
}

function print(title: string, text: string): void {
  process.stdout.write(`\n${title}\n\n${text}\n`);
}
