// biome-ignore-all lint/suspicious/noBitwiseOperators: words of 32 bits, as the standard defines it.
/**
 * SHA-256 in JavaScript, for runtimes without one that answers at once: WebCrypto's is awaited, and at the 65 bytes of a tree's node
 * ten times as slow. A call allocates nothing, which at that length is a third of what other implementations take.  FIPS 180-4
 */

export const SHA256_BYTES = 32;
const BLOCK_BYTES = 64;
const ROUNDS = 64;

const PRIMES = firstPrimes(ROUNDS);
// The first 32 bits of the fractional parts of the square roots of the first 8 primes, and of the cube roots of the first 64; an
// Int32Array drops the rest. The closest comes within 2^-8 of another value, the coarsest root is off by some 2^-18.  §5.3.3, §4.2.2
const INITIAL_STATE = Int32Array.from(PRIMES.slice(0, 8), (prime) => Math.sqrt(prime) * 2 ** 32);
const ROUND_CONSTANTS = Int32Array.from(PRIMES, (prime) => Math.cbrt(prime) * 2 ** 32);

// All of these are written and read in one synchronous call, but for `tails`.
const state = new Int32Array(8);
const schedule = new Int32Array(ROUNDS);
const lastBlocks = new Uint8Array(2 * BLOCK_BYTES);
// The schedules of the second block of a tree's node: all that differs there is the node's last byte. Each is made when first needed.
const NODE_BYTES = BLOCK_BYTES + 1;
const tails = new Int32Array(256 * ROUNDS);

/** Writes the 32-byte digest of `data` to out[offset, offset + 32). `data` and `out` may overlap. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  if (offset + SHA256_BYTES > out.length) throw new RangeError("want room for 32 bytes");
  state.set(INITIAL_STATE);
  const rest = data.length % BLOCK_BYTES;
  const whole = data.length - rest;
  for (let at = 0; at < whole; at += BLOCK_BYTES) compressBytes(data, at);
  if (data.length === NODE_BYTES) compress(tails, tailOf(data[whole] ?? 0));
  else compressLast(data, whole);
  for (let at = 0; at < SHA256_BYTES; at++) out[offset + at] = (state[at >> 2] ?? 0) >>> (24 - 8 * (at & 3));
}

/** Where in `tails` the schedule of a node's second block is.  §5.1.1 */
function tailOf(lastByte: number): number {
  const from = lastByte * ROUNDS;
  if (tails[from + 15] === 0) {
    tails[from] = (lastByte << 24) | (0x80 << 16);
    tails[from + 15] = NODE_BYTES * 8;
    expand(tails, from);
  }
  return from;
}

/** What is left of the data, 0x80, zeroes up to the last 8 bytes of a block, and there the length in bits.  §5.1.1 */
function compressLast(data: Uint8Array, from: number): void {
  const rest = data.length - from;
  const end = rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  lastBlocks.fill(0);
  for (let at = 0; at < rest; at++) lastBlocks[at] = data[from + at] ?? 0;
  lastBlocks[rest] = 0x80;
  let bits = data.length * 8;
  for (let at = end - 1; bits > 0; at--) {
    lastBlocks[at] = bits % 256;
    bits = Math.floor(bits / 256);
  }
  for (let at = 0; at < end; at += BLOCK_BYTES) compressBytes(lastBlocks, at);
}

function compressBytes(bytes: Uint8Array, from: number): void {
  for (let word = 0, at = from; word < 16; word++, at += 4) {
    schedule[word] =
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0);
  }
  expand(schedule, 0);
  compress(schedule, 0);
}

/** The message schedule: to the block's 16 words, the 48 made of them.  §6.2.2, step 1 */
function expand(words: Int32Array, from: number): void {
  for (let at = from + 16; at < from + ROUNDS; at++) {
    const x = words[at - 15] ?? 0;
    const y = words[at - 2] ?? 0;
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[at] = (words[at - 16] ?? 0) + sigma0 + (words[at - 7] ?? 0) + sigma1;
  }
}

/** One block, by its schedule: two rounds at a time, so that of the eight letters half as many change places.  §6.2.2 */
function compress(words: Int32Array, from: number): void {
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let round = 0; round < ROUNDS; round += 2) {
    const sigma1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    h = (h + sigma1 + (g ^ (e & (f ^ g))) + (ROUND_CONSTANTS[round] ?? 0) + (words[from + round] ?? 0)) | 0;
    d = (d + h) | 0;
    const sigma0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    h = (h + sigma0 + ((a & b) | (c & (a | b)))) | 0;
    const next1 = ((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7));
    const next = round + 1;
    g = (g + next1 + (f ^ (d & (e ^ f))) + (ROUND_CONSTANTS[next] ?? 0) + (words[from + next] ?? 0)) | 0;
    c = (c + g) | 0;
    const next0 = ((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10));
    g = (g + next0 + ((h & a) | (b & (h | a)))) | 0;
    const wasE = e;
    const wasF = f;
    e = c;
    f = d;
    c = a;
    d = b;
    a = g;
    b = h;
    g = wasE;
    h = wasF;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
  state[5] = (state[5] ?? 0) + f;
  state[6] = (state[6] ?? 0) + g;
  state[7] = (state[7] ?? 0) + h;
}

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime > 0)) primes.push(candidate);
  }
  return primes;
}
