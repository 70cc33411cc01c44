/** Coverage-guided fuzzing: an input that reaches what none reached before is kept, and mutated further. */
import { type Mutator, mutated } from "./mutate.ts";
import { Fault, faultOf, type Target } from "./target.ts";

export interface ExploreOptions {
  readonly target: Target;
  /** Inputs to start from. */
  readonly inputs: readonly Uint8Array[];
  /** How often each branch was taken, as the instrumented program counts it. */
  readonly counters: Uint8Array;
  readonly mutator: Mutator;
  /** Milliseconds. */
  readonly now: () => number;
  readonly forMs: number;
}

export interface Explored {
  readonly executions: number;
  /** Branches that any input took. */
  readonly branches: number;
  /** What reaches something that no smaller one reaches. */
  readonly kept: readonly Uint8Array[];
  readonly faults: readonly { readonly input: Uint8Array; readonly error: unknown }[];
}

/** An input that takes longer, twice, is a fault: its sender pays nothing. */
const SLOW_MS = 500;
/** Of faults with the same first line of their stack one is enough. */
const MAX_FAULTS = 20;

interface Kept {
  readonly input: Uint8Array;
  readonly branches: readonly number[];
}

/** Runs a target for a while. */
export async function explore(options: ExploreOptions): Promise<Explored> {
  const { target, counters, mutator, now } = options;
  const seen = new Uint8Array(counters.length); // a bit for each range of counts
  const kept: Kept[] = [];
  const faults = new Map<string, { readonly input: Uint8Array; readonly error: unknown }>();
  let executions = 0;

  async function run(input: Uint8Array): Promise<void> {
    counters.fill(0);
    const startedAt = now();
    let error = await faultOf(target, input);
    executions += 1;
    if (now() - startedAt > SLOW_MS) error ??= await slowness(target, input, now);
    if (error !== undefined) {
      const name = placeOf(error);
      const smaller = (faults.get(name)?.input.length ?? Number.POSITIVE_INFINITY) > input.length;
      if (smaller && (faults.has(name) || faults.size < MAX_FAULTS)) faults.set(name, { input, error });
    }
    if (hasNews(counters, seen)) kept.push({ input, branches: taken(counters) });
  }

  for (const input of options.inputs) await run(input);
  const endAt = now() + options.forMs;
  while (now() < endAt) {
    const bases = kept.map(({ input }) => input);
    const base = bases[Math.floor(mutator.random() ** 0.7 * bases.length)] ?? new Uint8Array();
    for (let round = 0; round < 32; round++) await run(mutated(base, bases, mutator));
  }
  const branches = new Set(kept.flatMap((one) => one.branches)).size;
  return { executions, branches, kept: smallestCover(kept), faults: [...faults.values()] };
}

async function slowness(target: Target, input: Uint8Array, now: () => number): Promise<unknown> {
  const startedAt = now();
  const error = await faultOf(target, input);
  const tookMs = now() - startedAt;
  return error ?? (tookMs > SLOW_MS ? new Fault(`took ${Math.round(tookMs)} ms`) : undefined);
}

/** Whether a branch was taken for the first time, or in another order of magnitude; notes it. */
function hasNews(counters: Uint8Array, seen: Uint8Array): boolean {
  let isNew = false;
  // Nearly all are 0: four at a time.
  const words = new Uint32Array(counters.buffer, counters.byteOffset, Math.floor(counters.length / 4));
  for (let at = 0; at < counters.length; at++) {
    if (at % 4 === 0 && words[at / 4] === 0) {
      at += 3;
      continue;
    }
    const count = counters[at] ?? 0;
    if (count === 0) continue;
    const bit = 1 << Math.min(7, 31 - Math.clz32(count));
    if (((seen[at] ?? 0) & bit) !== 0) continue;
    seen[at] = (seen[at] ?? 0) | bit;
    isNew = true;
  }
  return isNew;
}

function taken(counters: Uint8Array): readonly number[] {
  const branches: number[] = [];
  for (let at = 0; at < counters.length; at++) if (counters[at] !== 0) branches.push(at);
  return branches;
}

/** Small inputs first; each later one only for a branch that none before takes. */
function smallestCover(kept: readonly Kept[]): readonly Uint8Array[] {
  const covered = new Set<number>();
  const cover: Uint8Array[] = [];
  for (const { input, branches } of kept.toSorted((a, b) => a.input.length - b.input.length)) {
    if (branches.every((branch) => covered.has(branch))) continue;
    for (const branch of branches) covered.add(branch);
    cover.push(input);
  }
  return cover;
}

/** Where an error comes from, without what differs from input to input. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [frame = ""] = /^ +at .*/m.exec(error.stack ?? "") ?? [];
  return `${error.name} ${frame}`;
}
