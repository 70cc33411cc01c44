/** The newest leaves, in memory: an open-addressing table over their keys. */
import { InvariantError } from "../../errors.ts";
import { HASH_BYTES } from "../../merkle/hash.ts";
import { type Keys, wordsOf } from "./key.ts";

/** Most leaves of one table: a slot has 20 bits for one more than a position. */
export const MAX_TABLE_LEAVES = 524_288;
const POSITION_BITS = 20;
const POSITION_MASK = 0xfffff;

/** Whether leaf `leafIndex` has the hash at `offset` of `hashes`: compared on all 32 bytes. */
export type ConfirmHash = (leafIndex: number, hashes: Uint8Array, offset: number) => boolean;

export interface MemtableOptions {
  /** The first leaf. */
  readonly from: number;
  /** How many leaves fit: a power of two, at most {@link MAX_TABLE_LEAVES}. */
  readonly capacity: number;
  /** Any 32-bit word an attacker does not know: it decides where keys lie, so nobody can make them collide. */
  readonly seed: number;
}

/** Leaves [from, from + count) by key. Of equal hashes it holds the first only, so a leaf that comes a million times costs nothing. */
export class Memtable {
  readonly from: number;
  readonly capacity: number;
  /** Keys by position, position 0 being leaf `from`. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #repeated: Uint8Array;
  readonly #shift: number;
  readonly #seed: number;
  #count = 0; // owned by append(), as are all arrays
  #records = 0;

  constructor({ from, capacity, seed }: MemtableOptions) {
    this.from = from;
    this.capacity = capacity;
    this.high = new Uint32Array(capacity);
    this.low = new Uint32Array(capacity);
    this.#slots = new Uint32Array(2 * capacity);
    this.#repeated = new Uint8Array(capacity);
    this.#shift = 32 - Math.log2(2 * capacity);
    this.#seed = seed;
  }

  /** How many leaves were appended. */
  get count(): number {
    return this.#count;
  }

  /** The leaf behind the last one. */
  get end(): number {
    return this.from + this.#count;
  }

  /** How many of them it holds: all but those whose hash an earlier one has. */
  get records(): number {
    return this.#records;
  }

  get isFull(): boolean {
    return this.#count === this.capacity;
  }

  isRepeated(position: number): boolean {
    return this.#repeated[position] === 1;
  }

  /** Adds the leaves whose hashes are the bytes [start, end) of `hashes`, as many as there is room for. @returns how many bytes it took. */
  append(hashes: Uint8Array, start: number, confirm: ConfirmHash): number {
    const words = wordsOf(hashes);
    const room = (this.capacity - this.#count) * HASH_BYTES;
    const end = Math.min(hashes.length, start + room);
    for (let at = start; at < end; at += HASH_BYTES) {
      const high = words.getUint32(at);
      const low = words.getUint32(at + 4);
      const position = this.#count;
      this.high[position] = high;
      this.low[position] = low;
      this.#count += 1;
      if (this.#place(high, low, position, hashes, at, confirm)) this.#records += 1;
      else this.#repeated[position] = 1;
    }
    return end - start;
  }

  /** Which of the keys the table may have: writes their positions. @returns how many. All others it has not. */
  select({ high, low, count }: Keys, selected: Uint32Array): number {
    const slots = this.#slots;
    const seed = this.#seed;
    const shift = this.#shift;
    const mask = slots.length - 1;
    let found = 0;
    for (let at = 0; at < count; at++) {
      const mixed = mix(seed, high[at] ?? 0, low[at] ?? 0);
      const mark = mixed & 0xfff;
      // A key that is there stands in its slot, or behind it: then no slot between them is free.
      for (let slot = mixed >>> shift; ; slot = (slot + 1) & mask) {
        const value = slots[slot] ?? 0;
        if (value === 0) break;
        if (value >>> POSITION_BITS !== mark) continue;
        selected[found] = at;
        found += 1;
        break;
      }
    }
    return found;
  }

  /** The smallest index of a leaf with the hash at `offset` of `hashes`, or -1. @param high - of its key, as is `low`. */
  find(high: number, low: number, hashes: Uint8Array, offset: number, confirm: ConfirmHash): number {
    const mixed = mix(this.#seed, high, low);
    const mark = mixed & 0xfff;
    const mask = this.#slots.length - 1;
    // Keys are never removed, so equal ones stand in the order they came: the first that fits is the smallest.
    for (let slot = mixed >>> this.#shift; ; slot = (slot + 1) & mask) {
      const value = this.#slots[slot] ?? 0;
      if (value === 0) return -1;
      if (value >>> POSITION_BITS !== mark) continue;
      const position = (value & POSITION_MASK) - 1;
      if (this.high[position] !== high || this.low[position] !== low) continue;
      if (confirm(this.from + position, hashes, offset)) return this.from + position;
    }
  }

  /** @returns false when an earlier leaf has the same hash. */
  #place(
    high: number,
    low: number,
    position: number,
    hashes: Uint8Array,
    offset: number,
    confirm: ConfirmHash,
  ): boolean {
    const mixed = mix(this.#seed, high, low);
    const mark = mixed & 0xfff;
    const mask = this.#slots.length - 1;
    let slot = mixed >>> this.#shift;
    for (; ; slot = (slot + 1) & mask) {
      const value = this.#slots[slot];
      if (value === undefined) throw new InvariantError("a slot outside the table");
      if (value === 0) break;
      if (value >>> POSITION_BITS !== mark) continue;
      const other = (value & POSITION_MASK) - 1;
      if (this.high[other] !== high || this.low[other] !== low) continue;
      if (confirm(this.from + other, hashes, offset)) return false;
    }
    this.#slots[slot] = ((mark << POSITION_BITS) | (position + 1)) >>> 0;
    return true;
  }
}

function mix(seed: number, high: number, low: number): number {
  const once = Math.imul(high ^ seed, 0x9e3779b1);
  return Math.imul(once ^ (once >>> 15) ^ low, 0x85ebca77) >>> 0;
}
