import { TlogError } from "../src/errors.ts";
import { raceAbort } from "./waiting.ts";

/**
 * Reads a body to its end. It grows one buffer instead of keeping chunks, so that a million chunks of one byte cost no more
 * than one chunk of a million; a Content-Length is not asked, it is only a claim.
 * @param maxBytes - as soon as more came, the stream is cancelled.
 * @throws {TlogError} REMOTE_TOO_LARGE; the signal's reason when it aborts; whatever the stream fails with.
 */
export async function readBounded(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array(0);
  const reader = stream.getReader();
  let buffer = new Uint8Array(Math.min(maxBytes, 16_384));
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await raceAbort(reader.read(), signal);
      if (done) return buffer.slice(0, length);
      const needed = length + value.length;
      if (needed > maxBytes) {
        throw new TlogError("REMOTE_TOO_LARGE", `body: want at most ${maxBytes} bytes, got more`);
      }
      if (needed > buffer.length)
        buffer = grown(buffer, Math.min(maxBytes, Math.max(needed, 2 * buffer.length)));
      buffer.set(value, length);
      length = needed;
    }
  } catch (error) {
    // Not awaited: a stream that does not end may not cancel either.
    reader.cancel().catch(() => {});
    throw error;
  }
}

function grown(buffer: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(buffer);
  return larger;
}
