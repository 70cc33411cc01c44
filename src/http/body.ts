import { type ErrorCode, TlogError } from "../errors.ts";
import { type ByteMemory, GrowingBytes } from "../tlog/growing-bytes.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Exchange } from "./exchange.ts";
import { readRequestBody } from "./exchange-hono.ts";

/** Where a body comes from. */
export type BodySource = Pick<Exchange, "header" | "readBody">;

/** The body of a fetch request. */
export function bodyOf(request: Request): BodySource {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    readBody: (take) => readRequestBody(request, take),
  };
}

/**
 * Reads a request body of at most `maxBytes`: a longer one is refused from its Content-Length, or at the first byte too
 * many, without reading on.
 * @returns the bytes, owned by the caller. A body that came in one piece, as small ones do, is that piece, not copied.
 * @throws {TlogError} BODY_TOO_LARGE | BODY_INCOMPLETE | CONTENT_ENCODING_UNSUPPORTED
 */
export async function readBody(source: BodySource, maxBytes: number): Promise<Uint8Array> {
  assertPlain(source);
  const declaredBytes = declaredLength(source, maxBytes);
  let only: Uint8Array | undefined;
  let joined: GrowingBytes | undefined;
  await source.readBody((piece) => {
    assertFits((joined ?? only)?.length ?? 0, piece, maxBytes);
    if (only === undefined) {
      only = piece;
      return;
    }
    if (joined === undefined) {
      joined = new GrowingBytes();
      joined.append(only);
    }
    joined.append(piece);
  });
  return complete(joined?.bytes().slice() ?? only ?? new Uint8Array(), declaredBytes);
}

/**
 * Like `readBody`, for large bodies: takes each piece from a shared budget as it arrives, so that many slow clients hold no
 * more than some twice what they sent. The caller gives back `length` to the budget when it is done with the bytes and, when nobody
 * else has them either, the memory too.
 * @param limits.memory - where the bytes lie. By default fresh memory.
 * @param limits.fullCode - what is thrown when the budget is spent. Default POOL_FULL.
 * @throws {TlogError} as readBody, and `fullCode`.
 */
export async function readLargeBody(
  source: BodySource,
  limits: {
    readonly maxBytes: number;
    readonly budget: ByteBudget;
    readonly memory?: ByteMemory;
    readonly fullCode?: ErrorCode;
  },
): Promise<GrowingBytes> {
  const { maxBytes, budget, fullCode = "POOL_FULL" } = limits;
  assertPlain(source);
  const declaredBytes = declaredLength(source, maxBytes);
  const body = new GrowingBytes(limits.memory);
  try {
    await source.readBody((piece) => {
      assertFits(body.length, piece, maxBytes);
      if (!budget.take(piece.length)) {
        throw new TlogError(fullCode, "too many large bodies are being received");
      }
      body.append(piece);
    });
    complete(body.bytes(), declaredBytes);
    return body;
  } catch (error) {
    budget.give(body.length);
    throw error;
  }
}

/** An entry is the bytes of the body; a coding would make it unclear which bytes were logged. */
function assertPlain(source: BodySource): void {
  assertCoding(source, "Content-Encoding", "identity");
  assertCoding(source, "Transfer-Encoding", "chunked"); // Which the HTTP parser undoes; it leaves others in place.
}

function assertCoding(source: BodySource, header: string, wanted: string): void {
  const coding = source.header(header.toLowerCase());
  if (coding === undefined || coding.trim().toLowerCase() === wanted) return;
  throw new TlogError(
    "CONTENT_ENCODING_UNSUPPORTED",
    `${header}: want none or ${wanted}, got ${shown(coding)}`,
  );
}

/** Content-Length as a number; the HTTP parser has checked its form. undefined: the length is not known beforehand. */
function declaredLength(source: BodySource, maxBytes: number): number | undefined {
  const text = source.header("content-length");
  if (text === undefined || source.header("transfer-encoding") !== undefined) return undefined;
  const length = /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : Number.POSITIVE_INFINITY;
  if (length > maxBytes) throw tooLarge(maxBytes, shown(text));
  return length;
}

function assertFits(takenBytes: number, piece: Uint8Array, maxBytes: number): void {
  if (takenBytes + piece.length > maxBytes) throw tooLarge(maxBytes, "more");
}

function complete(bytes: Uint8Array, declaredBytes: number | undefined): Uint8Array {
  if (declaredBytes === undefined || bytes.length === declaredBytes) return bytes;
  throw new TlogError("BODY_INCOMPLETE", `body: want ${declaredBytes} bytes, got ${bytes.length}`);
}

function tooLarge(maxBytes: number, got: string): TlogError {
  return new TlogError("BODY_TOO_LARGE", `body: want at most ${maxBytes} bytes, got ${got}`);
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
