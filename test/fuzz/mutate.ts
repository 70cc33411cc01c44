/** Changes inputs the way libFuzzer and AFL do: a few small steps on top of each other, and pieces of other inputs. */
import { bytesOf } from "./target.ts";

/** In [0, 1). */
export type Random = () => number;

/** Numbers from a seed, so that a run can be made again. (mulberry32) */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0; // owned by the function below
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Mutator {
  readonly random: Random;
  /** Words worth trying: what the code compares with. */
  readonly words: readonly Uint8Array[];
  readonly maxBytes: number;
}

/** @param others - inputs to take pieces from. */
export function mutated(input: Uint8Array, others: readonly Uint8Array[], by: Mutator): Uint8Array {
  let bytes = input;
  const steps = 1 + Math.floor(by.random() ** 2 * 6);
  for (let step = 0; step < steps; step++) bytes = pick(STEPS, by.random)(bytes, others, by);
  return bytes.subarray(0, by.maxBytes);
}

type Step = (bytes: Uint8Array, others: readonly Uint8Array[], by: Mutator) => Uint8Array;

const flipBit: Step = (bytes, _, { random }) =>
  changed(
    bytes,
    (copy, at) => {
      copy[at] = (copy[at] ?? 0) ^ (1 << below(8, random));
    },
    random,
  );

const anyByte: Step = (bytes, _, { random }) =>
  changed(
    bytes,
    (copy, at) => {
      copy[at] = below(256, random);
    },
    random,
  );

const stepByte: Step = (bytes, _, { random }) =>
  changed(
    bytes,
    (copy, at) => {
      copy[at] = (copy[at] ?? 0) + (random() < 0.5 ? 1 : 255);
    },
    random,
  );

const edgeByte: Step = (bytes, _, { random }) =>
  changed(
    bytes,
    (copy, at) => {
      copy[at] = pick(EDGES, random);
    },
    random,
  );

const cutOut: Step = (bytes, _, { random }) => {
  const [start, end] = range(bytes.length, random);
  return spliced(bytes, { start, end, by: NOTHING });
};

const repeat: Step = (bytes, _, { random, maxBytes }) => {
  const [start, end] = range(bytes.length, random);
  const times = random() < 0.05 ? 1 + below(200, random) : 1;
  const piece = bytes.subarray(start, end);
  const many =
    piece.length * times > maxBytes ? piece : new Uint8Array(Buffer.concat(Array(times).fill(piece)));
  return spliced(bytes, { start: end, end, by: many });
};

const insertWord: Step = (bytes, _, { random, words }) => {
  const at = below(bytes.length + 1, random);
  return spliced(bytes, { start: at, end: at, by: pick(words, random) });
};

const overwriteWord: Step = (bytes, _, { random, words }) => {
  const word = pick(words, random);
  const at = below(bytes.length + 1, random);
  return spliced(bytes, { start: at, end: Math.min(bytes.length, at + word.length), by: word });
};

const insertBytes: Step = (bytes, _, { random }) => {
  const at = below(bytes.length + 1, random);
  const by = Uint8Array.from({ length: 1 + below(8, random) }, () => below(256, random));
  return spliced(bytes, { start: at, end: at, by });
};

const crossOver: Step = (bytes, others, { random }) => {
  const other = others.length === 0 ? bytes : pick(others, random);
  const [start, end] = range(other.length, random);
  const [from, to] = range(bytes.length, random);
  return spliced(bytes, { start: from, end: random() < 0.5 ? from : to, by: other.subarray(start, end) });
};

/** Lines are what most formats here are made of. */
const shuffleLines: Step = (bytes, _, { random }) => {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const from = below(lines.length, random);
  const [line = ""] = random() < 0.5 ? lines.splice(from, 1) : [lines[from] ?? ""];
  if (random() < 0.7) lines.splice(below(lines.length + 1, random), 0, line);
  return new Uint8Array(Buffer.from(lines.join("\n"), "latin1"));
};

/** A number in digits becomes another: one more, one less, an edge. */
const otherNumber: Step = (bytes, _, { random }) => {
  const text = Buffer.from(bytes).toString("latin1");
  const numbers = [...text.matchAll(/\d{1,20}/g)];
  if (numbers.length === 0) return bytes;
  const { 0: digits, index } = pick(numbers, random);
  const value = BigInt(digits);
  const next = pick(
    [value + 1n, value - 1n, value * 2n, value * 10n, value / 2n, 2n ** BigInt(below(66, random)), 0n],
    random,
  );
  const spelled = (next < 0n ? 0n : next).toString();
  const whole = text.slice(0, index) + spelled + text.slice(index + digits.length);
  return new Uint8Array(Buffer.from(whole, "latin1"));
};

const STEPS: readonly Step[] = [
  flipBit,
  anyByte,
  stepByte,
  edgeByte,
  cutOut,
  cutOut,
  repeat,
  insertWord,
  insertWord,
  overwriteWord,
  insertBytes,
  crossOver,
  crossOver,
  shuffleLines,
  otherNumber,
];

const NOTHING = new Uint8Array();
const EDGES = [0, 1, 0x0a, 0x0d, 0x20, 0x2b, 0x2f, 0x30, 0x39, 0x3d, 0x7f, 0x80, 0xff, 0xed, 0xef];

/** Worth trying everywhere: numbers at the edges of what numbers are, and text that is read in more than one way. */
export const COMMON_WORDS: readonly Uint8Array[] = [
  "0",
  "1",
  "255",
  "256",
  "65535",
  "65536",
  "4294967295",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551615",
  "1e3",
  "-1",
  "+1",
  "0x10",
  "\n\n",
  "\r\n",
  "=",
  "==",
  "\u2014 ",
  "\uFEFF",
  "\u0085",
  "\u2028",
  "\u202E",
  "__proto__",
  "constructor",
  "{}",
  "[[",
  '"',
  "%00",
  "..",
  "a".repeat(300),
].map(bytesOf);

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[below(items.length, random)] as T;
}

/** [start, end), mostly short. */
function range(length: number, random: Random): readonly [number, number] {
  const start = below(length + 1, random);
  return [start, Math.min(length, start + 1 + Math.floor(random() ** 3 * 64))];
}

function changed(
  bytes: Uint8Array,
  change: (copy: Uint8Array, at: number) => void,
  random: Random,
): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(below(256, random));
  const copy = new Uint8Array(bytes);
  change(copy, below(copy.length, random));
  return copy;
}

function spliced(
  bytes: Uint8Array,
  { start, end, by }: { readonly start: number; readonly end: number; readonly by: Uint8Array },
): Uint8Array {
  const whole = new Uint8Array(bytes.length - (end - start) + by.length);
  whole.set(bytes.subarray(0, start));
  whole.set(by, start);
  whole.set(bytes.subarray(end), start + by.length);
  return whole;
}
