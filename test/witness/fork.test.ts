import { describe, expect, it } from "vitest";
import { memoryGuard } from "../../src/keys/guard.ts";
import { createWitnessMemoryDisk, openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import { formatAddCheckpoint } from "../../src/tlog/add-checkpoint.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import { evidenceFromHeads } from "../../src/tlog/fork-evidence-build.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { LogFrozenError } from "../../src/witness/witness.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { cosignerKey, known, TestLog, type TestWitness, testLog, testWitness, WITNESS } from "./harness.ts";

const ORIGIN = "log.example/fork";

async function kindsHeld({ witness }: TestWitness, log: TestLog): Promise<readonly string[]> {
  const held = await witness.evidence(originHash(ORIGIN));
  for (const { id } of held) {
    const evidence = (await witness.evidenceFile(originHash(ORIGIN), id)) ?? "";
    const verdict = await verifyForkEvidence({ evidence, logKeys: log.keys });
    expect(verdict.accused.role).toBe("log");
  }
  return held.map(({ kind }) => kind);
}

async function expectFrozen(test: TestWitness, log: TestLog, from: number): Promise<void> {
  const refused = await expectCodeAsync(
    test.witness.addCheckpoint(await log.request(from, 30)),
    "LOG_FROZEN",
  );
  expect(refused).toBeInstanceOf(LogFrozenError);
  const [held] = await test.witness.evidence(originHash(ORIGIN));
  expect(refused).toMatchObject({ evidenceId: held?.id, originHash: originHash(ORIGIN) });
}

describe("a log that forks", () => {
  it("by another root at the newest size: 422, evidence, and no cosignature any more, for either branch", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 12));
    const fork = log.forkedAt(8);
    const body = formatAddCheckpoint({ oldSize: 12, proof: [], checkpoint: await fork.note(12) });
    await expectCodeAsync(test.witness.addCheckpoint(body), "ROOT_MISMATCH");
    expect(await kindsHeld(test, log)).toEqual(["same-size"]);
    expect(test.told.map(({ event }) => event)).toEqual(["cosigned", "evidenceStored", "refused"]);
    await expectFrozen(test, log, 12);
    await expectFrozen(test, fork, 12);
  });

  it("by another root at a size cosigned long ago: 409 as the protocol wants, and evidence", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 5));
    await test.witness.addCheckpoint(await log.request(5, 12));
    await test.witness.addCheckpoint(await log.request(12, 20));
    await expectCodeAsync(test.witness.addCheckpoint(await log.forkedAt(8).request(0, 12)), "SIZE_CONFLICT");
    expect(await kindsHeld(test, log)).toEqual(["same-size"]);
    await expectFrozen(test, log, 20);
  });

  it("by a larger tree whose proof starts from another smaller one: 422 and evidence from the proof itself", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 12));
    await expectCodeAsync(test.witness.addCheckpoint(await log.forkedAt(8).request(12, 20)), "PROOF_INVALID");
    expect(await kindsHeld(test, log)).toEqual(["cross-size"]);
    await expectFrozen(test, log, 12);
  });

  it("from a size that is a power of two, where the proof does not hold the smaller root: 422, no evidence yet", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 8));
    await expectCodeAsync(test.witness.addCheckpoint(await log.forkedAt(4).request(8, 20)), "PROOF_INVALID");
    expect(await kindsHeld(test, log)).toEqual([]);
    await test.witness.addCheckpoint(await log.request(8, 20));
  });

  it("by a size 0 that is not empty: 422 and evidence from that one signature", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    const checkpoint = await log.note(0, { rootHash: new Uint8Array(32).fill(9) });
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint });
    await expectCodeAsync(test.witness.addCheckpoint(body), "ROOT_MISMATCH");
    expect(await kindsHeld(test, log)).toEqual(["impossible"]);
  });

  it("is not made of a proof that merely fails", async () => {
    const log = await testLog(ORIGIN);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 12));
    for (const proof of [[], log.proof(11, 20), log.proof(12, 19), log.forkedAt(3).proof(12, 20)]) {
      const body = formatAddCheckpoint({ oldSize: 12, proof, checkpoint: await log.note(20) });
      await expectCodeAsync(test.witness.addCheckpoint(body), "PROOF_INVALID");
    }
    expect(await kindsHeld(test, log)).toEqual([]);
    await test.witness.addCheckpoint(await log.request(12, 20));
  });
});

describe("evidence that somebody brings", () => {
  it("stops a cosignature that is being made", async () => {
    const log = await testLog(ORIGIN);
    const key = await cosignerKey(WITNESS);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let began = (): void => undefined;
    const signing = new Promise<void>((resolve) => {
      began = resolve;
    });
    const slow: typeof key = {
      ...key,
      cosign: async (claim) => {
        began();
        await held;
        return await key.cosign(claim);
      },
    };
    const { witness, store } = await testWitness([known(log)], { keys: [slow] });
    const answer = witness.addCheckpoint(await log.request(0, 12));
    await signing;
    const notes = [await log.note(15), await log.forkedAt(8).note(15)] as const;
    const evidence = await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: log.keys });
    await witness.addEvidence(encodeUtf8(evidence ?? ""));
    release();
    await expectCodeAsync(answer, "LOG_FROZEN");
    expect(await store.head(ORIGIN)).toBeUndefined();
  });

  it("is verified, stored once, and freezes the log, also after a restart", async () => {
    const log = await testLog(ORIGIN);
    const guard = memoryGuard();
    const disk = createWitnessMemoryDisk();
    const open = () => openMemoryWitnessStore({ name: WITNESS, disk });
    const test = await testWitness([known(log)], { guard, store: open() });
    await test.witness.addCheckpoint(await log.request(0, 12));
    const notes = [await log.note(15), await log.forkedAt(8).note(15)] as const;
    const evidence = encodeUtf8(
      (await evidenceFromHeads({ origin: ORIGIN, notes, logKeys: log.keys })) ?? "",
    );
    const first = await test.witness.addEvidence(evidence);
    expect(first.isNew).toBe(true);
    expect(await test.witness.addEvidence(evidence)).toEqual({ ...first, isNew: false });
    await expectFrozen(test, log, 12);
    await test.witness.close();
    const again = await testWitness([known(log)], { guard, store: open() });
    await expectFrozen(again, log, 12);
    expect(await again.witness.logs()).toMatchObject([{ frozenBy: first.id, head: { treeSize: 12 } }]);
  });

  it("convicts a log whose keys are named otherwise, as Go's checksum database is", async () => {
    const named = await testLog("sum.example");
    const log = new TestLog("go.sum database tree", named.signers, named.tree);
    const { witness } = await testWitness([known(log)]);
    const notes = [await log.note(15), await log.forkedAt(8).note(15)] as const;
    const made = await evidenceFromHeads({ origin: log.origin, notes, logKeys: log.keys });
    await witness.addEvidence(encodeUtf8(made ?? ""));
    await expectCodeAsync(witness.addCheckpoint(await log.request(0, 12)), "LOG_FROZEN");
  });

  it("is refused when it is none, or about a log nobody knows, or signed by others", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await testWitness([known(log)]);
    await expectCodeAsync(witness.addEvidence(encodeUtf8("rubbish\n")), "EVIDENCE_MALFORMED");
    const stranger = await testLog("stranger.example");
    const impostor = await testLog(ORIGIN, { number: 5 });
    for (const [other, code] of [
      [stranger, "LOG_UNKNOWN"],
      [impostor, "SIGNATURE_MISSING"],
    ] as const) {
      const notes = [await other.note(15), await other.forkedAt(8).note(15)] as const;
      const made = await evidenceFromHeads({ origin: other.origin, notes, logKeys: other.keys });
      await expectCodeAsync(witness.addEvidence(encodeUtf8(made ?? "")), code);
    }
    expect(await witness.evidence(originHash(ORIGIN))).toEqual([]);
  });
});
