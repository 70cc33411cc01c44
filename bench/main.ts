/**
 * `npm run bench -- [options]`: the built log beside its yardsticks, in turn, in one run. bench/README.md says what each row means.
 * Exit codes: 0 done; 1 a ratio fell (--short), or requests failed; 2 bad options; 130 and 143 interrupted.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Baseline, failuresOf, judgedText, only, ratiosOf, regressions, without } from "./baseline.ts";
import { describeMachine } from "./machine.ts";
import { namesAmong, outputFile, positive, readOptions, whole } from "./options.ts";
import { choosePinning } from "./pinning.ts";
import type { Report, Result } from "./results.ts";
import type { Context, Row } from "./row.ts";
import { addRows } from "./rows/add.ts";
import { batchRows } from "./rows/batch.ts";
import { ceilingRows } from "./rows/ceilings.ts";
import { clientRow } from "./rows/client.ts";
import { footprintRow } from "./rows/footprint.ts";
import { readRows } from "./rows/reads.ts";
import { receiptRows } from "./rows/receipts.ts";
import { runScript } from "./script.ts";
import { plot } from "./svg.ts";
import { formatReport, formatResult } from "./table.ts";

const ROWS: readonly Row[] = [
  ...addRows,
  ...batchRows,
  ...receiptRows,
  ...readRows,
  footprintRow,
  clientRow,
  ...ceilingRows,
];
const BASELINE = join(import.meta.dirname, "baseline.json");

const USAGE = `npm run build && npm run bench -- [options]

  --short            a minute: few rows, against the ratios of bench/baseline.json; exit 1 when one fell far
  --update-baseline  writes the ratios of a short run to bench/baseline.json; with --row, of these rows only
  --row NAME         only this row; may be repeated
  --rounds N         pairs of a row (default 5)
  --seconds N        of a run (default 5)
  --seed N           of the run; else of the clock. Entries follow from it, and the report tells it
  --json FILE        the whole report
  --svg DIR          plots
  --list             names the rows
  --help

BRISTLECONE_BENCH_DIR says where logs are made (default: the temporary folder).
`;

/** Of which each load makes its own. */
const MAX_SEED = 2 ** 40;
const SHORT = { rounds: 3, seconds: 1 };
const FULL = { rounds: 5, seconds: 5 };

const options = readOptions(USAGE, parse);
await runScript(main);

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: "boolean", default: false },
      "update-baseline": { type: "boolean", default: false },
      row: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      seconds: { type: "string" },
      seed: { type: "string" },
      json: { type: "string" },
      svg: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const isUpdate = values["update-baseline"];
  const isShort = values.short || isUpdate;
  const usual = isShort ? SHORT : FULL;
  const names = ROWS.filter((row) => row.isShort || !isUpdate).map(({ name }) => name);
  namesAmong(isUpdate ? "--row with --update-baseline" : "--row", values.row, names);
  const rounds = whole("--rounds", values.rounds ?? String(usual.rounds));
  const seconds = positive("--seconds", values.seconds ?? String(usual.seconds));
  if (isUpdate && (rounds < SHORT.rounds || seconds < SHORT.seconds))
    throw new RangeError("--update-baseline: too little is measured to be held against later");
  const seed = whole("--seed", values.seed ?? String(Math.floor(Date.now() / 1000)));
  if (seed > MAX_SEED) throw new RangeError(`--seed: want at most ${MAX_SEED}`);
  return { ...values, isUpdate, isShort, rounds, seconds, seed, json: outputFile("--json", values.json) };
}

async function main(signal: AbortSignal): Promise<number> {
  if (options.list) {
    const width = Math.max(...ROWS.map(({ name }) => name.length));
    for (const { name, about, isShort } of ROWS) {
      process.stdout.write(`${name.padEnd(width)}  ${isShort ? "short" : "     "}  ${about}\n`);
    }
    return 0;
  }
  return await bench(
    ROWS.filter(({ name, isShort }) => isWanted(name, isShort)),
    signal,
  );
}

function isWanted(name: string, isShort: boolean): boolean {
  return options.row.length > 0 ? options.row.includes(name) : isShort || !options.isShort;
}

async function bench(rows: readonly Row[], signal: AbortSignal): Promise<number> {
  const pinning = choosePinning();
  const machine = describeMachine(pinning.text);
  const results: Result[] = [];
  let failure: unknown;
  try {
    const context = contextOf(pinning, signal);
    for (const row of rows) results.push(...(await run(row, context)));
    if (isJudged()) await measureFallenAgain(rows, results, context);
  } catch (error) {
    failure = error;
  }
  const { rounds, seconds, isShort, seed } = options;
  const report: Report = { machine, scale: { rounds, seconds, isShort }, seed, results };
  process.stdout.write(`\n${formatReport(report)}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.svg !== undefined) writePlots(options.svg, results);
  if (failure !== undefined) throw failure;
  return judge(results);
}

async function run(row: Row, context: Context): Promise<readonly Result[]> {
  context.say(`${row.name}: ${row.about}`);
  const startedAt = performance.now();
  const results = await row.run(context);
  for (const result of results) context.say(formatResult(result, context));
  context.say(`${row.name} took ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return results;
}

function contextOf(pinning: Context["pinning"], signal: AbortSignal): Context {
  const { rounds, seconds, isShort, seed } = options;
  let loads = 0;
  return {
    rounds,
    seconds,
    isShort,
    pinning,
    signal,
    nextSeed: () => {
      loads += 1;
      return seed * 1000 + loads;
    },
    say: (text) => void process.stderr.write(`${text}\n`),
  };
}

function writePlots(folder: string, results: readonly Result[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, title, curve } of results) {
    if (curve !== undefined) writeFileSync(join(folder, `${name}.svg`), plot(title, curve));
  }
}

function judge(results: readonly Result[]): number {
  const ratios = ratiosOf(results);
  const failures = failuresOf(results);
  if (options.isUpdate && failures.length === 0) {
    const kept = options.row.length === 0 ? {} : without(readBaseline(), options.row);
    writeFileSync(BASELINE, `${JSON.stringify({ ...kept, ...ratios }, undefined, 2)}\n`);
    process.stdout.write(`\nwritten to ${BASELINE}\n`);
    return 0;
  }
  const fallen = [...failures, ...regressions(ratios, recorded()).map(({ text }) => text)];
  for (const line of fallen) process.stdout.write(`\nFAILED ${line}`);
  if (isJudged()) process.stdout.write(`\n${judgedText(results, { recorded: recorded(), fallen })}`);
  process.stdout.write("\n");
  return fallen.length === 0 ? 0 : 1;
}

/** A short run is held against what is recorded. */
function isJudged(): boolean {
  return options.short && !options.isUpdate;
}

/** Of the rows that run. */
function recorded(): Baseline {
  if (!isJudged()) return {};
  return options.row.length === 0 ? readBaseline() : only(readBaseline(), options.row);
}

function readBaseline(): Baseline {
  return JSON.parse(readFileSync(BASELINE, "utf8"));
}

/** Other work on the machine may hit one side: what fell has to fall twice. */
async function measureFallenAgain(rows: readonly Row[], results: Result[], context: Context): Promise<void> {
  const fallen = new Set(regressions(ratiosOf(results), recorded()).map(({ name }) => name));
  for (const row of rows.filter(({ name }) => fallen.has(name))) {
    context.say(`${row.name} fell: once more`);
    for (const result of await run(row, context)) {
      const at = results.findIndex(({ name }) => name === result.name);
      results.splice(at, 1, result);
    }
  }
}
