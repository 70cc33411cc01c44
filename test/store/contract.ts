/** What the parts of the port's contract share. */
import { expect } from "vitest";
import type { LogStore, TileSection } from "../../src/store/store.ts";
import { batchOf, entriesFrom } from "./model.ts";

export const ORIGIN = "example.com/store";

/** Opens the test's disk; the store is closed after the test. */
export type Open = (origin?: string, fills?: boolean) => Promise<LogStore>;

/** Like toEqual, but does not walk 16 MiB byte by byte. */
export function expectBytes(actual: Uint8Array | undefined, wanted: Uint8Array | undefined): void {
  if (actual !== undefined && wanted !== undefined && Buffer.compare(actual, wanted) === 0) return;
  expect(actual?.subarray(0, 1000)).toEqual(wanted?.subarray(0, 1000));
  expect(actual?.length).toBe(wanted?.length);
  if (actual !== undefined) expect.unreachable("the bytes differ beyond the first 1,000");
}

/** The same of a section. */
export function expectSection(actual: TileSection | undefined, wanted: TileSection | undefined): void {
  expectBytes(actual?.leaves, wanted?.leaves);
  expectBytes(actual?.nodes, wanted?.nodes);
}

/** Commits `count` fresh entries. */
export async function grow(store: LogStore, count: number): Promise<void> {
  const from = (await store.head()).integrated.treeSize;
  await store.commit(batchOf(from, entriesFrom(from, count)));
}
