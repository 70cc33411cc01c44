import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import { goCheckpointOpener, hasGo } from "./go-programs.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { type Ended, isFull, lacks, programPath, run, runWell, start } from "./programs.ts";
import { type PeerLog, startOmniwitness } from "./witness-programs.ts";
import { claimedSize, startWitnessProxy } from "./witness-proxy.ts";

const skipped = lacks("loadtest");
const ENOUGH = 200;
const EXTRA_SIGNATURES = 15;
const PATIENCE_MS = 60_000;
const FULL_RUN_MS = 12_000;
/** By us, with a signal. */
const STOPPED = -1;
/** It writes a line after so many updates. */
const UPDATES_PER_LINE = 25;

/** The logs it makes, which are the same at each run: "- Origin: example.com/inmemorylog/0", "  PublicKey: example.com/…". */
async function logsOfLoadtest(count: number): Promise<PeerLog[]> {
  const yaml = await runWell(programPath("loadtest"), [`--log_count=${count}`]);
  const values = (name: string) =>
    [...yaml.matchAll(new RegExp(`${name}: (\\S+)$`, "gm"))].map(([, value = ""]) => value);
  const vkeys = values("PublicKey");
  return values("Origin").map((origin, index) => ({ origin, vkey: vkeys[index] ?? "" }));
}

/** It runs for ever, and ends at the first answer that is not a cosignature or, once a log, the size to go on from. */
async function loadtest(url: string, flags: readonly string[], timeoutMs: number): Promise<Ended> {
  return await run(programPath("loadtest"), flagsOf(url, flags), { timeoutMs });
}

function flagsOf(url: string, flags: readonly string[]): readonly string[] {
  return [`--target=${url}`, `--num_extra_sigs=${EXTRA_SIGNATURES}`, ...flags];
}

describe.skipIf(skipped)("transparency-dev's load generator against our witness", () => {
  let logs: readonly PeerLog[];
  let witness: OwnWitness;
  beforeAll(async () => {
    logs = await logsOfLoadtest(20);
    witness = await startOwnWitness(logs, { types: [4] });
  });
  afterAll(async () => await witness.stop());

  it("has every checkpoint cosigned, with 15 signatures by keys nobody knows on each, and each cosignature holds", async () => {
    const proxy = await startWitnessProxy(witness.url);
    // It does not look at what it gets: what passes is kept, and looked at here.
    const cosigned: Uint8Array[] = [];
    const signatureCounts = new Set<number>();
    proxy.behave(async (request, { ask }) => {
      const answer = await ask(request);
      const text = decodeUtf8(request);
      const checkpoint = text.slice(text.indexOf("\n\n") + 2);
      signatureCounts.add(parseNote(encodeUtf8(checkpoint)).signatures.length);
      if (answer.status === 200) cosigned.push(concatBytes(encodeUtf8(checkpoint), answer.body));
      return answer;
    });
    const flags = ["--log_count=20", "--timeout=30s", "--start_qps=80", "--max_qps=80"];
    const running = await start(programPath("loadtest"), flagsOf(proxy.url, flags));
    await vi.waitFor(() => expect(cosigned.length, running.output()).toBeGreaterThan(ENOUGH), {
      timeout: PATIENCE_MS,
    });
    expect(running.output()).not.toContain("Failed to update");
    await running.stop();
    await proxy.close();
    expect([...signatureCounts]).toEqual([1 + EXTRA_SIGNATURES]);
    expect(witness.told.filter((line) => !line.startsWith("cosigned"))).toEqual([]);
    const lines = logs.map(({ vkey }) => `log ${vkey}`);
    const policy = parsePolicy(`${lines.join("\n")}\nwitness w ${witness.vkeys[0]}\nquorum w\n`);
    for (const signedNote of cosigned) await openCheckpoint({ policy, signedNote });
    if (!hasGo("go-cosigned")) return;
    const [last = new Uint8Array()] = cosigned.slice(-1);
    const { origin } = await openCheckpoint({ policy, signedNote: last });
    const openInGo = await goCheckpointOpener();
    const vkey = logs.find((log) => log.origin === origin)?.vkey ?? "";
    expect((await openInGo(last, vkey, witness.vkeys)).cosignatures).toHaveLength(1);
  });

  it("ends when a witness has always another size", async () => {
    const proxy = await startWitnessProxy(witness.url);
    proxy.behave(claimedSize(7));
    const { code, stderr } = await loadtest(proxy.url, ["--log_count=2"], PATIENCE_MS);
    await proxy.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/Log example\.com\/inmemorylog\/\d of size \d+ asked to re-sync to 7/);
  });
});

/** What a witness sustains, in updates a second: 50 logs ask without a pause, as nobody can offer more than is asked for. */
async function mostUpdates(witness: { readonly url: string }): Promise<number> {
  // Its own ramp stops far below what it can send: it takes a timer that rings late for a witness that is slow.
  const flags = [
    "--log_count=50",
    "--timeout=1s",
    "--start_qps=10000",
    "--success_qps=100000",
    "--ignore_pushback",
  ];
  const { code, stderr } = await loadtest(witness.url, flags, FULL_RUN_MS);
  // A busy machine can make one answer late, which ends it: that says nothing against the witness.
  if (code !== STOPPED) expect(stderr).toContain("Client.Timeout");
  const times = [...stderr.matchAll(/ (\d\d):(\d\d):(\d\d\.\d+) .* Average update time/g)].map(
    ([, hours, minutes, seconds]) => Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
  );
  return ((times.length - 1) * UPDATES_PER_LINE) / ((times.at(-1) ?? 0) - (times[0] ?? 0));
}

describe.skipIf(skipped || !isFull)(
  "as many updates as 50 logs can ask for, each answered within a second",
  () => {
    it("is what our witness cosigns without a refusal, and omniwitness in the same run", async () => {
      const logs = await logsOfLoadtest(50);
      const ours = await startOwnWitness(logs, { types: [4] });
      const said = [`ours ${Math.round(await mostUpdates(ours))}`];
      await ours.stop();
      expect(ours.told.filter((line) => !line.startsWith("cosigned"))).toEqual([]);
      if (!lacks("omniwitness")) {
        const theirs = await startOmniwitness(logs, { types: [1] });
        said.push(`omniwitness ${Math.round(await mostUpdates(theirs))}`);
        await theirs.stop();
      }
      process.stdout.write(`loadtest, 50 logs, updates a second: ${said.join(", ")}\n`);
    }, 60_000);
  },
);
