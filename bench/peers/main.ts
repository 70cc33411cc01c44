/**
 * `npm run bench:peers [-- --short] [--rows hammer,generator,tiles,durability] [--json FILE]`: the built log beside programs of other
 * people, in turn, in one run. What is not installed is skipped, and said. bench/README.md says how to read it.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { lacks, programVersion } from "../../test/interop/programs.ts";
import { hammerRows } from "./hammer-rows.ts";
import { figureTable } from "./rows.ts";

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
const report: Record<string, unknown> = {};

if (wanted.has("hammer") && !lacks("hammer", "tessera-posix")) {
  const rows = [];
  for (const cores of ["one", "all"] as const) {
    if (!values.cores.split(",").includes(cores)) continue;
    for (const antispam of [true, false]) {
      const warmUpSeconds = values.short ? 3 : 5;
      const plan = { folder: values.folder, writers, pairs, seconds, warmUpSeconds, cores, antispam };
      for (const row of await hammerRows({ ...plan, calibrates: !values.short })) {
        rows.push(row);
        const names = { yardstick: `${row.yardstick} ${programVersion("tessera-posix")}`, own: "ours" };
        print(
          `${row.title} (Tessera offered at most ${row.tesseraMaxWrites}/s)`,
          figureTable(row.figures, names),
        );
      }
    }
  }
  report.hammer = rows;
}

if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);

function print(title: string, text: string): void {
  process.stdout.write(`\n${title}\n\n${text}\n`);
}
