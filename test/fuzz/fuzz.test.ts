/** What the coverage-guided fuzzer (`npm run fuzz`) found worth keeping, and a few mutations of it. */
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { runs } from "../runs.ts";
import { readCorpus } from "./corpus.ts";
import { COMMON_WORDS, mutated, seededRandom } from "./mutate.ts";
import { faultOf } from "./target.ts";
import { TARGETS } from "./targets.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** How many mutations of each target's inputs. */
const RUNS = runs(45);
const MAX_INPUT_BYTES = 4096;

describe("bytes of strangers", () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    "%s: refuses or takes them, and what it takes is what was meant",
    async (_name, target) => {
      const inputs = [...(await target.seeds()), ...readCorpus(ROOT, target)];
      for (const input of inputs) expect(await faultOf(target, input)).toBeUndefined();
      if (target.close !== undefined) onTestFinished(target.close);
      const mutation = fc.tuple(fc.nat(inputs.length - 1), fc.nat());
      await fc.assert(
        fc.asyncProperty(mutation, async ([at, seed]) => {
          const mutator = { random: seededRandom(seed), words: COMMON_WORDS, maxBytes: MAX_INPUT_BYTES };
          const input = mutated(inputs[at] ?? new Uint8Array(), inputs, mutator);
          const fault = await faultOf(target, input);
          if (fault !== undefined) throw fault;
        }),
        { numRuns: RUNS },
      );
    },
  );
});
