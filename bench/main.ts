/**
 * `npm run bench [-- --short] [-- --json FILE]`: append, read, prove, verify, each beside a yardstick of the same run.
 * Compare ratios, not figures of different machines or days. bench/README.md says what each row means.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { benchLog } from "./log.ts";
import type { Result } from "./measure.ts";
import { benchVerify } from "./verify.ts";

const { values } = parseArgs({
  options: { short: { type: "boolean", default: false }, json: { type: "string" } },
});
const scale = values.short ? { rounds: 1, seconds: 1 } : { rounds: 5, seconds: 5 };

const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, ...scale };
const sections = { ...(await benchLog(scale)), ...(await benchVerify(scale)) };

for (const [section, results] of Object.entries(sections)) {
  process.stdout.write(`\n${section}\n${table(results)}\n`);
}
const report = JSON.stringify({ at: new Date().toISOString(), machine, sections }, undefined, 2);
if (values.json === undefined) process.stdout.write(`\n${report}\n`);
else writeFileSync(values.json, `${report}\n`);

function table(results: readonly Result[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const head = `${"".padEnd(width)}  ${"per second".padStart(12)}  ${"ratio".padStart(6)}  ${"p50 ms".padStart(8)}  ${"p99 ms".padStart(8)}`;
  const rows = results.map(
    ({ name, perSecond, ratio, p50Ms, p99Ms }) =>
      `${name.padEnd(width)}  ${Math.round(perSecond).toLocaleString("en").padStart(12)}  ${cell(ratio, 6)}  ${cell(p50Ms, 8)}  ${cell(p99Ms, 8)}`,
  );
  return [head, ...rows].join("\n");
}

function cell(value: number | undefined, width: number): string {
  return (value === undefined ? "-" : value.toFixed(2)).padStart(width);
}
