/**
 * The default body of `#crypto`, for browsers, workers, Deno and Bun: the @noble libraries, no platform API.
 * Same verdicts, byte for byte, as `src/node/crypto.ts`.
 */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

/** @returns the 32-byte SHA-256 digest, in memory of its own. */
export function sha256(data: Uint8Array): Uint8Array {
  return nobleSha256(data);
}

/** Writes the 32-byte SHA-256 digest of `data` to out[offset, offset + 32). `data` and `out` may overlap. */
export function sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void {
  out.set(nobleSha256(data), offset);
}
