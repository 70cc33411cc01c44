import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { witnessEvidence } from "../../src/tlog/fork-evidence-build.ts";
import { parseVerifierKey, type VerifierKey } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { nextTimestamp } from "../../src/witness/timestamp.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { known, START_SECONDS, testLog, testWitness } from "./harness.ts";

const ORIGIN = "log.example/clock";

describe("the time a cosignature states", () => {
  it("is the clock's, and never earlier than the last one for that log", () => {
    expect(nextTimestamp({ nowMs: 1_999, lastSeconds: undefined })).toBe(1);
    expect(nextTimestamp({ nowMs: 500_000, lastSeconds: 400 })).toBe(500);
    expect(nextTimestamp({ nowMs: 400_000, lastSeconds: 400 })).toBe(400);
    expect(nextTimestamp({ nowMs: 350_000, lastSeconds: 400 })).toBe(400);
  });

  it("is refused when the clock is more than a minute behind, and before 1970", () => {
    expectCode(() => nextTimestamp({ nowMs: 339_000, lastSeconds: 400 }), "CLOCK_BEHIND");
    expectCode(() => nextTimestamp({ nowMs: 0, lastSeconds: undefined }), "CLOCK_BEHIND");
    expectCode(() => nextTimestamp({ nowMs: -5_000, lastSeconds: undefined }), "CLOCK_BEHIND");
  });
});

describe("a witness whose clock steps", () => {
  it("refuses and alarms when it is far behind, and goes on when the clock has caught up", async () => {
    const log = await testLog(ORIGIN);
    const { witness, clock, told } = await testWitness([known(log)]);
    await witness.addCheckpoint(await log.request(0, 3));
    clock.seconds -= 3600;
    await expectCodeAsync(witness.addCheckpoint(await log.request(3, 5)), "CLOCK_BEHIND");
    expect(told.at(-1)).toEqual({ event: "warning", code: "CLOCK_BEHIND" });
    clock.seconds += 3600;
    await witness.addCheckpoint(await log.request(3, 5));
  });

  it("cannot be framed: no two of its cosignatures are evidence against it, whatever the clock did", async () => {
    const log = await testLog(ORIGIN);
    const step = fc.record({ grow: fc.nat({ max: 3 }), seconds: fc.integer({ min: -90, max: 90 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { witness, clock } = await testWitness([known(log)], { clock: { seconds: START_SECONDS } });
        const shown: Uint8Array[] = [];
        let size = 0;
        for (const { grow, seconds } of steps) {
          clock.seconds += seconds;
          const next = Math.min(size + grow, 40);
          const answer = await witness.addCheckpoint(await log.request(size, next)).catch(codeOf);
          if (answer === "CLOCK_BEHIND") continue;
          expect(answer).toBeInstanceOf(Uint8Array);
          size = next;
          const note = await witness.checkpoint(originHash(ORIGIN));
          if (note !== undefined) shown.push(note);
        }
        await expectNoEvidence(shown, parseVerifierKey(witness.vkeys[0] ?? ""));
      }),
      { numRuns: runs(60) },
    );
  });
});

async function expectNoEvidence(notes: readonly Uint8Array[], witnessKey: VerifierKey): Promise<void> {
  for (const [index, first] of notes.entries()) {
    expect(parseNote(first).signatures).toHaveLength(2);
    for (const second of notes.slice(index + 1)) {
      const evidence = await witnessEvidence({ origin: ORIGIN, notes: [first, second], witnessKey });
      expect(evidence).toBeUndefined();
    }
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}
