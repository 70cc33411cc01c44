/** The records of a table in order, found in slices: between two of them the event loop has its turn. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Memtable } from "./memtable.ts";

/** Keys are dealt out by so many of their first bits, then sorted by the engine, about a thousand at a time: they fit the nearest cache. */
const DIGIT_BITS = 9;
const DIGITS = 2 ** DIGIT_BITS;
/** About half a millisecond of work. */
const SLICE = 65_536;
/** Slots are below it: {@link MAX_TABLE_LEAVES}. With a key's high word they fit a double exactly. */
const SLOTS = 2 ** 20;
/** More keys with one high word, which only an attacker makes, are sorted by the engine's own sort. */
const MAX_INSERTION = 16;

/** Records in order: each is (high word of the key) * 2^20 + a slot of the two other arrays, where the rest of it is. */
export interface SortedRecords {
  readonly order: Float64Array;
  readonly low: Uint32Array;
  /** Positions in the table. */
  readonly position: Uint32Array;
}

export function highOf(record: number): number {
  return Math.floor(record / SLOTS);
}

export function slotOf(record: number): number {
  return record - highOf(record) * SLOTS;
}

/** @returns what the table holds, by key and then by position. The table must not grow meanwhile. */
export async function sortedRecords(table: Memtable): Promise<SortedRecords> {
  const records: SortedRecords = {
    order: new Float64Array(table.records),
    low: new Uint32Array(table.records),
    position: new Uint32Array(table.records),
  };
  const ends = digitStarts(table);
  for (let start = 0; start < table.count; start += SLICE) {
    await nextTurn();
    deal(table, records, ends, { start, end: Math.min(table.count, start + SLICE) });
  }
  for (let digit = 0; digit < DIGITS; ) {
    await nextTurn();
    digit = sortDigits(records.order, ends, digit);
  }
  for (let start = 0; start < records.order.length; ) {
    await nextTurn();
    start = sortEqualHighs(records, start, start + SLICE);
  }
  return records;
}

/** Where keys with each digit begin. */
function digitStarts(table: Memtable): Uint32Array {
  const { high, count } = table;
  const starts = new Uint32Array(DIGITS + 1);
  for (let position = 0; position < count; position++) {
    if (table.isRepeated(position)) continue;
    const digit = ((high[position] ?? 0) >>> (32 - DIGIT_BITS)) + 1;
    starts[digit] = (starts[digit] ?? 0) + 1;
  }
  for (let digit = 1; digit <= DIGITS; digit++) {
    starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
  }
  return starts;
}

/** Puts positions [start, end) behind what their digits have. Once all are dealt, `starts` are the ends. */
function deal(
  table: Memtable,
  { order, low, position: positions }: SortedRecords,
  starts: Uint32Array,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  for (let position = start; position < end; position++) {
    if (table.isRepeated(position)) continue;
    const high = table.high[position] ?? 0;
    const digit = high >>> (32 - DIGIT_BITS);
    const slot = starts[digit] ?? 0;
    starts[digit] = slot + 1;
    order[slot] = high * SLOTS + slot;
    low[slot] = table.low[position] ?? 0;
    positions[slot] = position;
  }
}

/** Sorts some digits' records by high word and then by slot, which is by position. @returns the digit to go on with. */
function sortDigits(order: Float64Array, ends: Uint32Array, first: number): number {
  const start = first === 0 ? 0 : (ends[first - 1] ?? 0);
  let digit = first;
  for (let from = start; digit < DIGITS && from - start < SLICE / 4; digit++) {
    const to = ends[digit] ?? 0;
    order.subarray(from, to).sort();
    from = to;
  }
  return digit;
}

/**
 * Puts those in order by their low words whose high words are equal, from `begin` to `stop` or a little further.
 * @returns where to go on.
 */
function sortEqualHighs({ order, low }: SortedRecords, begin: number, stop: number): number {
  let start = begin;
  while (start < order.length && start < stop) {
    const high = highOf(order[start] ?? 0);
    let end = start + 1;
    while (end < order.length && highOf(order[end] ?? 0) === high) end += 1;
    if (end - start > 1) sortByLow(low, order.subarray(start, end));
    start = end;
  }
  return start;
}

/** @param order - records of one high word: they compare as their slots do. */
function sortByLow(low: Uint32Array, order: Float64Array): void {
  const compare = (a: number, b: number): number => (low[slotOf(a)] ?? 0) - (low[slotOf(b)] ?? 0) || a - b;
  if (order.length > MAX_INSERTION) {
    order.sort(compare);
    return;
  }
  for (let at = 1; at < order.length; at++) {
    const record = order[at] ?? 0;
    let place = at;
    for (; place > 0 && compare(order[place - 1] ?? 0, record) > 0; place--) {
      order[place] = order[place - 1] ?? 0;
    }
    order[place] = record;
  }
}
