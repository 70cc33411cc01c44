import { describe, expect, it } from "vitest";
import type { LogEvents } from "../../src/events.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { DEFAULT_LIMITS, type LogOptions } from "../../src/log/options.ts";
import { appendLeaves, emptyRange, rangeRoot } from "../../src/merkle/compact-range.ts";
import { verifyConsistency } from "../../src/merkle/consistency.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { COSIGNATURE_V1, ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { entryCount } from "../../src/tlog/entry-bundle.ts";
import { formatSigningKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { parsePolicy, singleKeyPolicy } from "../../src/tlog/policy.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { emptyDisks, entry, gate, ORIGIN, openOn, published, testSigner } from "./harness.ts";

describe("a log", () => {
  it("publishes size 0 before it takes its first entry", async () => {
    await using log = await openOn(emptyDisks());
    expect(log.published().treeSize).toBe(0);
    expect(new TextDecoder().decode(log.published().checkpoint)).toMatch(
      new RegExp(`^${ORIGIN}\n0\n47DEQpj8`),
    );
  });

  it("gives consecutive indices, and receipts that verify with nothing but the vkey", async () => {
    await using log = await openOn(emptyDisks());
    const policy = singleKeyPolicy(log.vkeys[0] ?? "");
    for (let index = 0; index < 300; index += 1) {
      const appended = await log.add(entry(index));
      expect(appended).toEqual({ leafIndex: index, leafHash: leafHash(entry(index)), duplicate: false });
    }
    await published(log, 299);
    for (const leafIndex of [0, 1, 128, 255, 256, 299]) {
      const receipt = await verifyTlogProof({
        receipt: await log.receipt(leafIndex),
        entry: entry(leafIndex),
        policy,
      });
      expect(receipt).toMatchObject({ origin: ORIGIN, leafIndex, treeSize: 300 });
      expect(await log.readEntry(leafIndex)).toEqual(entry(leafIndex));
      expect(await log.lookup(leafHash(entry(leafIndex)))).toBe(leafIndex);
    }
  });

  it("answers exact duplicates with the first index: in a batch, in flight, and later", async () => {
    await using log = await openOn(emptyDisks());
    const inBatch = await log.addBatch([entry("a"), entry("b"), entry("a")]);
    expect(inBatch.map(({ leafIndex, duplicate }) => [leafIndex, duplicate])).toEqual([
      [0, false],
      [1, false],
      [0, true],
    ]);
    const racing = await Promise.all([log.add(entry("c")), log.add(entry("c")), log.add(entry("b"))]);
    expect(racing.map(({ leafIndex }) => leafIndex)).toEqual([2, 2, 1]);
    expect(await log.add(entry("a"))).toMatchObject({ leafIndex: 0, duplicate: true });
    expect(log.integratedSize()).toBe(3);
  });

  it("appends duplicates again when told to allow them", async () => {
    await using log = await openOn(emptyDisks(), { duplicates: "allow" });
    const appended = await log.addBatch([entry("a"), entry("a")]);
    expect(appended.map(({ leafIndex, duplicate }) => [leafIndex, duplicate])).toEqual([
      [0, false],
      [1, false],
    ]);
  });

  it("takes a store that has its methods from elsewhere, as an object of a class does", async () => {
    await using log = await openOn(emptyDisks(), { wrap: (store) => Object.create(store) });
    expect(await log.add(entry(0))).toMatchObject({ leafIndex: 0 });
    await published(log, 0);
    expect(await log.add(entry(0))).toMatchObject({ leafIndex: 0, duplicate: true });
  });

  it("answers an empty batch, and an entry of zero bytes", async () => {
    await using log = await openOn(emptyDisks());
    expect(await log.addBatch([])).toEqual([]);
    expect(await log.add(new Uint8Array())).toMatchObject({ leafIndex: 0 });
    await published(log, 0);
    expect(await log.readEntry(0)).toEqual(new Uint8Array());
  });

  it("refuses an entry above the limit, and takes one at it", async () => {
    await using log = await openOn(emptyDisks());
    await expectCodeAsync(log.add(new Uint8Array(65_536)), "ENTRY_TOO_LARGE");
    await expectCodeAsync(log.addBatch([entry("a"), new Uint8Array(65_536)]), "ENTRY_TOO_LARGE");
    expect(await log.add(new Uint8Array(65_535))).toMatchObject({ leafIndex: 0 });
    expect(log.integratedSize()).toBe(1);
  });

  it("invariant 3: answers only after the commit is durable, and gathers what arrives meanwhile into one batch", async () => {
    const begun = gate();
    const durable = gate();
    const sizes: number[] = [];
    await using log = await openOn(emptyDisks(), {
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          sizes.push(entryCount(batch.entries));
          begun.open();
          if (sizes.length === 1) await durable.passed;
          await store.commit(batch);
        },
      }),
    });
    let answered = 0;
    const add = (index: number) =>
      log.add(entry(index)).then((appended) => {
        answered += 1;
        return appended;
      });
    const first = add(0);
    await begun.passed;
    const adds = [first, ...Array.from({ length: 49 }, (_, at) => add(at + 1))];
    await new Promise((resolve) => setImmediate(resolve));
    expect({ answered, sizes, integrated: log.integratedSize() }).toEqual({
      answered: 0,
      sizes: [1],
      integrated: 0,
    });
    durable.open();
    expect((await Promise.all(adds)).map(({ leafIndex }) => leafIndex)).toEqual(
      adds.map((_, index) => index),
    );
    expect(sizes).toEqual([1, 49]);
  });

  it("commits together what comes in one turn of the event loop", async () => {
    const sizes: number[] = [];
    await using log = await openOn(emptyDisks(), {
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          sizes.push(entryCount(batch.entries));
          await store.commit(batch);
        },
      }),
    });
    await Promise.all(Array.from({ length: 50 }, (_, index) => log.add(entry(index))));
    expect(sizes).toEqual([50]);
  });

  it("commits together who asks again when answered, and who came alone before", async () => {
    const begun = gate();
    const durable = gate();
    const sizes: number[] = [];
    await using log = await openOn(emptyDisks(), {
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          sizes.push(entryCount(batch.entries));
          begun.open();
          await durable.passed;
          await store.commit(batch);
        },
      }),
    });
    // Who is answered asks again when its client has read that, in another turn.
    const again = Promise.all(
      Array.from({ length: 9 }, async (_, index) => {
        await log.add(entry(index));
        await new Promise((resolve) => setImmediate(resolve));
        await log.add(entry(100 + index));
      }),
    );
    await begun.passed;
    const alone = log.add(entry("alone"));
    durable.open();
    await Promise.all([again, alone]);
    expect(sizes).toEqual([9, 10]);
  });

  it("invariant 10: refuses when the pool is full, says so, and goes on", async () => {
    const begun = gate();
    const durable = gate();
    const full: unknown[] = [];
    const events: LogEvents = { poolFull: (event) => full.push(event) };
    await using log = await openOn(emptyDisks(), {
      events,
      limits: { maxEntryBytes: 500, maxBatchEntries: 3, maxPendingEntries: 3, maxPendingBytes: 1000 },
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          begun.open();
          await durable.passed;
          await store.commit(batch);
        },
      }),
    });
    const first = log.add(entry("first"));
    await begun.passed;
    const waiting = [log.add(entry(1)), log.add(entry(2)), log.add(entry(3))];
    await expectCodeAsync(log.add(entry(4)), "POOL_FULL");
    await expectCodeAsync(log.addBatch([entry(5), entry(6)]), "POOL_FULL");
    expect(full).toMatchObject([{ count: 1 }, { count: 2 }]);
    await expectCodeAsync(log.addBatch(Array.from({ length: 4 }, () => entry(0))), "ARGUMENT_INVALID");
    await expectCodeAsync(
      log.addBatch(Array.from({ length: 3 }, () => new Uint8Array(400))),
      "ARGUMENT_INVALID",
    );
    durable.open();
    await Promise.all([first, ...waiting]);
    expect(await log.add(entry(4))).toMatchObject({ leafIndex: 4 });
  });

  it("shows readers nothing that is not signed", async () => {
    const signed = gate();
    const guard = memoryGuard();
    await using log = await openOn(emptyDisks(), {
      guard: {
        ...guard,
        async write(record) {
          if ((record.signed?.treeSize ?? 0) > 0) await signed.passed;
          await guard.write(record);
        },
      },
    });
    await log.add(entry("a"));
    const reads = async () => [
      await log.readTile({ level: 0, index: 0, width: 1 }),
      await log.readEntries({ start: 0, end: 1 }),
      await log.readEntry(0),
      await log.lookup(leafHash(entry("a"))),
    ];
    expect(await reads()).toEqual([undefined, undefined, undefined, undefined]);
    await expectCodeAsync(log.receipt(0), "NOT_PUBLISHED");
    await expectCodeAsync(log.receipt(1), "ENTRY_UNKNOWN");
    await expectCodeAsync(log.proveInclusion({ leafIndex: 0, treeSize: 1 }), "NOT_PUBLISHED");
    await expectCodeAsync(log.proveConsistency({ fromSize: 0, toSize: 1 }), "NOT_PUBLISHED");
    await expectCodeAsync(log.rootAt(1), "NOT_PUBLISHED");
    signed.open();
    await published(log, 0);
    expect((await reads()).every((read) => read !== undefined)).toBe(true);
  });

  it("proves any two sizes it has signed consistent, and knows the root of each", async () => {
    await using log = await openOn(emptyDisks());
    await log.addBatch(Array.from({ length: 600 }, (_, index) => entry(index)));
    await published(log, 599);
    const rootOf = (treeSize: number) =>
      rangeRoot(
        appendLeaves(
          emptyRange(),
          Array.from({ length: treeSize }, (_, index) => leafHash(entry(index))),
        ),
      );
    for (const [fromSize, toSize] of [
      [1, 2],
      [255, 256],
      [256, 257],
      [3, 600],
      [512, 600],
      [600, 600],
    ] as const) {
      const proof = await log.proveConsistency({ fromSize, toSize });
      const [fromRoot, toRoot] = [await log.rootAt(fromSize), await log.rootAt(toSize)];
      expect([fromRoot, toRoot]).toEqual([rootOf(fromSize), rootOf(toSize)]);
      verifyConsistency({ fromSize, fromRoot, toSize, toRoot, proof });
    }
  });

  it("finishes and answers what is in flight when it closes, and refuses what comes after", async () => {
    const durable = gate();
    const log = await openOn(emptyDisks(), {
      wrap: (store) => ({ ...store, commit: (batch) => durable.passed.then(() => store.commit(batch)) }),
    });
    const adds = [log.add(entry(0)), log.add(entry(1)), log.add(entry(2))];
    const covered = log.untilPublished(2, { signal: AbortSignal.timeout(5000) });
    const uncovered = log.untilPublished(3, { signal: AbortSignal.timeout(5000) });
    const refused = expectCodeAsync(uncovered, "LOG_CLOSING");
    const closing = log.close();
    await expectCodeAsync(log.add(entry(3)), "LOG_CLOSING");
    expect(log.state().status).toBe("closing");
    durable.open();
    await closing;
    expect((await Promise.all(adds)).map(({ leafIndex }) => leafIndex)).toEqual([0, 1, 2]);
    expect((await covered).treeSize).toBe(3);
    await refused;
    await log.close();
  });

  it("gives up waiting for publication when the caller does", async () => {
    await using log = await openOn(emptyDisks());
    const caller = new AbortController();
    const waiting = log.untilPublished(9, { signal: caller.signal });
    caller.abort();
    await expectCodeAsync(waiting, "ABORTED");
    await expectCodeAsync(log.untilPublished(9, { signal: AbortSignal.abort() }), "ABORTED");
  });

  it("invariant 4: publishes at the interval when nobody waits, and at once when somebody does", async () => {
    let nowMs = 0;
    await using log = await openOn(emptyDisks(), { checkpointIntervalMs: 3_600_000, now: () => nowMs });
    nowMs += 3_600_000;
    await log.add(entry(0));
    await expect.poll(() => log.published().treeSize).toBe(1);
    await log.add(entry(1));
    expect(log.published().treeSize).toBe(1);
    await published(log, 1);
    expect(log.published().treeSize).toBe(2);
  });

  it("answers all the same when a callback for events throws", async () => {
    const fails = () => {
      throw new TypeError("a broken callback");
    };
    const events = { batchIntegrated: fails, checkpointPublished: fails, poolFull: fails, warning: fails };
    await using log = await openOn(emptyDisks(), { events });
    expect(await log.add(entry(0))).toMatchObject({ leafIndex: 0 });
    await published(log, 0);
    expect(log.state().status).toBe("writable");
  });

  it("waits out an interval longer than a timer can hold", async () => {
    await using log = await openOn(emptyDisks(), { checkpointIntervalMs: 2 ** 40 });
    await log.add(entry(0));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(log.published().treeSize).toBe(0);
    await published(log, 0);
  });

  it("keeps its origin, keys and limits in sight", async () => {
    await using log = await openOn(emptyDisks());
    expect(log.origin).toBe(ORIGIN);
    expect(parsePolicy(`log ${log.vkeys[0]}\nquorum none\n`).logs).toHaveLength(1);
    expect(log.limits.maxEntryBytes).toBe(65_535);
    expect(log.state()).toEqual({ status: "writable" });
  });

  it("stores the bytes it hashed, whatever becomes of the caller's buffer", async () => {
    const durable = gate();
    await using log = await openOn(emptyDisks(), {
      wrap: (store) => ({ ...store, commit: (batch) => durable.passed.then(() => store.commit(batch)) }),
    });
    const buffer = entry("before");
    const added = log.add(buffer);
    buffer.fill(0);
    durable.open();
    expect((await added).leafHash).toEqual(leafHash(entry("before")));
    await published(log, 0);
    expect(await log.readEntry(0)).toEqual(entry("before"));
  });

  it("serves what it published, whatever a caller does with its copy", async () => {
    await using log = await openOn(emptyDisks());
    const before = log.published();
    log.published().checkpoint.fill(0);
    log.published().rootHash.fill(0);
    expect(log.published()).toEqual(before);
  });

  it("refuses an entry that is not bytes", async () => {
    await using log = await openOn(emptyDisks());
    const add: (entry: never) => Promise<unknown> = log.add.bind(log);
    const text: unknown = "hello";
    await expectCodeAsync(add(text as never), "ARGUMENT_INVALID");
  });

  it.each<[string, Partial<LogOptions>]>([
    ["an entry limit above what a bundle can hold", { limits: { ...DEFAULT_LIMITS, maxEntryBytes: 65_536 } }],
    ["a batch that the pool could never take", { limits: { ...DEFAULT_LIMITS, maxPendingEntries: 10 } }],
    ["an interval that is not a number", { checkpointIntervalMs: Number.NaN }],
    ["an interval before now", { checkpointIntervalMs: -1 }],
  ])("refuses %s before it writes anything", async (_name, options) => {
    const disks = emptyDisks();
    await expectCodeAsync(openOn(disks, options), "ARGUMENT_INVALID");
    expect(disks).toMatchObject({ guard: undefined, store: { lineage: undefined } });
  });

  it("refuses a cosigner's key, and one key twice", async () => {
    const signer = await testSigner();
    await expectCodeAsync(openOn(emptyDisks(), { signers: [signer, signer] }), "ARGUMENT_INVALID");
    const key = await generateSigningKey({ name: ORIGIN, seed: new Uint8Array(32).fill(3) });
    const cosigner = await openSigner(formatSigningKey(key), {
      type: COSIGNATURE_V1,
      timestampSeconds: () => 1,
    });
    await expectCodeAsync(openOn(emptyDisks(), { signers: [signer, cosigner] }), "ARGUMENT_INVALID");
    await expectCodeAsync(openOn(emptyDisks(), { signers: [cosigner] }), "ARGUMENT_INVALID");
  });

  it("signs again without reading again what it has verified", async () => {
    const leavesRead: number[] = [];
    await using log = await openOn(emptyDisks(), {
      wrap: (store) => ({
        ...store,
        readTile(tile) {
          if (tile.level === 0) leavesRead.push(tile.index);
          return store.readTile(tile);
        },
      }),
    });
    await log.addBatch(Array.from({ length: 1000 }, (_, index) => entry(index)));
    await published(log, 999);
    leavesRead.length = 0;
    const { leafIndex } = await log.add(entry("one more"));
    await published(log, leafIndex);
    expect(leavesRead).toEqual([3]);
  });

  it("wants signers of one name", async () => {
    await expectCodeAsync(openOn(emptyDisks(), { signers: [] }), "ARGUMENT_INVALID");
    const signers = [await testSigner(1), await testSigner(2, "example.org/other")];
    await expectCodeAsync(openOn(emptyDisks(), { signers }), "ARGUMENT_INVALID");
  });

  it("signs with an Ed25519 key and an ML-DSA-44 key beside it, and a reader may trust either", async () => {
    const key = await generateSigningKey({ name: ORIGIN, type: ML_DSA_44, seed: new Uint8Array(32).fill(9) });
    const mlDsa = await openSigner(formatSigningKey(key));
    await expectCodeAsync(openOn(emptyDisks(), { signers: [mlDsa] }), "ARGUMENT_INVALID");
    await using log = await openOn(emptyDisks(), { signers: [await testSigner(), mlDsa] });
    await log.add(entry(0));
    await published(log, 0);
    for (const vkey of log.vkeys) {
      const policy = singleKeyPolicy(vkey);
      const verified = await verifyTlogProof({ receipt: await log.receipt(0), entry: entry(0), policy });
      expect(verified.logKeys).toEqual([vkey]);
    }
    expect(log.vkeys).toHaveLength(2);
  });

  it("refuses a directory that another key signed", async () => {
    const disks = emptyDisks();
    await (await openOn(disks)).close();
    await expectCodeAsync(openOn(disks, { signers: [await testSigner(8)] }), "STORE_ORIGIN_MISMATCH");
  });
});
