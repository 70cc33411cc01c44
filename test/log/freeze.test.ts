import { describe, expect, it } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { decodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatFrozen } from "../../src/tlog/frozen.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  parseVerifierKey,
} from "../../src/tlog/key.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { copyOf, type Disks, emptyDisks, entry, ORIGIN, openOn, published, testSigner } from "./harness.ts";
import { respond, stubWitness, witnessed } from "./stub-witness.ts";

const FROZEN = { atSeconds: 1_795_320_000, successor: undefined };
const NEXT = {
  vkey: formatVerifierKey((await testSigner(3, "example.com/next")).verifierKey),
  url: "https://next.example/",
};
const vkey = formatVerifierKey((await testSigner()).verifierKey);

/** A log of three entries, all published, that was closed. */
async function closedLog(options: Parameters<typeof openOn>[1] = {}): Promise<Disks> {
  const disks = emptyDisks();
  const log = await openOn(disks, options);
  await log.addBatch([entry(0), entry(1), entry(2)]);
  await published(log, 2);
  await log.close();
  return disks;
}

async function shown(log: Log) {
  const opened = await openCheckpoint({
    signedNote: log.published().checkpoint,
    logKeys: log.vkeys.map(parseVerifierKey),
  });
  return { treeSize: opened.treeSize, extensions: opened.extensions };
}

describe("a log that is frozen", () => {
  it("says so in its last checkpoint, takes nothing any more, and is served after every start", async () => {
    const disks = await closedLog();
    const log = await openOn(disks, { freeze: { ...FROZEN, successor: NEXT } });
    const marked = { treeSize: 3, extensions: formatFrozen({ ...FROZEN, successor: NEXT }) };
    expect(await shown(log)).toEqual(marked);
    await log.close();
    for (let start = 0; start < 2; start += 1) {
      await using again = await openOn(disks);
      expect(again.state()).toEqual({ status: "frozen" });
      expect(again.end).toMatchObject({ treeSize: 3, atSeconds: FROZEN.atSeconds, successor: NEXT });
      expect(await shown(again)).toEqual(marked);
      for (const refused of [again.add(entry(0)), again.addBatch([entry("new")])]) {
        const error = await expectCodeAsync(refused, "LOG_ENDED");
        expect(error.message).toContain("they go to example.com/next https://next.example/");
      }
      const receipt = await again.receipt(1);
      await verifyTlogProof({ receipt, entry: entry(1), logKeys: [parseVerifierKey(vkey)] });
      await published(again, 2);
    }
  });

  it("is the same log when it is frozen once more, and may name its successor later, once", async () => {
    const disks = await closedLog();
    await (await openOn(disks, { freeze: FROZEN })).close();
    await (await openOn(disks, { freeze: { ...FROZEN, atSeconds: FROZEN.atSeconds + 1 } })).close();
    expect(disks.store.head.frozen?.statement).toEqual(formatFrozen(FROZEN));
    const later = await openOn(disks, { freeze: { atSeconds: 1, successor: NEXT } });
    expect((await shown(later)).extensions).toEqual(formatFrozen({ ...FROZEN, successor: NEXT }));
    await later.close();
    const other = { vkey: NEXT.vkey, url: "https://elsewhere.example/" };
    await expectCodeAsync(openOn(disks, { freeze: { atSeconds: 1, successor: other } }), "ARGUMENT_INVALID");
    await (await openOn(disks, { freeze: FROZEN })).close();
  });

  it("may be empty", async () => {
    const disks = emptyDisks();
    await (await openOn(disks)).close();
    await using log = await openOn(disks, { freeze: FROZEN });
    expect(await shown(log)).toEqual({ treeSize: 0, extensions: formatFrozen(FROZEN) });
    await expectCodeAsync(log.add(entry(0)), "LOG_ENDED");
  });

  it("NOT_PUBLISHED: does not end before all is published, and then nothing is changed", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a" });
    const disks = await closedLog({ witnesses });
    stub.answer = () => Promise.resolve(respond(503));
    const log = await openOn(disks, { witnesses });
    await log.add(entry(3));
    await log.close();
    await expectCodeAsync(openOn(disks, { witnesses, freeze: FROZEN }), "NOT_PUBLISHED");
    stub.answer = undefined;
    await using again = await openOn(disks, { witnesses });
    expect(again.state()).toEqual({ status: "writable" });
  });

  it("changes nothing when the opening that should end it is refused: another key, a successor that is none", async () => {
    const disks = await closedLog();
    const stranger = await testSigner(9);
    await expectCodeAsync(openOn(disks, { freeze: FROZEN, signers: [stranger] }), "STORE_ORIGIN_MISMATCH");
    const nobody = { vkey: "nonsense", url: undefined };
    await expectCodeAsync(openOn(disks, { freeze: { ...FROZEN, successor: nobody } }), "VKEY_MALFORMED");
    const itself = { vkey, url: undefined };
    await expectCodeAsync(openOn(disks, { freeze: { ...FROZEN, successor: itself } }), "ARGUMENT_INVALID");
    await using log = await openOn(disks);
    expect(log.state()).toEqual({ status: "writable" });
  });

  it("goes on from a crash between its end and its last checkpoint", async () => {
    const disks = await closedLog();
    const signer = await testSigner();
    const silent = { ...signer, sign: () => Promise.reject(new Error("no key today")) };
    await expectCodeAsync(openOn(disks, { freeze: FROZEN, signers: [silent] }), "SIGNER_FAILED");
    await using log = await openOn(disks);
    expect(log.state()).toEqual({ status: "frozen" });
    expect(await shown(log)).toEqual({ treeSize: 3, extensions: formatFrozen(FROZEN) });
  });

  it("is known by its last checkpoint where the record of it is missing, as in an import", async () => {
    const disks = await closedLog();
    const log = await openOn(disks, { freeze: FROZEN });
    const { checkpoint } = log.published();
    await log.close();
    const imported = copyOf(disks);
    imported.store.head = { ...imported.store.head, frozen: undefined };
    await using again = await openOn(imported);
    expect(again.state()).toEqual({ status: "frozen" });

    // A copy from before, whose public place shows the end.
    const before = await closedLog();
    const served = {
      urls: ["https://log.example/"],
      timeoutMs: 5_000,
      intervalMs: 60_000,
      fetch: async () => respond(200, checkpoint),
    };
    const late = copyOf(before);
    const learnt = await openOn(late, { served });
    expect(learnt.end).toMatchObject({ treeSize: 3, atSeconds: FROZEN.atSeconds });
    await learnt.close();
    const longer = await openOn(before);
    await longer.add(entry("more"));
    await longer.close();
    await expectCodeAsync(openOn(before, { served }), "LOG_CONTRADICTED");
  });
});

describe("a frozen log with witnesses", () => {
  it("has its mark cosigned", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a" });
    const disks = await closedLog({ witnesses });
    await using log = await openOn(disks, { witnesses, freeze: FROZEN });
    const { checkpoint } = log.published();
    const opened = await openCheckpoint({ signedNote: checkpoint, policy: witnesses.policy });
    expect(opened).toMatchObject({ treeSize: 3, extensions: formatFrozen(FROZEN) });
    expect(opened.cosignatures).toHaveLength(1);
  });

  it("shows the checkpoint before while they do not answer, and the mark once they do", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a" });
    const disks = await closedLog({ witnesses });
    stub.answer = () => Promise.resolve(respond(503));
    // Who ends the log is told.
    await expectCodeAsync(openOn(disks, { witnesses, freeze: FROZEN }), "QUORUM_NOT_MET");
    await using log = await openOn(disks, { witnesses });
    expect(log.state()).toEqual({ status: "frozen" });
    const before = await openCheckpoint({ signedNote: log.published().checkpoint, policy: witnesses.policy });
    expect(before).toMatchObject({ treeSize: 3, extensions: [] });
    stub.answer = undefined;
    await expect.poll(async () => (await shown(log)).extensions).toEqual(formatFrozen(FROZEN));
    await openCheckpoint({ signedNote: log.published().checkpoint, policy: witnesses.policy });
  });

  it("stays as it is where they cosign no mark, when somebody says so, and is asked about no more", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a" });
    const disks = await closedLog({ witnesses });
    stub.answer = () => Promise.resolve(respond(400));
    await expectCodeAsync(openOn(disks, { witnesses, freeze: FROZEN }), "QUORUM_NOT_MET");
    const unmarked = { ...FROZEN, atSeconds: 1, isUnmarked: true };
    await (await openOn(disks, { witnesses, freeze: unmarked })).close();
    const asked = stub.requests.length;
    await using log = await openOn(disks, { witnesses });
    expect(log.end).toMatchObject({ treeSize: 3, atSeconds: FROZEN.atSeconds });
    const { checkpoint } = log.published();
    const opened = await openCheckpoint({ signedNote: checkpoint, policy: witnesses.policy });
    expect(opened).toMatchObject({ treeSize: 3, extensions: [] });
    expect(log.witnessing()?.isQuorumMissing).toBe(false);
    // Once, by the opening, whether it knows more.
    expect(stub.requests).toHaveLength(asked + 1);
    // They learn it later.
    stub.answer = undefined;
    await log.close();
    await using marked = await openOn(disks, { witnesses, freeze: FROZEN });
    expect((await shown(marked)).extensions).toEqual(formatFrozen(FROZEN));
  });

  it("best effort: no mark takes the place of a checkpoint that more have signed, until a quorum cosigns it", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a", mode: "best-effort" });
    const disks = await closedLog({ witnesses });
    const cosigned = disks.store.head.published?.checkpoint;
    stub.answer = () => Promise.resolve(respond(400)); // as those that cosign no extension lines
    await expectCodeAsync(openOn(disks, { witnesses, freeze: FROZEN }), "QUORUM_NOT_MET");
    expect(disks.store.head.published?.checkpoint).toEqual(cosigned);
    // Nor where nobody is asked any more.
    const alone = copyOf(disks);
    await (await openOn(alone, { freeze: FROZEN })).close();
    expect(alone.store.head.published?.checkpoint).toEqual(cosigned);
    await using log = await openOn(disks, { witnesses });
    expect(log.published().checkpoint).toEqual(cosigned);
    stub.answer = undefined;
    await expect.poll(async () => (await shown(log)).extensions).toEqual(formatFrozen(FROZEN));
    await openCheckpoint({ signedNote: log.published().checkpoint, policy: witnesses.policy });
  });

  it("best effort: a mark that nobody cosigned is taken back where somebody says so, and one with a quorum is not", async () => {
    const stub = await stubWitness("a");
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a", mode: "best-effort" });
    stub.answer = () => Promise.resolve(respond(503));
    const disks = await closedLog({ witnesses });
    await (await openOn(disks, { witnesses, freeze: FROZEN })).close();
    const unmarked = { ...FROZEN, isUnmarked: true };
    const marked = copyOf(disks);
    stub.answer = ({ request, honest }) =>
      decodeUtf8(request.checkpoint).includes("Log frozen") ? respond(400) : honest();
    await using log = await openOn(disks, { witnesses, freeze: unmarked });
    const opened = await openCheckpoint({
      signedNote: log.published().checkpoint,
      policy: witnesses.policy,
    });
    expect(opened).toMatchObject({ treeSize: 3, extensions: [] });
    stub.answer = undefined;
    const cosigned = await openOn(marked, { witnesses });
    await expect.poll(() => decodeUtf8(cosigned.published().checkpoint).match(/^— /gmu)?.length).toBe(2);
    await cosigned.close();
    await using kept = await openOn(marked, { witnesses, freeze: unmarked });
    expect((await shown(kept)).extensions).toEqual(formatFrozen(FROZEN));
  });

  it("has no mark where ML-DSA-44 has to sign: it would cover no such line", async () => {
    const seed = new Uint8Array(32).fill(5);
    const second = await openSigner(
      formatSigningKey(await generateSigningKey({ name: ORIGIN, type: 0x06, seed })),
    );
    const signers = [await testSigner(), second];
    const disks = await closedLog({ signers });
    await using log = await openOn(disks, { signers, freeze: FROZEN });
    expect(await shown(log)).toEqual({ treeSize: 3, extensions: [] });
    expect(log.state()).toEqual({ status: "frozen" });
    await expectCodeAsync(log.add(entry("x")), "LOG_ENDED");
  });
});
