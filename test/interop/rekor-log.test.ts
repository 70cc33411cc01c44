import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLogClient, parsePolicy } from "../../client/index.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { goCheckpointOpener, hasGo, keyIdIn } from "./go-programs.ts";
import { type RekorEntry, type RekorLog, startRekorLog } from "./logs/rekor-log.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { lacks, untilItWrites } from "./programs.ts";
import {
  anotherSize,
  answerOf,
  type Conduct,
  claimedSize,
  forgedLines,
  startWitnessProxy,
  type WitnessProxy,
} from "./witness-proxy.ts";

const ORIGIN = "rekor.test";
const lacksLog = lacks("rekor-posix");
const skipped = !hasGo("go-cosigned") || lacksLog;

let log: RekorLog;
let witness: OwnWitness;
let impostor: OwnWitness;
let proxy: WitnessProxy;
let openInGo: Awaited<ReturnType<typeof goCheckpointOpener>>;
const entries: RekorEntry[] = [];

beforeAll(async () => {
  if (skipped) return;
  openInGo = await goCheckpointOpener();
  const signingKey = await generateSigningKey({ name: ORIGIN });
  const vkey = formatVerifierKey((await openSigner(formatSigningKey(signingKey))).verifierKey);
  witness = await startOwnWitness([{ origin: ORIGIN, vkey }]);
  impostor = await startOwnWitness([{ origin: ORIGIN, vkey }]);
  proxy = await startWitnessProxy(witness.url);
  const witnessPolicy = `witness w ${witness.vkeys[0]} ${proxy.url}\nquorum w\n`;
  log = await startRekorLog({ signingKey, witnessPolicy });
});

afterAll(async () => {
  if (skipped) return;
  await log.stop();
  await proxy.close();
  await impostor.stop();
  await witness.stop();
});

/** Our client, which wants our witness's cosignature on every checkpoint. */
function clientOfLog() {
  const lines = [`log ${log.vkey}`, `witness w ${witness.vkeys[0]}`, "quorum w"];
  return openLogClient({ url: log.url, policy: parsePolicy(`${lines.join("\n")}\n`) });
}

async function add(text: string): Promise<string> {
  const added = await log.add(text);
  expect(added.leafIndex).toBe(entries.push(added) - 1);
  return added.checkpoint;
}

async function served(): Promise<string> {
  return await (await fetch(`${log.url}/checkpoint`)).text();
}

/** Of our witness, as far as Go verifies them. */
async function cosignaturesIn(checkpoint: string) {
  return (await openInGo(encodeUtf8(checkpoint), log.vkey, witness.vkeys)).cosignatures;
}

// It publishes without a quorum too: what counts is what it serves.
describe.skipIf(skipped)("Sigstore's log asks our witness", () => {
  it("answers and serves checkpoints with our cosignature, which Go verifies", async () => {
    const ours = [{ name: witness.name, keyId: keyIdIn(witness.vkeys[0] ?? "") }];
    expect(await cosignaturesIn(await add("one"))).toMatchObject(ours);
    expect(await cosignaturesIn(await add("two"))).toMatchObject(ours);
    expect(await cosignaturesIn(await served())).toMatchObject(ours);
    // Of size 0 too, now and then, before it has an entry.
    expect(witness.told.slice(-2)).toEqual([`cosigned ${ORIGIN} 1`, `cosigned ${ORIGIN} 2`]);
  });

  it("is read by our client, which wants that cosignature: the entries that were submitted, and receipts", async () => {
    const client = clientOfLog();
    expect(await client.checkpoint()).toMatchObject({ origin: ORIGIN, treeSize: 2 });
    const read: Uint8Array[] = [];
    for await (const { entry } of client.entries()) read.push(entry);
    expect(read).toEqual(entries.map(({ entry }) => entry));
    expect(await client.receipt(1)).toMatchObject({ leafIndex: 1, treeSize: 2 });
  });
});

/** What comes back instead of our cosignature, and what the log says of that. */
const SPOILERS: readonly (readonly [name: string, conduct: Conduct, words: string])[] = [
  ["our signatures with another letter", forgedLines, "invalid signature for key w0.test/own"],
  ["our signatures of an earlier checkpoint", anotherSize, "invalid signature for key w0.test/own"],
  [
    "the signatures of another witness of our name",
    answerOf(() => impostor.url),
    "note has no verifiable signatures",
  ],
  [
    "a 409 with a size that is not ours, each time",
    claimedSize(1),
    // Tessera v1.0.2 in it asks again and again, until it has no time left.
    "context deadline exceeded",
  ],
];

describe.skipIf(skipped)("Sigstore's log, when what our witness answers is spoiled on the way", () => {
  it.each(SPOILERS)(
    "serves no checkpoint with %s, and ours again afterwards",
    async (name, conduct, words) => {
      const said = log.output().length;
      const outputSince = () => log.output().slice(said);
      proxy.behave(conduct);
      const checkpoint = await add(`while spoiled: ${name}`);
      await untilItWrites({ output: outputSince }, words);
      expect(outputSince()).toContain("failing-open despite error: witness policy was not satisfied");
      expect(await cosignaturesIn(checkpoint)).toEqual([]);
      expect(checkpoint).not.toContain(witness.name);
      expect(await served()).toBe(checkpoint);
      await expectCodeAsync(clientOfLog().checkpoint(), "QUORUM_NOT_MET");

      proxy.behave(undefined);
      expect(await cosignaturesIn(await add(`after: ${name}`))).toHaveLength(1);
      expect((await clientOfLog().checkpoint()).treeSize).toBe(entries.length);
    },
  );
});
