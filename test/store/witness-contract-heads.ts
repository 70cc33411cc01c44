/** Heads: what is applied, what is refused, and what the journal remembers. */
import { expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { appendLeaves, emptyRange } from "../../src/merkle/compact-range.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import type { CosignedHead } from "../../src/store/witness-store.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { bytesOf, hashNamed } from "./model.ts";
import { allRows, headAt, LOG, noteOf, type OpenWitness, spelled, step, tell } from "./witness-contract.ts";

/** The leaf of spec/storage.md, made without the code under test. */
function leafOf(origin: string, { treeSize, rootHash, timestampSeconds }: CosignedHead): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(origin));
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(treeSize));
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timestampSeconds));
  return leafHash(Buffer.concat([length, Buffer.from(origin), size, rootHash, time]));
}

export function testHeads(open: OpenWitness): void {
  test("a new witness has no head, no row, no evidence and an empty journal", async () => {
    const store = await open();
    expect(await store.head(LOG)).toBeUndefined();
    expect(await store.origins()).toEqual([]);
    expect(await allRows(store)).toEqual([]);
    expect(await store.evidence(LOG)).toEqual([]);
    expect(await store.journal()).toEqual(emptyRange());
  });

  test("a head is there after its commit, and again after closing and opening", async () => {
    const store = await open();
    await tell(store, [headAt(3, 100), headAt(7, 105), headAt(7, 300)]);
    const journal = await store.journal();
    await store.close();
    const again = await open();
    expect(await again.head(LOG)).toEqual(headAt(7, 300));
    expect(spelled(await allRows(again))).toEqual(["3@100*", "7@105*", "7@300"]);
    expect(await again.journal()).toEqual(journal);
  });

  test("the journal is the Merkle tree of all rows, in order of addition", async () => {
    const store = await open();
    const heads = [headAt(3, 100), headAt(7, 105), headAt(7, 300)];
    await tell(store, heads.slice(0, 2), "log.example/ü");
    await tell(store, heads.slice(0, 1));
    await tell(store, heads.slice(2), "log.example/ü");
    const rows: readonly (readonly [string, CosignedHead])[] = [
      ["log.example/ü", headAt(3, 100)],
      ["log.example/ü", headAt(7, 105)],
      [LOG, headAt(3, 100)],
      ["log.example/ü", headAt(7, 300)],
    ];
    const leaves = rows.map(([origin, head]) => leafOf(origin, head));
    expect(await store.journal()).toEqual(appendLeaves(emptyRange(), leaves));
  });

  test("origins come in bytewise order, each once", async () => {
    const store = await open();
    for (const origin of ["b", "a", "\u{ffff}", "\u{10000}", "ab"]) {
      await tell(store, [headAt(1, 1), headAt(2, 2)], origin);
    }
    expect(await store.origins()).toEqual(["a", "ab", "b", "\u{ffff}", "\u{10000}"]);
  });

  test.each([
    ["nothing is expected, but there is a head", undefined],
    ["another size is expected", headAt(4, 100)],
    ["another root is expected", headAt(5, 100, "another root")],
    ["another time is expected", headAt(5, 99)],
  ])("%s: not applied, nothing changes", async (_, expected) => {
    const store = await open();
    await tell(store, [headAt(5, 100)]);
    const journal = await store.journal();
    expect(await store.commit([step(expected, headAt(9, 200))])).toEqual([false]);
    expect(await store.head(LOG)).toEqual(headAt(5, 100));
    expect(await store.journal()).toEqual(journal);
    expect(await allRows(store)).toHaveLength(1);
  });

  test("an expected head where there is none is not applied", async () => {
    const store = await open();
    expect(await store.commit([step(headAt(5, 100), headAt(9, 200))])).toEqual([false]);
    expect(await store.origins()).toEqual([]);
  });

  test("of one call, updates that hold are applied and others are not", async () => {
    const store = await open();
    await tell(store, [headAt(1, 1)], "a");
    const outcome = await store.commit([
      step(undefined, headAt(2, 2), "a"),
      step(undefined, headAt(2, 2), "b"),
      step(headAt(1, 1), headAt(3, 3), "a"),
      step(headAt(1, 1), headAt(4, 4), "a"),
    ]);
    expect(outcome).toEqual([false, true, true, false]);
    expect((await store.head("a"))?.treeSize).toBe(3);
    expect((await store.head("b"))?.treeSize).toBe(2);
    expect((await store.journal()).treeSize).toBe(3);
  });

  test("two updates of one origin in one call are applied in order", async () => {
    const store = await open();
    const outcome = await store.commit([
      step(undefined, headAt(2, 2)),
      step(headAt(2, 2), headAt(2, 3)),
      step(headAt(2, 3), headAt(8, 3)),
    ]);
    expect(outcome).toEqual([true, true, true]);
    expect(spelled(await allRows(store))).toEqual(["2@2*", "2@3", "8@3*"]);
  });

  test("of two calls at once from one head the second is not applied", async () => {
    const store = await open();
    const outcomes = await Promise.all([
      store.commit([step(undefined, headAt(2, 2))]),
      store.commit([step(undefined, headAt(3, 2))]),
    ]);
    expect(outcomes).toEqual([[true], [false]]);
    expect(await store.head(LOG)).toEqual(headAt(2, 2));
  });

  test("no updates are no change", async () => {
    const store = await open();
    expect(await store.commit([])).toEqual([]);
    expect(await store.journal()).toEqual(emptyRange());
  });

  test("the same statement again replaces the note and adds no row", async () => {
    const store = await open();
    await tell(store, [headAt(5, 100)]);
    const journal = await store.journal();
    const again = { ...headAt(5, 100), signedNote: bytesOf("with another signature") };
    expect(await store.commit([step(headAt(5, 100), again)])).toEqual([true]);
    expect(await store.head(LOG)).toEqual(again);
    expect(await store.journal()).toEqual(journal);
    expect(spelled(await allRows(store))).toEqual(["5@100*"]);
  });

  test.each([
    ["a smaller size", headAt(4, 200)],
    ["size 0", headAt(0, 200)],
    ["an earlier time", headAt(9, 99)],
    ["an earlier time of the same size", headAt(5, 99)],
    ["another root of the same size", headAt(5, 200, "another root")],
  ])("%s is refused with SIGNED_SIZE_WENT_BACK, and nothing of the call is applied", async (_, next) => {
    const store = await open();
    await tell(store, [headAt(5, 100)]);
    const journal = await store.journal();
    const call = store.commit([step(undefined, headAt(1, 1), "other"), step(headAt(5, 100), next)]);
    await expectCodeAsync(call, "SIGNED_SIZE_WENT_BACK");
    expect(await store.head("other")).toBeUndefined();
    expect(await store.head(LOG)).toEqual(headAt(5, 100));
    expect(await store.journal()).toEqual(journal);
    expect(await allRows(store, "other")).toEqual([]);
    await tell(store, [headAt(6, 100)]);
  });

  test("an update that would go back from a head that is not there any more is just not applied", async () => {
    const store = await open();
    await tell(store, [headAt(5, 100), headAt(9, 200)]);
    expect(await store.commit([step(headAt(5, 100), headAt(4, 100))])).toEqual([false]);
  });

  const good = step(undefined, headAt(1, 1));
  test.each([
    ["no origin", { ...good, origin: "" }],
    ["an origin of 256 bytes", { ...good, origin: "x".repeat(256) }],
    ["a root of 31 bytes", { ...good, next: { ...good.next, rootHash: new Uint8Array(31) } }],
    ["a negative size", { ...good, next: { ...good.next, treeSize: -1 } }],
    ["half a second", { ...good, next: { ...good.next, timestampSeconds: 0.5 } }],
    ["no note of a new size", { ...good, logNote: undefined }],
    ["an empty note", { ...good, logNote: new Uint8Array(0) }],
    ["a note of 256 KiB and a byte", { ...good, logNote: new Uint8Array(262_145) }],
    ["an empty signed note", { ...good, next: { ...good.next, signedNote: new Uint8Array(0) } }],
  ])("an update with %s is a bug, not written", async (_, update) => {
    const store = await open();
    await expect(store.commit([good, update])).rejects.toThrow(InvariantError);
    expect(await store.origins()).toEqual([]);
  });

  test("bytes given and bytes returned belong to the caller", async () => {
    const store = await open();
    const update = step(undefined, { ...headAt(5, 100) });
    const committed = store.commit([update]);
    update.next.rootHash.fill(0);
    update.next.signedNote.fill(0);
    update.logNote?.fill(0);
    await committed;
    for (let round = 0; round < 2; round++) {
      const head = await store.head(LOG);
      const [row] = await allRows(store);
      const { peaks } = await store.journal();
      expect(head).toEqual(headAt(5, 100));
      expect(row).toEqual({
        treeSize: 5,
        rootHash: hashNamed("root 5"),
        timestampSeconds: 100,
        logNote: noteOf(5),
      });
      for (const bytes of [head?.rootHash, head?.signedNote, row?.rootHash, row?.logNote, peaks[0]]) {
        bytes?.fill(0);
      }
    }
  });

  test("an origin of 255 bytes and notes of 256 KiB fit", async () => {
    const store = await open();
    const origin = "é".repeat(127);
    const note = new Uint8Array(262_144).fill(7);
    const next = { ...headAt(1, 1), signedNote: note };
    expect(await store.commit([{ origin, expected: undefined, next, logNote: note }])).toEqual([true]);
    expect(Buffer.compare((await store.head(origin))?.signedNote ?? new Uint8Array(), note)).toBe(0);
  });
}
