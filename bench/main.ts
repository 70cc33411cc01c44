/**
 * `npm run bench -- [options]`: the built log beside its yardsticks, in turn, in one run. bench/README.md says what each row means.
 * Exit codes: 0 done; 1 a ratio fell (--short), or requests failed; 2 bad options; 130 interrupted.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Baseline, failuresOf, ratiosOf, regressions } from "./baseline.ts";
import { describeMachine } from "./machine.ts";
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
  --update-baseline  writes the ratios of a short run to bench/baseline.json
  --row NAME         only this row; may be repeated
  --rounds N         pairs of a row (default 5)
  --seconds N        of a run (default 5)
  --seed N           of the run; else of the clock. Entries follow from it
  --json FILE        the whole report
  --svg DIR          plots
  --list             names the rows
  --help

BRISTLECONE_BENCH_DIR says where logs are made (default: the temporary folder).
`;

const options = readOptions();
process.exitCode = await main();

type Options = ReturnType<typeof parse>;

function parse() {
  const { values } = parseArgs({
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
      help: { type: "boolean", default: false },
    },
  });
  const isShort = values.short || values["update-baseline"];
  return {
    ...values,
    isShort,
    rounds: positive("--rounds", values.rounds, isShort ? 3 : 5),
    seconds: positive("--seconds", values.seconds, isShort ? 1 : 5),
    seed: positive("--seed", values.seed, Math.floor(Date.now() / 1000)),
  };
}

function readOptions(): Options {
  try {
    return parse();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

function positive(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`${name}: want a number above 0, got ${text}`);
}

async function main(): Promise<number> {
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (options.list) {
    const width = Math.max(...ROWS.map(({ name }) => name.length));
    for (const { name, about, isShort } of ROWS) {
      process.stdout.write(`${name.padEnd(width)}  ${isShort ? "short" : "     "}  ${about}\n`);
    }
    return 0;
  }
  const unknown = options.row.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no row ${unknown.join(", ")}; --list names them\n`);
    return 2;
  }
  return await bench(ROWS.filter(({ name, isShort }) => isWanted(name, isShort)));
}

function isWanted(name: string, isShort: boolean): boolean {
  return options.row.length > 0 ? options.row.includes(name) : isShort || !options.isShort;
}

async function bench(rows: readonly Row[]): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => {
    process.stderr.write("stopping the servers\n");
    stopping.abort(new Error("interrupted"));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const pinning = choosePinning();
  const machine = describeMachine(pinning.text);
  const results: Result[] = [];
  let failure: unknown;
  try {
    const context = contextOf(pinning, stopping.signal);
    for (const row of rows) results.push(...(await run(row, context)));
    if (isJudged()) await measureFallenAgain(rows, results, context);
  } catch (error) {
    failure = error;
  }
  const { rounds, seconds, isShort } = options;
  const report: Report = { machine, scale: { rounds, seconds, isShort }, results };
  process.stdout.write(`\n${formatReport(report)}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.svg !== undefined) writePlots(options.svg, results);
  if (stopping.signal.aborted) return 130;
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
  if (options["update-baseline"] && failures.length === 0) {
    writeFileSync(BASELINE, `${JSON.stringify(ratios, undefined, 2)}\n`);
    process.stdout.write(`\nwritten to ${BASELINE}\n`);
    return 0;
  }
  const fallen = [...failures, ...regressions(ratios, recorded()).map(({ text }) => text)];
  for (const line of fallen) process.stdout.write(`\nFAILED ${line}`);
  if (isJudged() && fallen.length === 0)
    process.stdout.write("\nno ratio fell far below bench/baseline.json");
  process.stdout.write("\n");
  return fallen.length === 0 ? 0 : 1;
}

/** A short run of every row is held against what is recorded. */
function isJudged(): boolean {
  return options.short && !options["update-baseline"] && options.row.length === 0;
}

function recorded(): Baseline {
  return isJudged() ? JSON.parse(readFileSync(BASELINE, "utf8")) : {};
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
