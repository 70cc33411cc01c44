/** Our monitor over a log that Tessera serves. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import { openLogClient } from "../../client/index.ts";
import { trustIn } from "../../client/policy.ts";
import type { Alert } from "../../src/monitor/alert.ts";
import { substringMatcher } from "../../src/monitor/matchers.ts";
import { openMonitor } from "../../src/monitor/monitor.ts";
import { DEFAULT_PATIENCE, type MonitoredLog } from "../../src/monitor/monitored-log.ts";
import { monitorShelf, monitorStates } from "../../src/node/monitor-files.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { entry } from "../log/harness.ts";
import { freePort, isFull, lacks, programPath, type RunningProgram, start } from "./programs.ts";
import { BROKEN } from "./sdk-reads.ts";

const ORIGIN = "tessera.test/monitored";
/** Of one batch of the log, which then waits no second for more. */
const BATCH = 256;
const COUNT = isFull ? 20_000 : 600;
const skipped = lacks("tessera-posix");

let folder: string;
let vkey: string;
let log: Served;
/** The same key over another directory. */
let reborn: Served;

interface Served {
  readonly url: string;
  readonly program: RunningProgram;
}

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-monitor-"));
  const key = formatSigningKey(await generateSigningKey({ name: ORIGIN }));
  await writeFile(join(folder, "key"), key);
  vkey = formatVerifierKey((await openSigner(key)).verifierKey);
  [log, reborn] = await Promise.all([startLog("first", COUNT), startLog("second", COUNT + 50)]);
});

afterAll(async () => {
  if (skipped) return;
  await log.program.stop();
  await reborn.program.stop();
  await rm(folder, { recursive: true });
});

async function startLog(name: string, count: number): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [`--storage_dir=${join(folder, name)}`, `--private_key=${join(folder, "key")}`];
  const program = await start(programPath("tessera-posix"), [...flags, `--listen=127.0.0.1:${port}`], {
    url,
  });
  const client = openLogClient({ url, vkey });
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - from) }, (_, at) =>
      entry(`${name} ${from + at}`),
    );
    await Promise.all(batch.map((bytes) => client.append(bytes)));
  }
  await client.waitForReceipt(count - 1);
  return { url, program };
}

/** One look, with the state in a folder. */
async function look(
  { url }: Served,
  state: string,
  more: { places?: MonitoredLog["places"]; fetch?: FetchFunction } = {},
) {
  const told: Alert[] = [];
  const matchers = [substringMatcher("wanted", { text: " 77", ignoresCase: false })];
  const { places = [] } = more;
  const trust = trustIn({ vkey });
  const monitor = await openMonitor({
    logs: [{ url, trust, places, from: 0, matchers, isHeard: false, patience: DEFAULT_PATIENCE }],
    states: monitorStates(join(folder, state)),
    shelf: monitorShelf(join(folder, state)),
    sinks: [{ name: "log", tell: async ({ alerts }) => void told.push(...alerts) }],
    events: {},
    now: Date.now,
    intervalMs: 1000,
    ...(more.fetch && { network: { fetch: more.fetch } }),
  });
  const { logs } = await monitor.once(new AbortController().signal);
  return { kinds: told.map(({ kind }) => kind), told, log: logs[0] };
}

describe.skipIf(skipped)("our monitor and a log that Tessera serves", () => {
  it("reads every entry once, tells what it looks for, and goes on where it was", async () => {
    const first = await look(log, "state");
    expect(first.log).toMatchObject({ treeSize: COUNT, isRead: true });
    expect(first.kinds.length).toBeGreaterThan(0);
    expect((await look(log, "state")).kinds).toEqual([]);
    await openLogClient({ url: log.url, vkey }).append(entry("later 770"), { waitForReceiptMs: 20_000 });
    const next = await look(log, "state");
    expect(next.told).toMatchObject([{ kind: "match", match: { leafIndex: COUNT } }]);
  });

  it.each(BROKEN)("notices $what that was changed on the way", async ({ what, fetch, code }) => {
    const { kinds, log: seen } = await look(log, `broken ${what}`, { fetch });
    expect(seen).toMatchObject({ isRead: false, failure: { code } });
    if (code !== "SIGNATURE_INVALID") expect(kinds).toContain("wrong-bytes");
  });

  it("convicts it when another history is shown, at once or by a mirror", async () => {
    await look(log, "fork");
    expect((await look(reborn, "fork")).kinds).toEqual(["fork"]);
    const mirror = { name: "mirror", url: reborn.url, role: "mirror" as const };
    const { told } = await look(log, "mirrored", { places: [mirror] });
    const fork = told.find(({ kind }) => kind === "fork");
    expect(fork?.files).toHaveLength(1);
    expect(await readdir(join(fork?.files?.[0] ?? "", ".."))).toHaveLength(1);
  });
});
