import { describe, expect, it } from "vitest";
import { checkGuard, type GuardedStore, type GuardRecord, guardedKeys } from "../../src/keys/guard.ts";
import { expectCode } from "../expect-code.ts";

const ROOT_A = new Uint8Array(32).fill(0xaa);
const ROOT_B = new Uint8Array(32).fill(0xbb);
const TOKEN_1 = "1".repeat(32);
const TOKEN_2 = "2".repeat(32);
const TOKEN_3 = "3".repeat(32);

const CHANGES = [1, 2, 3].map((value) => new Uint8Array(32).fill(value));

const RECORD: GuardRecord = {
  origin: "example.com/log",
  storeId: "0".repeat(32),
  lineage: TOKEN_1,
  nextLineage: undefined,
  epoch: 3,
  signed: { treeSize: 10, rootHash: ROOT_A },
};
const STORE: GuardedStore = {
  origin: "example.com/log",
  storeId: "0".repeat(32),
  epoch: 4,
  lineage: TOKEN_1,
  signed: { treeSize: 10, rootHash: ROOT_A },
};

describe("checkGuard", () => {
  it.each<[string, GuardRecord | undefined, GuardedStore]>([
    ["the store that the guard saw last", RECORD, STORE],
    [
      "a store that recorded a head the guard did not hear of before the crash",
      RECORD,
      { ...STORE, signed: { treeSize: 11, rootHash: ROOT_B } },
    ],
    [
      "an opening that crashed after the guard named the next token",
      { ...RECORD, nextLineage: TOKEN_2 },
      STORE,
    ],
    [
      "an opening that crashed after the store took the next token",
      { ...RECORD, nextLineage: TOKEN_2 },
      { ...STORE, lineage: TOKEN_2 },
    ],
    [
      "a store that changed its keys before the crash, and the guard did not hear of it",
      { ...RECORD, keys: guardedKeys(CHANGES.slice(0, 1)) },
      { ...STORE, keyChanges: CHANGES },
    ],
    ["a guard from before it heard of keys", RECORD, { ...STORE, keyChanges: CHANGES }],
    ["a new store without a guard", undefined, { ...STORE, lineage: undefined, signed: undefined }],
    [
      "a first opening that crashed before the store took its token",
      { ...RECORD, nextLineage: TOKEN_1, signed: undefined },
      { ...STORE, lineage: undefined, signed: undefined },
    ],
  ])("accepts %s", (_name, record, store) => {
    expect(() => checkGuard(record, store, "/guard")).not.toThrow();
  });

  it.each<[string, GuardRecord | undefined, GuardedStore, Parameters<typeof expectCode>[1]]>([
    ["a missing guard of a log that has signed", undefined, STORE, "GUARD_MISSING"],
    ["a missing guard of a log that was opened", undefined, { ...STORE, signed: undefined }, "GUARD_MISSING"],
    [
      "a directory older than what was signed",
      RECORD,
      { ...STORE, signed: { treeSize: 9, rootHash: ROOT_B } },
      "GUARD_AHEAD",
    ],
    ["a directory that knows of no signature", RECORD, { ...STORE, signed: undefined }, "GUARD_AHEAD"],
    [
      "another root at the signed size",
      RECORD,
      { ...STORE, signed: { treeSize: 10, rootHash: ROOT_B } },
      "GUARD_MISMATCH",
    ],
    [
      "a directory from before a change of keys",
      { ...RECORD, keys: guardedKeys(CHANGES.slice(0, 2)) },
      { ...STORE, keyChanges: CHANGES.slice(0, 1) },
      "GUARD_AHEAD",
    ],
    [
      "a directory without a history of keys",
      { ...RECORD, keys: guardedKeys(CHANGES) },
      STORE,
      "GUARD_AHEAD",
    ],
    [
      "another change of keys",
      { ...RECORD, keys: guardedKeys(CHANGES.slice(0, 2)) },
      { ...STORE, keyChanges: CHANGES.slice(1) },
      "GUARD_MISMATCH",
    ],
    ["the guard of another store", RECORD, { ...STORE, storeId: "f".repeat(32) }, "GUARD_MISMATCH"],
    ["the guard of another log", RECORD, { ...STORE, origin: "example.org/log" }, "GUARD_MISMATCH"],
    ["a copy whose twin was opened since", { ...RECORD, lineage: TOKEN_3 }, STORE, "GUARD_MISMATCH"],
    [
      "a new store beside the guard of one that signed",
      RECORD,
      { ...STORE, lineage: undefined },
      "GUARD_MISMATCH",
    ],
  ])("refuses %s", (_name, record, store, code) => {
    expectCode(() => checkGuard(record, store, "/guard"), code);
  });
});
