import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { decodeBundle } from "../../src/tlog/entry-bundle.ts";
import { TILE_WIDTH } from "../../src/tlog/tile.ts";
import { ORIGIN } from "../log/harness.ts";
import { PARTIAL_TILE_BYTE, SIGNATURE_BYTE } from "./breaking-proxy.ts";
import { type Ended, isFull, lacks, programPath, run } from "./programs.ts";
import { type ReaderLog, startReaderLog } from "./reader-log.ts";

/** How far the log shall grow, and how fast. */
const LOAD = isFull ? { leaves: 40_000, perSecond: 2_000 } : { leaves: 2_500, perSecond: 500 };
const WRITERS = 128;
const skipped = lacks("hammer");

let log: ReaderLog;

beforeAll(async () => {
  if (!skipped) log = await startReaderLog(0);
});

afterAll(async () => {
  if (!skipped) await log.stop();
});

/** Readers at random and from the start, writers, and a reader that checks each checkpoint against the last. */
async function hammer(
  url: string,
  { leaves, perSecond }: typeof LOAD,
  ...more: readonly string[]
): Promise<Ended> {
  const flags = [
    `--log_public_key=${log.vkey}`,
    `--log_url=${url}/`,
    "--num_readers_random=8",
    "--num_readers_full=4",
    `--max_read_ops=${perSecond}`,
    `--num_writers=${WRITERS}`,
    `--max_write_ops=${perSecond}`,
    `--leaf_write_goal=${leaves}`,
    "--show_ui=false",
    ...more,
  ];
  return await run(programPath("hammer"), flags, { timeoutMs: isFull ? 1_200_000 : 120_000 });
}

/** Where it was told that its entries went. */
function indicesIn(said: string): readonly number[] {
  return [...said.matchAll(/Wrote leaf at index (\d+)/g)].map(([, index]) => Number(index));
}

async function readEntries(): Promise<readonly string[]> {
  const { treeSize } = log.log.published();
  const entries: string[] = [];
  for (let start = 0; start < treeSize; start += TILE_WIDTH) {
    const end = Math.min(start + TILE_WIDTH, treeSize);
    const bundle = (await log.log.readEntries({ start, end })) ?? new Uint8Array();
    entries.push(...decodeBundle(bundle, end - start).map(decodeUtf8));
  }
  return entries;
}

describe.skipIf(skipped)("Tessera's hammer", () => {
  it("reads and writes without a complaint, and gets the index of each entry that it adds again", async () => {
    const { code, stderr } = await hammer(log.url, LOAD, "-v=2", "--max_runtime=20m");
    // Each line begins with how bad it is: I, W, E or F. Reaching its goal it drops its own requests, and says so.
    const complaints = stderr.match(/^[WEF]\d{4} .*$/gm) ?? [];
    expect(complaints.filter((line) => !line.endsWith(": context canceled"))).toEqual([]);
    expect(stderr).toContain(`Reached tree size goal of ${LOAD.leaves}`);
    expect(code).toBe(0);
    // A tenth of what it writes it wrote before: for that it is told an index again, and the log holds no entry twice.
    const entries = await readEntries();
    const indices = indicesIn(stderr);
    expect(indices.length).toBeGreaterThan(entries.length * 1.05);
    // Of each entry it was told the index, but for those that were on their way at the end.
    const told = new Set(indices);
    expect(told.size).toBeGreaterThanOrEqual(entries.length - WRITERS);
    expect(Math.max(...told)).toBeLessThan(entries.length);
    expect(new Set(entries).size).toBe(entries.length);
  });

  it("notices one letter of the checkpoint's signature changed", async () => {
    log.proxy.breakFromNow(SIGNATURE_BYTE);
    const { code, stderr } = await hammer(log.proxy.url, LOAD);
    expect(log.proxy.changed()).toBe(1);
    expect(stderr).toContain(
      `failed to verify signatures on checkpoint: invalid signature for key ${ORIGIN}+`,
    );
    expect(code).toBe(1);
  });

  it("notices one bit of a tile changed, while the log grows", async () => {
    log.proxy.breakFromNow(PARTIAL_TILE_BYTE);
    const { code, stderr } = await hammer(log.proxy.url, LOAD, "--max_runtime=60s");
    expect(log.proxy.changed()).toBeGreaterThan(0);
    expect(stderr).toContain("log consistency check failed: calculated root:");
    expect(code).toBe(255);
  });
});
