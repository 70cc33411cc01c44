/** Who may write a witness's storage, and when it is closed. */
import { expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { evidenceNamed, headAt, LOG, type OpenWitness, step, tell } from "./witness-contract.ts";

export function testWriters(open: OpenWitness): void {
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

  test("a second opening takes the storage over: the first may read, but not write", async () => {
    const first = await open();
    await tell(first, [headAt(1, 1)]);
    const second = await open();
    await expectCodeAsync(first.commit([step(headAt(1, 1), headAt(2, 2))]), "WRITER_REPLACED");
    await expectCodeAsync(first.addEvidence(evidenceNamed("a")), "WRITER_REPLACED");
    await expectCodeAsync(first.adoptLineage("0".repeat(32)), "WRITER_REPLACED");
    const thinning = first.thin(LOG, { rules: [], nowSeconds: 1 });
    await expectCodeAsync(thinning, "WRITER_REPLACED");
    expect(await second.head(LOG)).toEqual(headAt(1, 1));
    expect(await second.evidence(LOG)).toEqual([]);
    await tell(second, [headAt(2, 2)]);
    expect(await first.head(LOG)).toEqual(headAt(2, 2));
  });

  test("another witness's name is refused with STORE_ORIGIN_MISMATCH, and the first writer goes on", async () => {
    const store = await open();
    await expectCodeAsync(open("other.example"), "STORE_ORIGIN_MISMATCH");
    await tell(store, [headAt(1, 1)]);
  });

  test("the lineage token is found by the next opening", async () => {
    const first = await open();
    expect(first.writer.lineage).toBeUndefined();
    await first.adoptLineage("0123456789abcdef0123456789abcdef");
    await first.adoptLineage("f".repeat(32));
    expect(first.writer.lineage).toBeUndefined();
    await expect(first.adoptLineage("F".repeat(32))).rejects.toThrow(InvariantError);
    await first.close();
    expect((await open()).writer.lineage).toBe("f".repeat(32));
  });
}

export function testClosing(open: OpenWitness): void {
  test("after close everything is refused with STORE_CLOSED, and closing again is fine", async () => {
    const store = await open();
    await store.close();
    await store.close();
    for (const call of [
      () => store.journal(),
      () => store.head(LOG),
      () => store.origins(),
      () => store.rows(LOG, { fromSize: 0, toSize: 1, limit: 1 }),
      () => store.evidence(LOG),
      () => store.commit([step(undefined, headAt(1, 1))]),
      () => store.addEvidence(evidenceNamed("a")),
      () => store.adoptLineage("0".repeat(32)),
      () => store.thin(LOG, { rules: [], nowSeconds: 1 }),
    ]) {
      await expectCodeAsync(call(), "STORE_CLOSED");
    }
  });

  test("close waits for the commit in flight", async () => {
    const store = await open();
    const committed = store.commit([step(undefined, headAt(1, 1))]);
    await store.close();
    expect(await committed).toEqual([true]);
    expect(await (await open()).head(LOG)).toEqual(headAt(1, 1));
  });

  test("the methods work without their object, so that a store can be wrapped", async () => {
    const store = await open();
    const wrapped = { ...store, close: () => store.close() };
    await tell(wrapped, [headAt(1, 1)]);
    expect(await wrapped.head(LOG)).toEqual(headAt(1, 1));
  });
}
