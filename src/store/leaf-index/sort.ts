/** The order of a table's keys, found in slices: between two of them the event loop has its turn. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { compareKeys } from "./key.ts";
import type { Memtable } from "./memtable.ts";

const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;
/** About half a millisecond of work. */
const SLICE = 65_536;
/** Longer runs of keys with one high word, which only an attacker makes, are sorted by the engine's own sort. */
const MAX_INSERTION = 16;

/** @returns the positions of all leaves the table holds, by key and then by position. The table must not grow meanwhile. */
export async function sortedPositions(table: Memtable): Promise<Uint32Array> {
  let positions: Uint32Array = heldPositions(table);
  let target: Uint32Array = new Uint32Array(positions.length);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    await nextTurn();
    const starts = digitStarts(table, shift);
    for (let start = 0; start < positions.length; start += SLICE) {
      scatter(table.high, positions.subarray(start, start + SLICE), target, starts, shift);
      await nextTurn();
    }
    [positions, target] = [target, positions];
  }
  for (let start = 0; start < positions.length; ) {
    start = sortEqualHighs(table, positions, start, start + SLICE);
    await nextTurn();
  }
  return positions;
}

function heldPositions(table: Memtable): Uint32Array {
  const positions = new Uint32Array(table.records);
  let at = 0;
  for (let position = 0; position < table.count; position++) {
    if (!table.isRepeated(position)) positions[at++] = position;
  }
  return positions;
}

/** Where keys with each digit begin. */
function digitStarts(table: Memtable, shift: number): Uint32Array {
  const starts = new Uint32Array(DIGITS + 1);
  for (let position = 0; position < table.count; position++) {
    if (table.isRepeated(position)) continue;
    const digit = digitOf(table.high, position, shift) + 1;
    starts[digit] = (starts[digit] ?? 0) + 1;
  }
  for (let digit = 1; digit <= DIGITS; digit++) {
    starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
  }
  return starts;
}

/** Part of one stable pass of a radix sort. */
function scatter(
  keys: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  starts: Uint32Array,
  shift: number,
): void {
  for (let at = 0; at < from.length; at++) {
    const position = from[at] ?? 0;
    const digit = digitOf(keys, position, shift);
    const place = starts[digit] ?? 0;
    to[place] = position;
    starts[digit] = place + 1;
  }
}

function digitOf(keys: Uint32Array, position: number, shift: number): number {
  return ((keys[position] ?? 0) >>> shift) & (DIGITS - 1);
}

/**
 * Puts those in order by their low words whose high words are equal, from `start` to `stop` or a little further.
 * @returns where to go on.
 */
function sortEqualHighs(
  { high, low }: Memtable,
  positions: Uint32Array,
  begin: number,
  stop: number,
): number {
  let start = begin;
  while (start < positions.length && start < stop) {
    const word = high[positions[start] ?? 0];
    let end = start + 1;
    while (end < positions.length && high[positions[end] ?? 0] === word) end += 1;
    if (end - start > 1) sortByLow(low, positions.subarray(start, end));
    start = end;
  }
  return start;
}

function sortByLow(low: Uint32Array, positions: Uint32Array): void {
  const compare = (a: number, b: number): number => compareKeys(low[a] ?? 0, a, low[b] ?? 0, b);
  if (positions.length > MAX_INSERTION) {
    positions.sort(compare);
    return;
  }
  for (let at = 1; at < positions.length; at++) {
    const position = positions[at] ?? 0;
    let place = at;
    for (; place > 0 && compare(positions[place - 1] ?? 0, position) > 0; place--) {
      positions[place] = positions[place - 1] ?? 0;
    }
    positions[place] = position;
  }
}
