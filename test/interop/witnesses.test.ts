import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Log, openCosignerKey, openLog, type RunningServer, serveLog } from "../../src/server.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../../src/tlog/key.ts";
import { entry, testSigner } from "../log/harness.ts";
import { type GoCheckpoint, goCheckpointOpener, hasGo, keyIdIn } from "./go-programs.ts";
import { type LocalServer, startLocalServer } from "./local-server.ts";
import { startOwnWitness } from "./own-witness.ts";
import { freePort, lacks, programPath, run } from "./programs.ts";
import {
  LITEWITNESS_PROGRAMS,
  type PeerLog,
  type PeerWitness,
  startLitewitness,
  startOmniwitness,
} from "./witness-programs.ts";

const ORIGIN = "peers.test/log";
const hasOmniwitness = !lacks("omniwitness");
const hasLitewitness = !lacks(...LITEWITNESS_PROGRAMS);
const skipped = !hasGo("go-cosigned") || !(hasOmniwitness || hasLitewitness);
const NOW_SECONDS = Math.floor(Date.now() / 1000);

interface Cosigner {
  readonly name: string;
  readonly vkeys: readonly string[];
  readonly url: string;
  stop(): Promise<void>;
}

let folder: string;
let known: PeerLog;
/** Ours first, then those of others that are installed. */
let cosigners: readonly Cosigner[];
let liar: LocalServer & { readonly asked: () => number };
let openInGo: Awaited<ReturnType<typeof goCheckpointOpener>>;
let log: Log;
let server: RunningServer;
const failures: string[] = [];

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-peers-"));
  known = { origin: ORIGIN, vkey: formatVerifierKey((await testSigner(7, ORIGIN)).verifierKey) };
  openInGo = await goCheckpointOpener();
  liar = await startLiar();
  cosigners = await Promise.all([
    startOwnWitness([known]),
    ...(hasOmniwitness ? [startOmniwitness([known])] : []),
    ...(hasLitewitness ? [startLitewitness([known])] : []),
  ]);
});

afterAll(async () => {
  if (skipped) return;
  await server.close({ deadlineMs: 0 });
  await log.close();
  await Promise.all(cosigners.map((cosigner) => cosigner.stop()));
  await liar.stop();
  await rm(folder, { recursive: true });
});

async function openUnwitnessed(): Promise<Log> {
  return await openLog({ directory: join(folder, "log"), signer: await testSigner(7, ORIGIN) });
}

async function openWitnessed(policy: string): Promise<void> {
  log = await openLog({
    directory: join(folder, "log"),
    signer: await testSigner(7, ORIGIN),
    checkpointIntervalMs: 50,
    witnesses: { policy, timeoutMs: 10_000 },
    events: { witnessFailed: ({ name, code }) => failures.push(`${name} ${code}`) },
  });
  server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
}

function isProgram(cosigner: Cosigner): cosigner is PeerWitness {
  return "pid" in cosigner;
}

/** A witness that knows of a tree no log ever had, whatever it is asked. */
async function startLiar(): Promise<typeof liar> {
  let count = 0;
  const stub = await startLocalServer((request, response) => {
    count += 1;
    request.resume().on("end", () => {
      response.writeHead(409, { "Content-Type": "text/x.tlog.size" }).end("9007199254740991\n");
    });
  });
  return { ...stub, asked: () => count };
}

async function someVkey(name: string): Promise<string> {
  const key = await openCosignerKey(formatSigningKey(await generateSigningKey({ name, type: 4 })));
  return formatVerifierKey(key.verifierKey);
}

/** All keys of all cosigners, each a witness of the policy, and the quorum. */
function policyText({ more = [], quorum }: { more?: readonly string[]; quorum: number }): string {
  const witnesses = cosigners.flatMap(({ name, vkeys, url }) =>
    vkeys.map((vkey, index) => ({ name: `${name.replaceAll(/\W/g, "-")}-${index}`, vkey, url })),
  );
  const extra = more.map((line) => line.split(" ")[1] ?? "");
  return [
    `log ${known.vkey}`,
    ...witnesses.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}`),
    ...more,
    `group q ${quorum} ${[...witnesses.map(({ name }) => name), ...extra].join(" ")}`,
    "quorum q\n",
  ].join("\n");
}

/** The served checkpoint as Go opens it, once every key there is has cosigned that size. */
async function fullyCosigned(treeSize: number): Promise<GoCheckpoint> {
  const vkeys = cosigners.flatMap((cosigner) => cosigner.vkeys);
  return await vi.waitFor(
    async () => {
      const note = new Uint8Array(await (await fetch(`${server.url}/checkpoint`)).arrayBuffer());
      const opened = await openInGo(note, known.vkey, vkeys);
      expect(opened.treeSize).toBe(treeSize);
      expect(opened.cosignatures.map(({ keyId }) => keyId).sort()).toEqual(vkeys.map(keyIdIn).sort());
      return opened;
    },
    { timeout: 30_000, interval: 100 },
  );
}

describe.skipIf(skipped)("our log asks other people's witnesses", () => {
  it("publishes what they cosign with Ed25519 and ML-DSA-44, beside a dead witness and one that lies", async () => {
    const more = [
      `witness dead ${await someVkey("dead.test/w")} http://127.0.0.1:${await freePort()}`,
      `witness liar ${await someVkey("liar.test/w")} ${liar.url}`,
    ];
    const quorum = cosigners.flatMap(({ vkeys }) => vkeys).length;
    await openWitnessed(policyText({ more, quorum }));
    let size = 0;
    for (const count of [3, 5, 300]) {
      await log.addBatch(Array.from({ length: count }, (_, index) => entry(size + index)));
      size += count;
      await log.untilPublished(size - 1, { signal: AbortSignal.timeout(30_000) });
      for (const { timestampSeconds } of (await fullyCosigned(size)).cosignatures) {
        expect(timestampSeconds).toBeGreaterThanOrEqual(NOW_SECONDS);
      }
    }
    expect(failures).toContain("dead REMOTE_UNREACHABLE");
    expect(failures.some((line) => line.startsWith("liar "))).toBe(true);
    expect(liar.asked()).toBeLessThan(12);
  });

  it("does not wait for a witness that hangs, and takes its cosignature when it wakes", async () => {
    const slow = cosigners.find(isProgram);
    expect(slow).toBeDefined();
    if (slow === undefined) return;
    const size = log.integratedSize();
    await server.close();
    await log.close();
    const keys = cosigners.flatMap(({ vkeys }) => vkeys).length;
    await openWitnessed(policyText({ quorum: keys - slow.vkeys.length }));
    await fullyCosigned(size);
    process.kill(slow.pid, "SIGSTOP");
    await log.add(entry(size));
    const { checkpoint } = await log.untilPublished(size, { signal: AbortSignal.timeout(8_000) });
    expect((await openInGo(checkpoint, known.vkey, slow.vkeys)).cosignatures).toEqual([]);
    process.kill(slow.pid, "SIGCONT");
    await fullyCosigned(size + 1);
  });

  it("asks a witness that comes back into the policy from the size it has", async () => {
    await server.close();
    await log.close();
    const unwitnessed = await openUnwitnessed();
    const size = unwitnessed.integratedSize();
    await unwitnessed.addBatch(Array.from({ length: 40 }, (_, index) => entry(size + index)));
    await unwitnessed.untilPublished(size + 39, { signal: AbortSignal.timeout(30_000) });
    await unwitnessed.close();
    await openWitnessed(policyText({ quorum: cosigners.flatMap(({ vkeys }) => vkeys).length }));
    await log.add(entry(size + 40));
    await fullyCosigned(size + 41);
  });

  it.skipIf(lacks("fsck"))("is, cosigned, still what Tessera's fsck finds whole", async () => {
    await writeFile(join(folder, "log.pub"), known.vkey);
    const { code, stderr } = await run(programPath("fsck"), [
      `--storage_url=${server.url}/`,
      `--public_key=${join(folder, "log.pub")}`,
      "--ui=false",
      "-v=1",
    ]);
    expect(stderr).toContain("Completed ranges");
    expect(stderr).not.toContain("fsck failed");
    expect(code).toBe(0);
  });
});
