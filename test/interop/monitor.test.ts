/** Our monitor over a log that Tessera serves, and over a mirror that Sunlight keeps. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { FetchFunction } from "../../client/fetcher.ts";
import { openLogClient } from "../../client/index.ts";
import { trustIn } from "../../client/policy.ts";
import type { Alert } from "../../src/monitor/alert.ts";
import { substringMatcher } from "../../src/monitor/matchers.ts";
import { openMonitor } from "../../src/monitor/monitor.ts";
import { DEFAULT_PATIENCE, type MonitoredLog } from "../../src/monitor/monitored-log.ts";
import { monitorShelf, monitorStates } from "../../src/node/monitor-files.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type Log,
  openLog,
  openMemoryStore,
  openSigner,
  type RunningServer,
  serveLog,
} from "../../src/server.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { entry } from "../log/harness.ts";
import { freePort, isFull, lacks, programPath, type RunningProgram, start } from "./programs.ts";
import { BROKEN } from "./sdk-reads.ts";
import { SUNLIGHT_MIRROR_PROGRAMS, type SunlightMirror, startSunlightMirror } from "./sunlight-mirror.ts";

const ORIGIN = "tessera.test/monitored";
/** Of one batch of the log, which then waits no second for more. */
const BATCH = 256;
const COUNT = isFull ? 20_000 : 600;
const skipped = lacks("tessera-posix");
const skipsMirror = lacks(...SUNLIGHT_MIRROR_PROGRAMS);

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
  folder = await mkdtemp(join(tmpdir(), "bristlecone-monitor-"));
  if (skipped) return;
  const key = formatSigningKey(await generateSigningKey({ name: ORIGIN }));
  await writeFile(join(folder, "key"), key);
  vkey = formatVerifierKey((await openSigner(key)).verifierKey);
  [log, reborn] = await Promise.all([startLog("first", COUNT), startLog("second", COUNT + 50)]);
});

afterAll(async () => {
  if (!skipped) {
    await log.program.stop();
    await reborn.program.stop();
  }
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
  { url }: Pick<Served, "url">,
  state: string,
  more: { places?: MonitoredLog["places"]; fetch?: FetchFunction; policy?: string } = {},
) {
  const told: Alert[] = [];
  const matchers = [substringMatcher("wanted", { text: " 77", ignoresCase: false })];
  const { places = [], policy } = more;
  const trust = trustIn(policy === undefined ? { vkey } : { policy });
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

describe.skipIf(skipsMirror)("our monitor and Sunlight's mirror of our log, served by Skylight", () => {
  const origin = "mirrored.test/monitored";
  const count = isFull ? 20_000 : 700;
  const closing: (() => Promise<unknown>)[] = [];
  let mirrored: Log;
  let server: RunningServer;
  let mirror: SunlightMirror;
  let keys: readonly string[];
  /** Wants the mirror's word, which says that it holds every entry. */
  let policy: string;
  /** The log's word is enough. */
  let alone: string;

  async function served(of: string): Promise<{ log: Log; server: RunningServer }> {
    const signers = await Promise.all(keys.map((key) => openSigner(key)));
    const log = await openLog({ store: openMemoryStore({ origin }), signers });
    const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
    closing.push(() => server.close({ deadlineMs: 0 }).then(() => log.close()));
    await log.addBatch(Array.from({ length: count }, (_, at) => entry(`${of} ${at}`)));
    await log.untilPublished(count - 1, { signal: AbortSignal.timeout(30_000) });
    return { log, server };
  }

  const mirrorHas = (treeSize: number) =>
    vi.waitFor(
      async () => {
        const text = await (await fetch(`${mirror.url}/checkpoint`)).text();
        expect(text.split("\n")[1], mirror.output()).toBe(String(treeSize));
      },
      { timeout: 60_000, interval: 100 },
    );

  beforeAll(async () => {
    const made = ([1, 6] as const).map((type) => generateSigningKey({ name: origin, type }));
    keys = (await Promise.all(made)).map(formatSigningKey);
    const logVkey = formatVerifierKey((await openSigner(keys[1] ?? "")).verifierKey);
    ({ log: mirrored, server } = await served("first"));
    mirror = await startSunlightMirror({ origin, vkey: logVkey, url: server.url });
    closing.push(mirror.stop);
    alone = `log ${logVkey}\nquorum none\n`;
    policy = `log ${logVkey}\nwitness mirror ${mirror.vkey}\nquorum mirror\n`;
    await mirrorHas(count);
  });

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  it("reads it as a log: every entry, then what is new", async () => {
    const first = await look(mirror, "mirror", { policy });
    expect(first.log).toMatchObject({ treeSize: count, isRead: true, failure: undefined });
    expect(first.kinds.length).toBeGreaterThan(0);
    await mirrored.add(entry("later 770"));
    await mirrorHas(count + 1);
    const { told } = await look(mirror, "mirror", { policy });
    expect(told).toMatchObject([{ kind: "match", match: { leafIndex: count } }]);
  });

  it.each(BROKEN)("notices $what that was changed on the way", async ({ what, fetch, code }) => {
    const { log: seen } = await look(mirror, `mirror broken ${what}`, { policy, fetch });
    expect(seen).toMatchObject({ isRead: false, failure: { code } });
  });

  it("holds the log against it, and convicts the log by what it shows", async () => {
    const places = [{ name: "mirror", url: mirror.url, role: "mirror" as const }];
    const same = await look(server, "held", { policy: alone, places });
    expect(new Set(same.kinds)).toEqual(new Set(["match"]));
    const other = await served("second");
    const { told } = await look(other.server, "split", { policy: alone, places });
    expect(told.find(({ kind }) => kind === "fork")?.files).toHaveLength(1);
  });
});
