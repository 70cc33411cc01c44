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

// All of these are written and read in one synchronous call.
const state = new Int32Array(8);
const schedule = new Int32Array(ROUNDS);
const lastBlocks = new Uint8Array(2 * BLOCK_BYTES);

/** Writes the 32-byte digest of `data` to out[offset, offset + 32). `data` and `out` may overlap. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  if (offset + SHA256_BYTES > out.length) throw new RangeError("want room for 32 bytes");
  state.set(INITIAL_STATE);
  const rest = data.length % BLOCK_BYTES;
  const whole = data.length - rest;
  for (let at = 0; at < whole; at += BLOCK_BYTES) compress(data, at);
  // 0x80, zeroes up to the last 8 bytes of a block, and there the length in bits.  §5.1.1
  const end = rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
  lastBlocks.fill(0);
  for (let at = 0; at < rest; at++) lastBlocks[at] = data[whole + at] ?? 0;
  lastBlocks[rest] = 0x80;
  let bits = data.length * 8;
  for (let at = end - 1; bits > 0; at--) {
    lastBlocks[at] = bits % 256;
    bits = Math.floor(bits / 256);
  }
  compress(lastBlocks, 0);
  if (end > BLOCK_BYTES) compress(lastBlocks, BLOCK_BYTES);
  for (let at = 0; at < SHA256_BYTES; at++) out[offset + at] = (state[at >> 2] ?? 0) >>> (24 - 8 * (at & 3));
}

/** One block.  §6.2.2 */
function compress(bytes: Uint8Array, from: number): void {
  expand(bytes, from);
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sigma1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const constant = (ROUND_CONSTANTS[round] ?? 0) + (schedule[round] ?? 0);
    const t1 = (h + sigma1 + (g ^ (e & (f ^ g))) + constant) | 0;
    const sigma0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (sigma0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
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

/** The message schedule: the block's 16 words, and 48 made of them.  §6.2.2, step 1 */
function expand(bytes: Uint8Array, from: number): void {
  for (let word = 0, at = from; word < 16; word++, at += 4) {
    schedule[word] =
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0);
  }
  for (let word = 16; word < ROUNDS; word++) {
    const x = schedule[word - 15] ?? 0;
    const y = schedule[word - 2] ?? 0;
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    schedule[word] = (schedule[word - 16] ?? 0) + sigma0 + (schedule[word - 7] ?? 0) + sigma1;
  }
}

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime > 0)) primes.push(candidate);
  }
  return primes;
}
