/**
 * Clients that mean harm against a real server: what it holds meanwhile stays below what its limits add up to, and others are
 * served. SECONDS for each attack (default 1; `npm run test:hostile`), READERS in front (default 0).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { makeCertificate } from "../certificate.ts";
import { type RunningServe, startServe, stopServe, temporaryDirectory } from "../cli/harness.ts";
import { ask } from "./ask.ts";
import { ATTACKS, type Attack, type Victim } from "./attacks.ts";
import { cpuSeconds, forgetPeak, peakMib, residentMib } from "./process-memory.ts";

const SECONDS = Number(process.env.SECONDS ?? 1);
const READERS = Number(process.env.READERS ?? 0);
/** Two bundles: the first 16 MiB, the rest small; enough leaves for the largest proof. */
const LARGE_ENTRIES = 256;
const SMALL_ENTRIES = 2000;
const PROBE_EVERY_MS = 50;

interface Row {
  readonly attack: string;
  readonly size: number;
  readonly beforeMib: number;
  readonly peakMib: number;
  /** Of the server. */
  readonly cpuSeconds: number;
  readonly probes: number;
  readonly failed: number;
  readonly slowestMs: number;
}

describe.each([false, true])("under attack, TLS %s", (isTls) => {
  let served: RunningServe;
  let victim: Victim;
  const rows: Row[] = [];

  beforeAll(async () => {
    const directory = temporaryDirectory();
    const tls = isTls ? certificate(directory) : [];
    served = await startServe(directory, ["--readers", String(READERS), "--log-level", "warn", ...tls]);
    const { hostname, port } = new URL(served.url);
    victim = { host: hostname, port: Number(port), isTls };
    await fill(served.url);
  });
  afterAll(async () => {
    console.table(rows);
    const { code, stderr } = await stopServe(served);
    expect({ code, isTold: /Error|INTERNAL/.test(stderr) }, stderr.slice(0, 2000)).toEqual({
      code: 0,
      isTold: false,
    });
  });

  it.each(
    ATTACKS.filter(({ tls }) => (isTls ? tls !== undefined : tls !== "only")).map(
      (attack) => [attack.name, attack] as const,
    ),
  )("%s", async (_name, attack) => {
    const row = await suffer(attack);
    rows.push(row);
    expect(row.peakMib - row.beforeMib).toBeLessThan(attack.maxMib);
    expect(row.probes).toBeGreaterThan(0);
    expect(row.failed).toBe(0);
  });

  /** A process of its own, so that who means well does not wait for the attacker's turns. */
  function startAttacker({ name }: Attack): ChildProcess {
    const program = join(import.meta.dirname, "attacker.ts");
    const args = [
      "--import",
      "tsx",
      "--conditions=bristlecone-source",
      program,
      name,
      JSON.stringify(victim),
    ];
    return spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  }

  async function suffer(attack: Attack): Promise<Row> {
    const pid = served.child.pid ?? 0;
    const before = residentMib(pid);
    forgetPeak(pid);
    const cpuBefore = cpuSeconds(pid);
    const stop = new AbortController();
    const probed = probe(served.url, stop.signal);
    const attacker = startAttacker(attack);
    if (attacker.stdout !== null) await once(attacker.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    attacker.stdin?.end();
    const [code] = await once(attacker, "exit");
    expect(code).toBe(0);
    stop.abort();
    const probes = await probed;
    return {
      attack: attack.name,
      size: attack.size,
      beforeMib: before,
      peakMib: peakMib(pid),
      cpuSeconds: Number((cpuSeconds(pid) - cpuBefore).toFixed(1)),
      ...probes,
    };
  }
});

function certificate(directory: string): readonly string[] {
  const { certFile, keyFile } = makeCertificate(directory);
  return ["--tls-cert", certFile, "--tls-key", keyFile];
}

async function fill(url: string): Promise<void> {
  const large = Array.from({ length: LARGE_ENTRIES }, (_, at) => Buffer.alloc(65_535, `${at} `));
  for (let at = 0; at < LARGE_ENTRIES; at += 64) await addBatch(url, large.slice(at, at + 64));
  await addBatch(
    url,
    Array.from({ length: SMALL_ENTRIES }, (_, at) => Buffer.from(`small ${at}`)),
  );
}

async function addBatch(url: string, entries: readonly Uint8Array[]): Promise<void> {
  const { status } = await ask(`${url}/add-batch`, encodeBundle(entries));
  expect(status).toBe(200);
}

/** Somebody who means well, all the time: reads the checkpoint and adds an entry by turns, on a connection of its own each time. */
async function probe(url: string, until: AbortSignal): Promise<Pick<Row, "probes" | "failed" | "slowestMs">> {
  let probes = 0;
  let failed = 0;
  let slowestMs = 0;
  while (!until.aborted) {
    const startedAt = performance.now();
    const isRead = probes % 2 === 0;
    const { status } = isRead
      ? await ask(`${url}/checkpoint`)
      : await ask(`${url}/add`, Buffer.from(`probe ${startedAt}`));
    probes += 1;
    if (status !== 200) failed += 1;
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - startedAt));
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  return { probes, failed, slowestMs };
}
