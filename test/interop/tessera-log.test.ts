import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GoCheckpoint, goCheckpointOpener, hasGo, keyIdIn } from "./go-programs.ts";
import { makeTesseraLog, type TesseraLog } from "./logs/tessera-log.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { lacks, untilItWrites } from "./programs.ts";
import {
  anotherSize,
  answerOf,
  type Conduct,
  claimedSize,
  forgedLines,
  startWitnessProxy,
} from "./witness-proxy.ts";

const ORIGIN = "tessera.test/log";
const lacksLog = lacks("posix-oneshot");
const skipped = !hasGo("go-cosigned") || lacksLog;

/** What comes back instead of our cosignature, and what the log says of that. */
const SPOILERS: readonly { readonly name: string; readonly conduct: Conduct; readonly words: string }[] = [
  {
    name: "our signatures with another letter",
    conduct: forgedLines,
    words: "invalid signature for key w0.test/own",
  },
  {
    name: "our signatures of an earlier checkpoint",
    conduct: anotherSize,
    words: "invalid signature for key w0.test/own",
  },
  {
    name: "the signatures of another witness of our name",
    conduct: answerOf(() => impostor.url),
    words: "note has no verifiable signatures",
  },
  {
    name: "a 409 with a size that is not ours, each time",
    conduct: claimedSize(1),
    words: "too many consecutive requests to witness w0.test/own",
  },
  {
    name: "a 409 with a size that the log never had",
    conduct: claimedSize(100),
    words: "replied with x.tlog.size 100, larger than log size 3",
  },
];

let folder: string;
let log: TesseraLog;
/** Their checkpoints are spoiled on the way back. */
let spoiledLogs: readonly TesseraLog[];
let witness: OwnWitness;
let impostor: OwnWitness;
let openInGo: Awaited<ReturnType<typeof goCheckpointOpener>>;

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-tessera-"));
  log = await makeTesseraLog(folder, ORIGIN);
  spoiledLogs = await Promise.all(
    SPOILERS.map((_, index) => makeTesseraLog(folder, `tessera.test/spoiled-${index}`)),
  );
  openInGo = await goCheckpointOpener();
  witness = await startOwnWitness([log, ...spoiledLogs]);
  impostor = await startOwnWitness(spoiledLogs);
});

afterAll(async () => {
  if (skipped) return;
  await impostor.stop();
  await witness.stop();
  await rm(folder, { recursive: true });
});

const ours = () => ({ vkey: witness.vkeys[0] ?? "", url: witness.url });

async function add(entries: readonly string[], asked: ReturnType<typeof ours> | undefined): Promise<string> {
  const { code, stderr } = await log.add(entries, asked);
  expect(code, stderr).toBe(0);
  return stderr;
}

async function published(by: TesseraLog): Promise<GoCheckpoint> {
  const note = await by.checkpoint();
  if (note === undefined) throw new Error("no checkpoint");
  return await openInGo(note, by.vkey, witness.vkeys);
}

describe.skipIf(skipped)("Tessera's log asks our witness", () => {
  it("gets its first checkpoint cosigned, the next ones, and one after a 409 with the size it forgot", async () => {
    await add(["one", "two", "three"], ours());
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 3`);
    expect(await published(log)).toMatchObject({
      treeSize: 3,
      cosignatures: [{ name: witness.name, keyId: keyIdIn(ours().vkey) }],
    });
    // Our witness answers with a line of each of its keys; this log knows Ed25519 only.
    await add(["four"], ours());
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 4`);
    // It grows without its witness, so that the size it believes the witness to have is wrong.
    await add(["five"], undefined);
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 4`);
    expect(await add(["six"], ours())).toContain("replied with x.tlog.size 4 != our hint 5, retrying");
    expect(witness.told.at(-1)).toBe(`cosigned ${ORIGIN} 6`);
    expect((await published(log)).treeSize).toBe(6);
  });

  it("is cosigned no more once two histories of it reach our witness, which holds evidence of that", async () => {
    const others = Array.from({ length: 9 }, (_, index) => `another entry ${index}`);
    // The same key over an empty directory: 9 other entries that no witness hears of, then one more that ours shall cosign.
    const fork = await log.fork();
    await fork.add(others, undefined);
    const convicted = await fork.begin(["a tenth"], ours());
    await untilItWrites(convicted, "says that the consistency proof is bad: 422");
    await convicted.stop();
    expect(witness.told.filter((line) => !line.startsWith("cosigned")).slice(0, 2)).toEqual([
      `evidence ${ORIGIN} cross-size`,
      `refused ${ORIGIN} PROOF_INVALID`,
    ]);
    expect((await published(fork)).treeSize).toBe(9);
    const frozen = await log.begin(["seven"], ours());
    await untilItWrites(frozen, "says no signatures verify against trusted public key: 403");
    await frozen.stop();
    expect(witness.told.filter((line) => line.startsWith("cosigned")).at(-1)).toBe(`cosigned ${ORIGIN} 6`);
  });
});

describe.skipIf(skipped)("Tessera's log, when what our witness answers is spoiled on the way", () => {
  it.each(SPOILERS.map((spoiled, index) => [spoiled.name, index, spoiled] as const))(
    "publishes nothing on %s, and goes on once it gets ours",
    async (_name, index, { conduct, words }) => {
      const spoiledLog = spoiledLogs[index] ?? log;
      const proxy = await startWitnessProxy(witness.url);
      const asked = { ...ours(), url: proxy.url };
      await spoiledLog.add(["one", "two"], asked);
      expect((await published(spoiledLog)).treeSize).toBe(2);

      proxy.behave(conduct);
      const waiting = await spoiledLog.begin(["three"], asked);
      await untilItWrites(waiting, words);
      await waiting.stop();
      expect((await published(spoiledLog)).treeSize).toBe(2);

      proxy.behave(undefined);
      await spoiledLog.add(["four"], asked);
      expect((await published(spoiledLog)).treeSize).toBe(4);
      await proxy.close();
    },
  );
});
