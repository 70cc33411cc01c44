import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { createWitnessMemoryDisk, openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import type { WitnessStore } from "../../src/store/witness-store.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import type { OwnSignature } from "../../src/witness/witness.ts";
import { expectCodeAsync } from "../expect-code.ts";
import {
  known,
  START_SECONDS,
  type TestLog,
  type TestWitness,
  testLog,
  testWitness,
  WITNESS,
} from "./harness.ts";

const ORIGIN = "log.example/rollback";

async function ownSignature(test: TestWitness, log: TestLog, size: number): Promise<OwnSignature> {
  const head = await test.store.head(ORIGIN);
  return {
    origin: ORIGIN,
    treeSize: size,
    rootHash: log.root(size),
    timestampSeconds: head?.timestampSeconds ?? 0,
    signedNote: (await test.witness.checkpoint(originHash(ORIGIN))) ?? new Uint8Array(0),
    source: "https://peer.example",
  };
}

describe("a witness whose store is older than what it signed", () => {
  it("refuses to start when its guard knows of more cosignatures", async () => {
    const log = await testLog(ORIGIN);
    const guard = memoryGuard();
    const disk = createWitnessMemoryDisk();
    const first = await testWitness([known(log)], {
      guard,
      store: openMemoryWitnessStore({ name: WITNESS, disk }),
    });
    await first.witness.addCheckpoint(await log.request(0, 3));
    const backup = { ...disk };
    await first.witness.addCheckpoint(await log.request(3, 9));
    await first.witness.close();
    const restored = openMemoryWitnessStore({ name: WITNESS, disk: backup });
    await expectCodeAsync(testWitness([known(log)], { guard, store: restored }), "GUARD_AHEAD");
  });

  it("refuses to start as a copy of a directory that was opened since, and without its guard", async () => {
    const log = await testLog(ORIGIN);
    const guard = memoryGuard();
    const disk = createWitnessMemoryDisk();
    const first = await testWitness([known(log)], {
      guard,
      store: openMemoryWitnessStore({ name: WITNESS, disk }),
    });
    await first.witness.addCheckpoint(await log.request(0, 3));
    await first.witness.close();
    const copy = { ...disk };
    const second = await testWitness([known(log)], {
      guard,
      store: openMemoryWitnessStore({ name: WITNESS, disk }),
    });
    await second.witness.close();
    const copied = () => openMemoryWitnessStore({ name: WITNESS, disk: { ...copy } });
    await expectCodeAsync(testWitness([known(log)], { guard, store: copied() }), "GUARD_MISMATCH");
    await expectCodeAsync(
      testWitness([known(log)], { guard: memoryGuard(), store: copied() }),
      "GUARD_MISSING",
    );
    await testWitness([known(log)], { guard: memoryGuard(), store: copied(), recreateGuard: true });
  });

  it("refuses to start when somebody shows a signature of its own that its store does not know", async () => {
    const log = await testLog(ORIGIN);
    const ahead = await testWitness([known(log)], { clock: { seconds: START_SECONDS + 60 } });
    await ahead.witness.addCheckpoint(await log.request(0, 9));
    const found = await ownSignature(ahead, log, 9);
    const refused = await expectCodeAsync(
      testWitness([known(log)], { ownSignatures: [found] }),
      "WITNESS_ROLLED_BACK",
    );
    expect(refused.message).toContain("https://peer.example");
  });

  it("goes on from that signature when the operator says so, and never below it", async () => {
    const log = await testLog(ORIGIN);
    const ahead = await testWitness([known(log)], { clock: { seconds: START_SECONDS + 30 } });
    await ahead.witness.addCheckpoint(await log.request(0, 9));
    const found = await ownSignature(ahead, log, 9);
    const behind = await testWitness([known(log)], { ownSignatures: [found], adoptOwnSignatures: true });
    await expectCodeAsync(behind.witness.addCheckpoint(await log.request(0, 5)), "SIZE_CONFLICT");
    await behind.witness.addCheckpoint(await log.request(9, 12));
    expect((await behind.store.head(ORIGIN))?.timestampSeconds).toBe(START_SECONDS + 30);
  });

  it("does not start at all when its own signatures contradict its store", async () => {
    const log = await testLog(ORIGIN);
    const forked = log.forkedAt(4);
    const other = await testWitness([known(log)]);
    await other.witness.addCheckpoint(await forked.request(0, 9));
    const found = await ownSignature(other, forked, 9);
    const here = await testWitness([known(log)]);
    await here.witness.addCheckpoint(await log.request(0, 9));
    const again = testWitness([known(log)], {
      store: here.store,
      guard: memoryGuard(),
      recreateGuard: true,
      ownSignatures: [found],
      adoptOwnSignatures: true,
    });
    await expectCodeAsync(again, "WITNESS_ROLLED_BACK");
  });

  it("takes notice of such a signature however many requests of the log wait", async () => {
    const log = await testLog(ORIGIN);
    const ahead = await testWitness([known(log)], { clock: { seconds: START_SECONDS + 60 } });
    await ahead.witness.addCheckpoint(await log.request(0, 9));
    const found = await ownSignature(ahead, log, 9);
    const { witness, told } = await testWitness([known(log)]);
    const body = await log.request(0, 3);
    const waiting = Promise.allSettled(Array.from({ length: 40 }, () => witness.addCheckpoint(body)));
    await witness.meetOwnSignature(found);
    await waiting;
    expect(told.at(-1)).toEqual({ event: "warning", code: "WITNESS_ROLLED_BACK" });
  });

  it("stops cosigning a log when it meets such a signature while it runs; one that it knows is nothing", async () => {
    const log = await testLog(ORIGIN);
    const ahead = await testWitness([known(log)], { clock: { seconds: START_SECONDS + 60 } });
    await ahead.witness.addCheckpoint(await log.request(0, 9));
    const found = await ownSignature(ahead, log, 9);
    const test = await testWitness([known(log)]);
    await test.witness.addCheckpoint(await log.request(0, 3));
    await test.witness.meetOwnSignature(await ownSignature(test, log, 3));
    await test.witness.addCheckpoint(await log.request(3, 4));
    await test.witness.meetOwnSignature(found);
    await expectCodeAsync(test.witness.addCheckpoint(await log.request(4, 5)), "WITNESS_ROLLED_BACK");
    expect(test.told.at(-1)).toEqual({ event: "warning", code: "WITNESS_ROLLED_BACK" });
  });
});

describe("a witness whose store fails", () => {
  const failing = (store: WitnessStore, broken: { isBroken: boolean }, failure: TlogError): WitnessStore => ({
    ...store,
    commit: async (updates) => {
      if (broken.isBroken) throw failure;
      return await store.commit(updates);
    },
  });

  it.each([
    ["STORE_FAILED", false],
    ["STORE_FULL", true],
  ] as const)(
    "answers and shows no cosignature that is not stored (%s); goes on afterwards: %s",
    async (code, goesOn) => {
      const log = await testLog(ORIGIN);
      const broken = { isBroken: false };
      const store = failing(openMemoryWitnessStore({ name: WITNESS }), broken, new TlogError(code, "no"));
      const { witness, told } = await testWitness([known(log)], { store });
      await witness.addCheckpoint(await log.request(0, 3));
      const shown = await witness.checkpoint(originHash(ORIGIN));
      broken.isBroken = true;
      const error = await expectCodeAsync(
        witness.addCheckpoint(await log.request(3, 9)),
        "WITNESS_READ_ONLY",
      );
      expect(error.message).toContain(code);
      await expectCodeAsync(witness.addCheckpoint(await log.request(3, 4)), "WITNESS_READ_ONLY");
      expect(witness.state()).toMatchObject({ status: "read-only", code: "WITNESS_READ_ONLY" });
      expect(told.filter(({ event }) => event === "turnedReadOnly")).toHaveLength(1);
      expect(await witness.checkpoint(originHash(ORIGIN))).toEqual(shown);
      broken.isBroken = false;
      const later = witness.addCheckpoint(await log.request(3, 4));
      if (goesOn) await later;
      else await expectCodeAsync(later, "WITNESS_READ_ONLY");
      expect(witness.state().status).toBe(goesOn ? "ok" : "read-only");
    },
  );

  it("answers and shows no cosignature that its guard does not know of", async () => {
    const log = await testLog(ORIGIN);
    const healthy = memoryGuard();
    const guard = { ...healthy, isBroken: false };
    guard.write = async (record) => {
      if (guard.isBroken) throw new TlogError("GUARD_FAILED", "the disk is gone");
      await healthy.write(record);
    };
    const { witness } = await testWitness([known(log)], { guard });
    await witness.addCheckpoint(await log.request(0, 2));
    const shown = await witness.checkpoint(originHash(ORIGIN));
    guard.isBroken = true;
    await expectCodeAsync(witness.addCheckpoint(await log.request(2, 3)), "WITNESS_READ_ONLY");
    expect(await witness.checkpoint(originHash(ORIGIN))).toEqual(shown);
    expect((await witness.headAt(ORIGIN))?.treeSize).toBe(2);
    expect(await witness.headAt(ORIGIN, 3)).toBeUndefined();
  });

  it("shows a cosignature to monitors only when its guard knows of it, not while that is written", async () => {
    const log = await testLog(ORIGIN);
    const healthy = memoryGuard();
    let release = (): void => undefined;
    const guard = { ...healthy };
    const { witness } = await testWitness([known(log)], { guard });
    const writing = new Promise<void>((began) => {
      guard.write = async (record) => {
        began();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        await healthy.write(record);
      };
    });
    const answer = witness.addCheckpoint(await log.request(0, 3));
    await writing;
    expect(await witness.checkpoint(originHash(ORIGIN))).toBeUndefined();
    release();
    await answer;
    expect(await witness.checkpoint(originHash(ORIGIN))).toBeDefined();
  });
});
