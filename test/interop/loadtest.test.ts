import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { lacks, programPath, run, runWell } from "./programs.ts";

const skipped = lacks("loadtest");
const RUN_MS = 8_000;
/** By us, with a signal. */
const STOPPED = -1;

let witness: OwnWitness;

/** The logs it makes, which are the same at each run: "- Origin: example.com/inmemorylog/0", "  PublicKey: example.com/…". */
async function logsOfLoadtest(count: number): Promise<{ origin: string; vkey: string }[]> {
  const yaml = await runWell(programPath("loadtest"), [`--log_count=${count}`]);
  const values = (name: string) =>
    [...yaml.matchAll(new RegExp(`${name}: (\\S+)$`, "gm"))].map(([, value = ""]) => value);
  const vkeys = values("PublicKey");
  return values("Origin").map((origin, index) => ({ origin, vkey: vkeys[index] ?? "" }));
}

beforeAll(async () => {
  if (!skipped) witness = await startOwnWitness(await logsOfLoadtest(20), { types: [4] });
});

afterAll(async () => {
  if (!skipped) await witness.stop();
});

describe.skipIf(skipped)("transparency-dev's load generator against our witness", () => {
  it("has every request cosigned, with 15 signatures by keys nobody knows on each checkpoint", async () => {
    const flags = ["--log_count=20", "--num_extra_sigs=15", "--timeout=5s", "--start_qps=80", "--max_qps=80"];
    const options = { timeoutMs: RUN_MS };
    // It runs for ever, and ends at the first answer that is not a cosignature or the size of another request.
    const { code, stderr } = await run(
      programPath("loadtest"),
      [`--target=${witness.url}`, ...flags],
      options,
    );
    expect(stderr).not.toContain("Failed to update");
    expect(code).toBe(STOPPED);
    expect(witness.told.filter((line) => !line.startsWith("cosigned"))).toEqual([]);
    expect(witness.told.length).toBeGreaterThan(100);
  });
});
