/** What a body is without its Content-Encoding. */

/** A full bundle of the largest entries, and some. */
const MAX_DECODED_BYTES = 32 * 1024 * 1024;

/**
 * Undoes gzip, or nothing.
 * @returns undefined when the encoding is another one, when the body is not so encoded, and when it becomes larger than 32 MiB.
 */
export async function decodeContent(
  body: Uint8Array,
  contentEncoding: string,
): Promise<Uint8Array | undefined> {
  const encoding = contentEncoding.trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return body;
  if (encoding !== "gzip" && encoding !== "x-gzip") return undefined;
  try {
    return await readAll(
      new Blob([new Uint8Array(body)]).stream().pipeThrough(new DecompressionStream("gzip")),
    );
  } catch {
    return undefined; // whatever the platform throws: the bytes are not gzip
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream, and what is left of it is not decoded.
  for await (const part of iterate(stream)) {
    length += part.length;
    if (length > MAX_DECODED_BYTES) return undefined;
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}
