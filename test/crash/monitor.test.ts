/**
 * A monitor that is killed again and again while it reads (KILLS times, by default 6; `npm run test:crash`), and what it told a program held
 * against what stands in the log: no match is missing, none is told that is none, and what is told twice has one id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type LogClient, openLogClient } from "../../client/log-client.ts";
import { freePort, pause } from "./log-process.ts";

const KILLS = Math.min(40, Number(process.env.KILLS ?? 6));
const BATCH = 2000;
const EVERY = 41;
const folder = mkdtempSync(join(tmpdir(), "bristlecone-monitor-"));
const told = join(folder, "told");

let log: ChildProcess;
let client: LogClient;
let count = 0; // of entries; owned by grow()

const run = (...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [join(inject("programs"), "main.js"), ...args], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env.PATH, HOME: folder },
  });

beforeAll(async () => {
  mkdirSync(told);
  const listen = `127.0.0.1:${await freePort()}`;
  const url = `http://${listen}`;
  log = run(
    "serve",
    "--listen",
    listen,
    "--data",
    "log",
    "--origin",
    "example.com/log",
    "--log-level",
    "error",
  );
  const vkey = await vkeyOf(url);
  client = openLogClient({ url, vkey });
  // A file for each message: of one that is cut short no other is the victim.
  const command = ["/bin/sh", "-c", `cat > "$(mktemp ${told}/XXXXXXXX)"`];
  const config = { state: "state", intervalSeconds: 1, match: [{ substring: "wanted" }] };
  const json = { ...config, logs: [{ url, vkey }], alerts: [{ command }] };
  writeFileSync(join(folder, "monitor.json"), JSON.stringify(json));
});
afterAll(() => {
  log.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

describe("a monitor that is killed while it reads", () => {
  it(
    `${KILLS} times tells every match, none that is none, and each under one id`,
    async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        await grow();
        const before = readdirSync(told).length;
        const monitor = run("monitor", "monitor.json", "--log-level", "error");
        const enough = before + Math.floor(Math.random() * 3);
        for (let waited = 0; readdirSync(told).length < enough && waited < 500; waited++) await pause(10);
        await pause(Math.random() * 400);
        monitor.kill("SIGKILL");
        await once(monitor, "exit");
      }
      const [code] = await once(run("monitor", "--once", "monitor.json"), "exit");
      expect([0, 5]).toContain(code);
      const idsOf = new Map<number, Set<string>>();
      const alerts = toldAlerts();
      for (const { kind, leafIndex, id } of alerts) {
        expect(kind).toBe("match");
        idsOf.set(leafIndex, (idsOf.get(leafIndex) ?? new Set()).add(id));
      }
      const wanted = Array.from({ length: Math.ceil(count / EVERY) }, (_, at) => at * EVERY);
      expect([...idsOf.keys()].sort((one, other) => one - other)).toEqual(wanted);
      expect([...idsOf.values()].filter(({ size }) => size > 1)).toEqual([]);
      console.log(`${KILLS} kills: ${wanted.length} matches, ${alerts.length - wanted.length} told twice`);
    },
    60_000 + KILLS * 10_000,
  );
});

async function grow(): Promise<void> {
  const entries = Array.from({ length: BATCH }, (_, at) =>
    new TextEncoder().encode(`${(count + at) % EVERY === 0 ? "wanted" : "dull"} ${count + at}`),
  );
  await client.appendBatch(entries);
  count += BATCH;
  await client.waitForReceipt(count - 1);
}

function toldAlerts(): readonly { kind: string; leafIndex: number; id: string }[] {
  return readdirSync(told).flatMap((name) => {
    const text = readFileSync(join(told, name), "utf8");
    // The program was cut short with the monitor.
    return text.endsWith("\n") ? JSON.parse(text).data.alerts : [];
  });
}

async function vkeyOf(url: string): Promise<string> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const info: { vkeys?: readonly string[] } | undefined = await fetch(`${url}/log.json`).then(
      async (response) => Object(await response.json()),
      () => undefined,
    );
    const vkey = info?.vkeys?.[0];
    if (vkey !== undefined) return vkey;
    await pause(20);
  }
  throw new Error("the log does not answer within 20 s");
}
