/** Heads: batches, signed and published sizes. */
import { expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { expectBytes, grow, type Open, ORIGIN } from "./contract.ts";
import { batchOf, bytesOf, entriesFrom, hashNamed, headOf, joined } from "./model.ts";

export function testHeads(open: Open): void {
  test("a new log is empty, was never signed and never published", async () => {
    const store = await open();
    expect(await store.head()).toEqual({
      integrated: { treeSize: 0, peaks: [] },
      signed: undefined,
      published: undefined,
    });
  });

  test("head gives the last batch's head, peaks in order", async () => {
    const store = await open();
    await grow(store, 7);
    expect((await store.head()).integrated).toEqual(headOf(7));
    await grow(store, 300);
    expect((await store.head()).integrated).toEqual(headOf(307));
  });

  test("everything is there again after closing and opening", async () => {
    const store = await open();
    await grow(store, 700);
    await store.recordHeads({ signed: { treeSize: 600, rootHash: hashNamed("root") } });
    await store.recordHeads({ published: { treeSize: 500, checkpoint: bytesOf("note") } });
    const head = await store.head();
    await store.close();
    const again = await open();
    expect(await again.head()).toEqual(head);
    expect(await again.readTile({ level: 0, index: 2, width: 188 })).toBeDefined();
    expect(again.writer).toMatchObject({ storeId: store.writer.storeId, epoch: store.writer.epoch + 1 });
  });

  test("a log that is frozen takes no batch any more, after every opening, and what it signed may still be recorded", async () => {
    const store = await open();
    await grow(store, 3);
    const statement = ["Log frozen — 2026-11-22T04:00:00Z", "Successor …"];
    await expectCodeAsync(store.recordHeads({ frozen: { treeSize: 2, statement } }), "SIGNED_SIZE_WENT_BACK");
    await store.recordHeads({ frozen: { treeSize: 3, statement } });
    for (const kept of [store, await open()]) {
      expect((await kept.head()).frozen).toEqual({ treeSize: 3, statement });
    }
    const again = await open();
    await expectCodeAsync(again.commit(batchOf(3, entriesFrom(3, 1))), "LOG_ENDED");
    await again.recordHeads({ signed: { treeSize: 3, rootHash: hashNamed("root") } });
    expect((await again.head()).integrated).toEqual(headOf(3));
    const unmarked = { treeSize: 3, statement, isUnmarked: true };
    await again.recordHeads({ frozen: unmarked });
    expect((await (await open()).head()).frozen).toEqual(unmarked);
  });

  test("a history of the log's keys is kept, may grow, and never has fewer changes again", async () => {
    const store = await open();
    expect((await store.head()).keys).toBeUndefined();
    const keys = (changes: number) => ({ changes, history: Uint8Array.of(changes) });
    await expectCodeAsync(store.recordHeads({ keys: keys(0) }), "SIGNED_SIZE_WENT_BACK");
    for (const changes of [1, 2]) await store.recordHeads({ keys: keys(changes) });
    await expectCodeAsync(store.recordHeads({ keys: keys(1) }), "SIGNED_SIZE_WENT_BACK");
    expect((await (await open()).head()).keys).toEqual(keys(2));
  });

  test("what is being filled opens for nobody else before a head as large as the largest one meant is signed", async () => {
    const store = await open();
    const [root, other] = [hashNamed("root"), hashNamed("other")];
    for (const treeSize of [5, 4]) await store.recordHeads({ filling: { treeSize, rootHash: root } });
    await grow(store, 4);
    await store.recordHeads({ signed: { treeSize: 4, rootHash: other } });
    const message = (await expectCodeAsync(open(), "INCOMPLETE")).message;
    expect(message).toContain("5 entries were signed, and 4 are here");
    const filling = await open(ORIGIN, true);
    expect((await filling.head()).filling).toEqual({ treeSize: 5, rootHash: root });
    await grow(filling, 2);
    const contradicting = filling.recordHeads({ signed: { treeSize: 5, rootHash: other } });
    await expectCodeAsync(contradicting, "SIGNED_SIZE_WENT_BACK");
    await filling.recordHeads({ signed: { treeSize: 5, rootHash: root } });
    expect((await (await open()).head()).filling).toBeUndefined();
  });

  test("a batch on another size is refused with HEAD_MOVED and leaves nothing", async () => {
    const store = await open();
    await grow(store, 3);
    await expectCodeAsync(store.commit(batchOf(2, entriesFrom(2, 9))), "HEAD_MOVED");
    await expectCodeAsync(store.commit(batchOf(4, entriesFrom(4, 9))), "HEAD_MOVED");
    expect((await store.head()).integrated).toEqual(headOf(3));
    expect(await store.readEntries({ start: 3, end: 4 })).toBeUndefined();
    expect(await store.indexOf(batchOf(4, entriesFrom(4, 1)).leafHashes)).toEqual([undefined]);
    await grow(store, 1);
  });

  test("of two batches at once on one size the second is refused", async () => {
    const store = await open();
    const outcomes = await Promise.allSettled([
      store.commit(batchOf(0, [bytesOf("a")])),
      store.commit(batchOf(0, [bytesOf("b")])),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expectBytes(await store.readEntries({ start: 0, end: 1 }), joined([Uint8Array.of(0, 1), bytesOf("a")]));
  });

  test("batches queued one upon the other all get in", async () => {
    const store = await open();
    await Promise.all([0, 1, 2, 3].map((from) => store.commit(batchOf(from, entriesFrom(from, 1)))));
    expect((await store.head()).integrated.treeSize).toBe(4);
  });

  test.each([
    ["no entries", batchOf(0, [])],
    ["a head of another size", { ...batchOf(0, entriesFrom(0, 2)), head: headOf(3) }],
    ["too few peaks", { ...batchOf(0, entriesFrom(0, 3)), head: { treeSize: 3, peaks: [hashNamed("p")] } }],
    [
      "a missing level",
      { ...batchOf(0, entriesFrom(0, 256)), levels: batchOf(0, entriesFrom(0, 256)).levels.slice(0, 1) },
    ],
    [
      "a level too many",
      { ...batchOf(0, entriesFrom(0, 2)), levels: batchOf(0, entriesFrom(0, 256)).levels },
    ],
    ["an entry of 65,536 bytes", batchOf(0, [new Uint8Array(65_536)], [hashNamed("x")])],
    ["a leaf hash of 31 bytes", batchOf(0, [bytesOf("x")], [new Uint8Array(31)])],
  ])("a batch with %s is a bug, not written", async (_, batch) => {
    const store = await open();
    await expect(store.commit(batch)).rejects.toThrow(InvariantError);
    expect((await store.head()).integrated.treeSize).toBe(0);
  });

  const root = hashNamed("root");
  test.each([
    ["nothing yet, size 0", undefined, { treeSize: 0, rootHash: root }, true],
    ["nothing yet, the integrated size", undefined, { treeSize: 10, rootHash: root }, true],
    ["nothing yet, beyond the integrated size", undefined, { treeSize: 11, rootHash: root }, false],
    ["a larger size", 4, { treeSize: 5, rootHash: hashNamed("other") }, true],
    ["the same size and root", 4, { treeSize: 4, rootHash: root }, true],
    ["the same size, another root", 4, { treeSize: 4, rootHash: hashNamed("other") }, false],
    ["a smaller size", 4, { treeSize: 3, rootHash: root }, false],
    ["size 0 after a larger one", 4, { treeSize: 0, rootHash: root }, false],
    ["beyond the integrated size", 4, { treeSize: 11, rootHash: root }, false],
  ])("recording a signed head, %s", async (_, signed, next, isAllowed) => {
    const store = await open();
    await grow(store, 10);
    if (signed !== undefined) await store.recordHeads({ signed: { treeSize: signed, rootHash: root } });
    const before = await store.head();
    if (isAllowed) {
      await store.recordHeads({ signed: next });
      expect((await store.head()).signed).toEqual(next);
    } else {
      await expectCodeAsync(store.recordHeads({ signed: next }), "SIGNED_SIZE_WENT_BACK");
      expect(await store.head()).toEqual(before);
    }
  });

  test.each([
    ["before anything is signed", undefined, undefined, 0, false],
    ["the signed size", 4, undefined, 4, true],
    ["a smaller size than the signed one", 4, undefined, 3, true],
    ["a larger size than the signed one", 4, undefined, 5, false],
    ["the published size again, with more cosignatures", 4, 3, 3, true],
    ["a smaller size than the published one", 4, 3, 2, false],
    ["a larger size than the published one", 4, 3, 4, true],
  ])("recording a published head, %s", async (_, signed, published, treeSize, isAllowed) => {
    const store = await open();
    await grow(store, 10);
    if (signed !== undefined) await store.recordHeads({ signed: { treeSize: signed, rootHash: root } });
    if (published !== undefined)
      await store.recordHeads({ published: { treeSize: published, checkpoint: bytesOf("first") } });
    const before = await store.head();
    const next = { treeSize, checkpoint: bytesOf("next") };
    if (isAllowed) {
      await store.recordHeads({ published: next });
      expect((await store.head()).published).toEqual(next);
    } else {
      await expectCodeAsync(store.recordHeads({ published: next }), "SIGNED_SIZE_WENT_BACK");
      expect(await store.head()).toEqual(before);
    }
  });
}
