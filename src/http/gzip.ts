import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** Below this a gzip header eats what compression saves. */
const MIN_BYTES = 256;

/** Fast on purpose: entries are often incompressible, and a CDN in front compresses once. */
const LEVEL = 3;

const compress = promisify(gzip);

/**
 * Compresses off the main thread, at most `maxConcurrent` bodies at a time, so that readers cannot occupy the thread pool.
 * @returns a function that yields the gzip form, or undefined when the body is better sent as it is.
 */
export function gzipper(maxConcurrent: number): (bytes: Uint8Array) => Promise<Uint8Array | undefined> {
  let running = 0; // owned by the returned function
  return async (bytes) => {
    if (bytes.length < MIN_BYTES || running >= maxConcurrent) return undefined;
    running += 1;
    try {
      return await compress(bytes, { level: LEVEL });
    } finally {
      running -= 1;
    }
  };
}
