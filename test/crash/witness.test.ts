/**
 * A witness in a process of its own is killed again and again under load (KILLS times, by default 20; `npm run test:crash`), and
 * what it answered with is held against what it keeps: it never cosigns a smaller or a forked head, and every cosignature it ever
 * answered with is in its history.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openLmdbWitnessReader } from "../../src/store/witness-lmdb.ts";
import { formatAddCheckpoint, parseCosignatureLines } from "../../src/tlog/add-checkpoint.ts";
import { COSIGNATURE_V1, decodeTimestampedSignature } from "../../src/tlog/cosignature.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { type TestLog, testLog } from "../witness/harness.ts";
import { freePort, pause } from "./log-process.ts";

const KILLS = Number(process.env.KILLS ?? 20);
/** A life ends after up to so many cosignatures. */
const MAX_COSIGNED = 60;
const LOGS = 6;
const SIZE = 4096;

/** A cosignature that came back over the wire. */
interface Answered {
  readonly origin: string;
  readonly treeSize: number;
  readonly timestampSeconds: number;
}

/** One log under test: what its witness last said, and a branch that must never be cosigned. */
interface Lane {
  readonly log: TestLog;
  readonly fork: TestLog;
  /** The largest size that a cosignature came back for. */
  answeredSize: number;
  /** The size the witness is thought to have. */
  knownSize: number;
}

describe("a witness that is killed under load", () => {
  const folder = mkdtempSync(join(tmpdir(), "bristlecone-crash-"));
  const answered: Answered[] = [];
  const contradictions: string[] = [];
  const seen = { cosigned: 0, conflicts: 0, refused: 0, cut: 0 };
  let lanes: readonly Lane[] = [];
  let port = 0;

  beforeAll(async () => {
    port = await freePort();
    lanes = await Promise.all(
      Array.from({ length: LOGS }, async (_, index) => {
        const log = await testLog(`log.example/${index}`, { size: SIZE, number: 10 * index });
        // The hashes of the tree are computed once, here.
        log.root(SIZE);
        return { log, fork: log.forkedAt(2), answeredSize: 0, knownSize: 0 };
      }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    `${KILLS} times never cosigns a smaller or forked head, and forgets no cosignature`,
    async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const witness = await startWitness(folder, port, lanes);
        const killed = new AbortController();
        const load = lanes.map((lane, index) => hammer(lane, killed.signal, { mayFork: index === LOGS - 1 }));
        // As many answers, however fast the machine is.
        const enough = seen.cosigned + 1 + Math.random() * MAX_COSIGNED;
        for (let waited = 0; seen.cosigned < enough && waited < 500; waited++) await pause(10);
        witness.kill("SIGKILL");
        await once(witness, "exit");
        killed.abort();
        await Promise.all(load);
      }
      expect(contradictions).toEqual([]);
      await expectHistory(folder, lanes, answered);
      console.log(`${KILLS} kills: ${JSON.stringify(seen)}`);
      expect(seen.cosigned).toBeGreaterThan(KILLS);
    },
    60_000 + KILLS * 10_000,
  );

  /** Sends what is right, what is stale and, where it may, what is forked, until the witness is gone. */
  async function hammer(
    lane: Lane,
    signal: AbortSignal,
    { mayFork }: { readonly mayFork: boolean },
  ): Promise<void> {
    while (!signal.aborted) {
      const chance = Math.random();
      if (chance < 0.1 && lane.knownSize > 2) await send(lane, lane.log, { from: 0, to: lane.knownSize - 1 });
      else if (chance < 0.15 && mayFork && lane.knownSize > 4) {
        await send(lane, lane.fork, { from: lane.knownSize, to: lane.knownSize + 1 });
      } else await send(lane, lane.log, { from: lane.knownSize, to: Math.min(SIZE, lane.knownSize + 1) });
    }
  }

  async function send(
    lane: Lane,
    branch: TestLog,
    { from, to }: { readonly from: number; readonly to: number },
  ): Promise<void> {
    const { origin } = lane.log;
    const body = formatAddCheckpoint({
      oldSize: from,
      proof: branch.proof(from, to),
      checkpoint: await branch.note(to),
    });
    let response: { status: number; text: string };
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/add-checkpoint`, {
        method: "POST",
        body: Uint8Array.from(body),
      });
      response = { status: answer.status, text: await answer.text() };
    } catch {
      seen.cut += 1;
      await pause(1);
      return;
    }
    if (response.status === 200) {
      seen.cosigned += 1;
      if (branch !== lane.log) contradictions.push(`${origin}: cosigned the fork at ${to}`);
      if (to < lane.answeredSize) contradictions.push(`${origin}: cosigned ${to} after ${lane.answeredSize}`);
      lane.answeredSize = to;
      lane.knownSize = to;
      for (const { payload } of parseCosignatureLines(new TextEncoder().encode(response.text))) {
        const { timestampSeconds } = decodeTimestampedSignature(COSIGNATURE_V1, payload);
        answered.push({ origin, treeSize: to, timestampSeconds });
      }
    } else if (response.status === 409) {
      seen.conflicts += 1;
      const size = Number(response.text);
      if (size < lane.answeredSize)
        contradictions.push(`${origin}: has ${size} after it answered ${lane.answeredSize}`);
      lane.knownSize = size;
    } else {
      seen.refused += 1;
      await pause(5);
    }
  }
});

/** Every cosignature that was answered is a row, rows only grow, and every row is of the one true tree. */
async function expectHistory(
  folder: string,
  lanes: readonly Lane[],
  answered: readonly Answered[],
): Promise<void> {
  const reader = await openLmdbWitnessReader({ directory: join(folder, "witness") });
  const kept = new Set<string>();
  for (const { log } of lanes) {
    let last: { readonly treeSize: number; readonly timestampSeconds: number } | undefined;
    for (;;) {
      const rows = await reader.rows(log.origin, {
        fromSize: 0,
        toSize: SIZE,
        limit: 1000,
        ...(last === undefined ? {} : { after: last }),
      });
      if (rows.length === 0) break;
      for (const row of rows) {
        expect(row.treeSize).toBeGreaterThanOrEqual(last?.treeSize ?? 0);
        expect(row.timestampSeconds).toBeGreaterThanOrEqual(last?.timestampSeconds ?? 0);
        expect(encodeHex(row.rootHash)).toBe(encodeHex(log.root(row.treeSize)));
        kept.add(`${log.origin} ${row.treeSize} ${row.timestampSeconds}`);
        last = row;
      }
    }
  }
  await reader.close();
  const lost = answered.filter(
    ({ origin, treeSize, timestampSeconds }) => !kept.has(`${origin} ${treeSize} ${timestampSeconds}`),
  );
  expect(lost).toEqual([]);
}

async function startWitness(folder: string, port: number, lanes: readonly Lane[]): Promise<ChildProcess> {
  const logs = lanes.flatMap(({ log }) => log.keys.flatMap((key) => ["--log", formatVerifierKey(key)]));
  const child = spawn(
    process.execPath,
    [
      join(inject("programs"), "main.js"),
      "witness",
      "--listen",
      `127.0.0.1:${port}`,
      "--data",
      join(folder, "witness"),
      "--name",
      "witness.example/crash",
      "--log-level",
      "warn",
      ...logs,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (child.exitCode !== null) throw new Error(`the witness ended with ${child.exitCode}`);
    const isUp = await fetch(`http://127.0.0.1:${port}/witness.json`).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return child;
    await pause(20);
  }
  child.kill("SIGKILL");
  throw new Error("the witness does not answer within 20 s");
}
