import { TlogError } from "../src/errors.ts";
import { GrowingBytes } from "../src/tlog/growing-bytes.ts";
import { raceAbort } from "./waiting.ts";

/**
 * Reads a body to its end, however small its chunks. A Content-Length is not asked, it is only a claim.
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
  const bytes = new GrowingBytes();
  try {
    for (;;) {
      const { done, value } = await raceAbort(reader.read(), signal);
      if (done) return bytes.bytes().slice();
      if (bytes.length + value.length > maxBytes) {
        throw new TlogError("REMOTE_TOO_LARGE", `body: want at most ${maxBytes} bytes, got more`);
      }
      bytes.append(value);
    }
  } catch (error) {
    // Not awaited: a stream that does not end may not cancel either.
    reader.cancel().catch(() => {});
    throw error;
  }
}
