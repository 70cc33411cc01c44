import { describe, expect, it } from "vitest";
import { memoryGuard } from "../../src/keys/guard.ts";
import type { Log } from "../../src/log/log.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { expectConsistent, headOf } from "./faulty.ts";
import {
  copyOf,
  type Disks,
  emptyDisks,
  entry,
  gate,
  guardOn,
  openOn,
  published,
  testSigner,
} from "./harness.ts";
import { respond, stubWitness, witnessed } from "./stub-witness.ts";

/** A log of 2 entries that is recorded, and a third one that was shown before the store's rows followed: what a crash leaves. */
async function crashed(
  point: "guard" | "shown" | "carried",
): Promise<{ disks: Disks; log: Log; left: Disks }> {
  const disks = emptyDisks();
  let left: Disks | undefined;
  const guard = guardOn(disks);
  const log = await openOn(disks, {
    guard: {
      ...guard,
      async write(record) {
        await guard.write(record);
        if (point === "guard" && record.signed?.treeSize === 3) left ??= copyOf(disks);
      },
    },
  });
  await log.addBatch([entry(0), entry(1)]);
  await published(log, 1);
  await expect.poll(() => disks.store.head.published?.treeSize).toBe(2);
  await log.add(entry(2));
  await published(log, 2);
  if (point === "carried") await log.add(entry(3));
  return { disks, log, left: left ?? copyOf(disks) };
}

describe("a crash while the store's rows trail the guard", () => {
  it.each([
    ["after the guard, before anything is shown", "guard", 3, 2],
    ["after it is shown, before it is recorded", "shown", 3, 2],
    ["when the next entries have taken the rows along", "carried", 4, 3],
  ] as const)(
    "%s: the next opening shows at least that, and consistently",
    async (_, point, size, recorded) => {
      const { log, left } = await crashed(point);
      expect(left.store.head).toMatchObject({
        integrated: { treeSize: size },
        signed: { treeSize: recorded },
        published: { treeSize: recorded, mayTrail: true },
      });
      const shown = await headOf(log);
      await log.close();
      await using again = await openOn(left);
      await expectConsistent(again, shown);
      expect(again.published().treeSize).toBe(size);
      // Also in the store, before anybody is served.
      expect(left.store.head).toMatchObject({ signed: { treeSize: size }, published: { treeSize: size } });
      expect(left.guard?.signed?.treeSize).toBe(size);
    },
  );

  it("is survived twice in a row: an opening that crashes at once forgets nothing the guard knew", async () => {
    const { log, left } = await crashed("shown");
    await log.close();
    const signer = await testSigner();
    const silent = { ...signer, sign: () => Promise.reject(new Error("no key today")) };
    // No older checkpoint is shown instead.
    await expectCodeAsync(openOn(left, { signers: [silent] }), "SIGNER_FAILED");
    expect(left.guard?.signed?.treeSize).toBe(3);
    expect(left.store.head.published?.treeSize).toBe(2);
    await using again = await openOn(left);
    expect(again.published().treeSize).toBe(3);
  });

  it("shows nothing older where rows are recorded first from now on", async () => {
    const { log, left } = await crashed("shown");
    await log.close();
    await using again = await openOn(left, { hasReaders: true });
    expect(left.store.head.published).toEqual({ treeSize: 3, checkpoint: again.published().checkpoint });
  });

  it("shows nothing older with witnesses from now on: as long as there is no quorum, no log opens", async () => {
    const { log, left } = await crashed("shown");
    await log.close();
    const stub = await stubWitness("a");
    const witnesses = witnessed(log.vkeys[0] ?? "", [stub], { quorum: "quorum a" });
    stub.answer = () => Promise.resolve(respond(503));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expectCodeAsync(openOn(left, { witnesses }), "QUORUM_NOT_MET");
    }
    stub.answer = undefined;
    await using again = await openOn(left, { witnesses });
    expect(again.published().treeSize).toBe(3);
    expect(left.store.head.published?.mayTrail).toBeUndefined();
  });

  it("GUARD_MISMATCH: refuses a tree of another root at the guarded size, whatever its own record says", async () => {
    const { log, left } = await crashed("shown");
    await log.close();
    const guarded = left.guard?.signed;
    if (left.guard === undefined || guarded === undefined) throw new Error("no guard");
    const other = guarded.rootHash.map((byte) => byte ^ 1);
    for (const treeSize of [1, 2, 3]) {
      const guard = { ...left.guard, signed: { treeSize, rootHash: other } };
      await expectCodeAsync(openOn({ ...copyOf(left), guard }), "GUARD_MISMATCH");
    }
  });

  it("GUARD_AHEAD: refuses every older copy of the same opening, and takes one that has all that was signed", async () => {
    const disks = emptyDisks();
    const copies: Disks[] = [];
    const log = await openOn(disks, {
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          await store.commit(batch);
          copies.push(copyOf(disks));
        },
      }),
    });
    for (let leafIndex = 0; leafIndex < 5; leafIndex += 1) {
      await log.add(entry(leafIndex));
      await published(log, leafIndex);
    }
    const { guard } = copyOf(disks);
    for (const [at, { store }] of copies.entries()) {
      const opening = openOn({ store, guard });
      if (at < 4) await expectCodeAsync(opening, "GUARD_AHEAD");
      else expect((await opening).published().treeSize).toBe(5);
    }
    await log.close();
  });

  it("keeps signed heads readable when only the guard knows of them", async () => {
    const { log, left } = await crashed("guard");
    await log.close();
    const guard = memoryGuard(left.guard);
    await using again = await openOn(left, { guard });
    expect(again.readableSize()).toBe(3);
    expect(await again.readEntry(2)).toEqual(entry(2));
  });
});

/** A log that showed 3 entries, and a copy of its directory from when the third was durable and being signed, beside the guard of today. */
async function restored(
  options: Partial<LogOptions>,
): Promise<{ shown: Awaited<ReturnType<typeof headOf>>; copy: Disks }> {
  const disks = emptyDisks();
  let copy: Disks | undefined;
  const guard = guardOn(disks);
  const log = await openOn(disks, {
    ...options,
    guard: {
      ...guard,
      async write(record) {
        if (record.signed?.treeSize === 3) copy ??= copyOf(disks);
        await guard.write(record);
      },
    },
  });
  await log.addBatch([entry(0), entry(1)]);
  await published(log, 1);
  await log.add(entry(2));
  await published(log, 2);
  const shown = await headOf(log);
  await log.close();
  if (copy === undefined) throw new Error("no copy was made");
  return { shown, copy: { store: copy.store, guard: disks.guard } };
}

describe("a restored copy whose guard knows of more than it has as published", () => {
  it("shows nothing older where no witness is asked: no log opens while the signer is away", async () => {
    for (const hasReaders of [true, false]) {
      const { shown, copy } = await restored({ hasReaders });
      const signer = await testSigner();
      const silent = { ...signer, sign: () => Promise.reject(new Error("no key today")) };
      await expectCodeAsync(openOn(copy, { hasReaders, signers: [silent] }), "SIGNER_FAILED");
      await using again = await openOn(copy, { hasReaders });
      await expectConsistent(again, shown);
      expect(again.published().treeSize).toBe(3);
    }
  });

  it("with witnesses goes on from the last that is recorded, says that more may have been seen, and stays consistent", async () => {
    const probe = await openOn(emptyDisks());
    const stub = await stubWitness("a");
    const witnesses = witnessed(probe.vkeys[0] ?? "", [stub], { quorum: "quorum a" });
    await probe.close();
    const { shown, copy } = await restored({ witnesses });
    stub.answer = () => Promise.resolve(respond(503));
    const warnings: string[] = [];
    const events = { warning: ({ code }: { readonly code: string }) => void warnings.push(code) };
    const again = await openOn(copy, { witnesses, events });
    expect(again.published().treeSize).toBe(2);
    expect(warnings).toEqual(["CHECKPOINT_MAY_GO_BACK"]);
    await again.close();
    stub.answer = undefined;
    await using later = await openOn(copy, { witnesses });
    await published(later, 2);
    await expectConsistent(later, shown);
  });
});

describe("a takeover", () => {
  it("is none the worse for a head that the former writer records while the guard is being read", async () => {
    const shared = memoryGuard();
    const disks = emptyDisks();
    const [arrived, hold] = [gate(), gate()];
    let isHeld = false;
    const former = await openOn(disks, {
      guard: {
        ...shared,
        async write(record) {
          if (isHeld) {
            arrived.open();
            await hold.passed;
          }
          await shared.write(record);
        },
      },
    });
    await former.add(entry(0));
    await published(former, 0);
    await expect.poll(() => disks.store.head.published?.treeSize).toBe(1);
    isHeld = true;
    await former.add(entry(1));
    await arrived.passed;
    const next = await openOn(disks, {
      guard: {
        ...shared,
        async read() {
          const record = await shared.read();
          if (isHeld) {
            isHeld = false;
            hold.open();
            await published(former, 1);
          }
          return record;
        },
      },
    });
    expect(next.published().treeSize).toBe(2);
    await next.close();
    await former.close();
  });
});

describe("rows nobody waits for", () => {
  it("turn the log read-only when they cannot be written, and what was shown stays", async () => {
    const disks = emptyDisks();
    let isBroken = false;
    await using log = await openOn(disks, {
      wrap: (store) => ({
        ...store,
        async recordHeads(rows) {
          if (isBroken) throw new Error("the disk is gone");
          await store.recordHeads(rows);
        },
      }),
    });
    isBroken = true;
    await log.add(entry(0));
    await published(log, 0);
    await expect.poll(() => log.state()).toMatchObject({ status: "read-only", code: "LOG_READ_ONLY" });
    expect(log.published().treeSize).toBe(1);
    await expectCodeAsync(log.add(entry(1)), "LOG_READ_ONLY");
  });

  it("are written when the log closes", async () => {
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.add(entry(0));
    await published(log, 0);
    expect(disks.store.head.published?.treeSize).toBe(0);
    await log.close();
    expect(disks.store.head).toMatchObject({ signed: { treeSize: 1 }, published: { treeSize: 1 } });
  });
});
