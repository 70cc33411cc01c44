/** The fuzzer, as `main.ts` builds and starts it: `fuzz.js ROOT SECONDS SEED keep|check [TARGET…]`. Ends with 1 when something fell. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCorpus, writeCorpus } from "./corpus.ts";
import { type Explored, explore } from "./explore.ts";
import { COUNTERS } from "./instrument-name.ts";
import { COMMON_WORDS, seededRandom } from "./mutate.ts";
import { bytesOf, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

const MAX_INPUT_BYTES = 16 * 1024;

const [root = ".", seconds = "10", seed = "1", mode = "check", ...names] = process.argv.slice(2);
const facts: { readonly counters: number; readonly words: readonly string[] } = JSON.parse(
  readFileSync(new URL("facts.json", import.meta.url), "utf8"),
);
const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name));
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(", ")}; there are: ${TARGETS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const chosen = names.length === 0 ? TARGETS : TARGETS.filter(({ name }) => names.includes(name));
const all: Uint8Array = Reflect.get(globalThis, COUNTERS);
const counters = all.subarray(0, facts.counters);
let executions = 0;
let faults = 0;

for (const target of chosen) {
  const explored = await fuzz(target, (Number(seconds) * 1000) / chosen.length);
  executions += explored.executions;
  faults += explored.faults.length;
}
console.log(`${executions} executions of ${chosen.length} targets, ${faults} faults`);
process.exit(faults === 0 ? 0 : 1);

async function fuzz(target: Target, forMs: number): Promise<Explored> {
  const seeds = await target.seeds();
  const startedAt = performance.now();
  const explored = await explore({
    target,
    inputs: [...seeds, ...readCorpus(root, target)],
    counters,
    mutator: {
      random: seededRandom(Number(seed)),
      words: [...COMMON_WORDS, ...facts.words.map(bytesOf)],
      maxBytes: MAX_INPUT_BYTES,
    },
    now: () => performance.now(),
    forMs,
  });
  const { kept, branches } = explored;
  const isSeed = new Set(seeds.map(keyOf));
  const fresh = kept.filter((input) => !isSeed.has(keyOf(input)));
  if (mode === "keep") writeCorpus(root, target, fresh);
  const rate = Math.round(explored.executions / ((performance.now() - startedAt) / 1000));
  console.log(
    `${target.name.padEnd(22)} ${String(explored.executions).padStart(9)} executions ${String(rate).padStart(7)}/s ` +
      `${String(branches).padStart(5)} branches ${String(fresh.length).padStart(4)} kept`,
  );
  for (const { input, error } of explored.faults) report(target, input, error);
  return explored;
}

/** Keeps what fell, to be run again and to be put into the corpus once it is mended. */
function report({ name }: Target, input: Uint8Array, error: unknown): void {
  const folder = join(root, "dist/fuzz-faults");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${keyOf(input).slice(0, 12)}`);
  writeFileSync(path, input);
  console.log(`  FAULT in ${name}, input in ${path}`);
  console.log(`  ${JSON.stringify(Buffer.from(input.subarray(0, 200)).toString("latin1"))}`);
  console.log(error instanceof Error ? error.stack : error);
}

function keyOf(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex");
}
