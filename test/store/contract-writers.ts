/** Who may write, and when a store is closed. */
import { expect, test } from "vitest";
import { expectCodeAsync } from "../expect-code.ts";
import { grow, type Open } from "./contract.ts";
import { batchOf, bytesOf, entriesFrom, hashNamed, headOf } from "./model.ts";

export function testWriters(open: Open): void {
  test("each opening counts the epoch up, draws a writer id and keeps the store id", async () => {
    const first = await open();
    await first.close();
    const second = await open();
    expect(first.writer.epoch).toBe(1);
    expect(second.writer.epoch).toBe(2);
    expect(second.writer.storeId).toBe(first.writer.storeId);
    expect(second.writer.writerId).not.toBe(first.writer.writerId);
    for (const token of [first.writer.storeId, first.writer.writerId, second.writer.writerId]) {
      expect(token).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  test("a second opening takes the log over: the first may read, but not write", async () => {
    const first = await open();
    await grow(first, 3);
    const second = await open();
    await expectCodeAsync(first.commit(batchOf(3, entriesFrom(3, 1))), "WRITER_REPLACED");
    await expectCodeAsync(
      first.recordHeads({ signed: { treeSize: 1, rootHash: hashNamed("r") } }),
      "WRITER_REPLACED",
    );
    await expectCodeAsync(
      first.recordHeads({ published: { treeSize: 0, checkpoint: bytesOf("c") } }),
      "WRITER_REPLACED",
    );
    await expectCodeAsync(first.adoptLineage("0".repeat(32)), "WRITER_REPLACED");
    expect(await second.head()).toEqual({ integrated: headOf(3), signed: undefined, published: undefined });
    await grow(second, 300);
    expect((await first.head()).integrated).toEqual(headOf(303));
    expect(await first.readTile({ level: 1, index: 0, width: 1 })).toBeDefined();
  });

  test("another origin is refused, and the first writer goes on", async () => {
    const store = await open();
    await expectCodeAsync(open("example.com/other"), "STORE_ORIGIN_MISMATCH");
    await grow(store, 1);
  });

  test("the lineage token is found by the next opening", async () => {
    const first = await open();
    expect(first.writer.lineage).toBeUndefined();
    await first.adoptLineage("0123456789abcdef0123456789abcdef");
    await first.adoptLineage("f".repeat(32));
    expect(first.writer.lineage).toBeUndefined();
    await first.close();
    expect((await open()).writer.lineage).toBe("f".repeat(32));
  });
}

export function testClosing(open: Open): void {
  test("after close everything is refused with STORE_CLOSED, and closing again is fine", async () => {
    const store = await open();
    await grow(store, 1);
    await store.close();
    await store.close();
    for (const call of [
      () => store.head(),
      () => store.readTile({ level: 0, index: 0, width: 1 }),
      () => store.readEntries({ start: 0, end: 1 }),
      () => store.indexOf(hashNamed("x")),
      () => store.commit(batchOf(1, entriesFrom(1, 1))),
      () => store.adoptLineage("0".repeat(32)),
      () => store.recordHeads({ signed: { treeSize: 1, rootHash: hashNamed("r") } }),
      () => store.recordHeads({ published: { treeSize: 1, checkpoint: bytesOf("c") } }),
    ]) {
      await expectCodeAsync(call(), "STORE_CLOSED");
    }
  });

  test("close waits for the commit in flight", async () => {
    const store = await open();
    const committed = store.commit(batchOf(0, entriesFrom(0, 10)));
    await store.close();
    await committed;
    expect((await (await open()).head()).integrated.treeSize).toBe(10);
  });

  test("the methods work without their object, so that a store can be wrapped", async () => {
    const store = await open();
    const wrapped = { ...store, close: () => store.close() };
    await grow(wrapped, 2);
    expect((await wrapped.head()).integrated.treeSize).toBe(2);
  });
}
