import { type ErrorCode, TlogError } from "../errors.ts";
import { GrowingBytes } from "../tlog/growing-bytes.ts";
import type { ByteBudget } from "./byte-budget.ts";

/**
 * Reads a request body of at most `maxBytes`: a longer one is refused from its Content-Length, or at the first byte too
 * many, without reading on.
 * @returns the bytes, owned by the caller.
 * @throws {TlogError} BODY_TOO_LARGE | BODY_INCOMPLETE | CONTENT_ENCODING_UNSUPPORTED
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  assertPlain(request);
  const declaredBytes = declaredLength(request, maxBytes);
  if (declaredBytes === undefined) return (await readStream(request, { maxBytes })).slice();
  // The HTTP parser delivers no more than Content-Length says, so this buffer is bounded too.
  const bytes = new Uint8Array(await request.arrayBuffer().catch(refuseIncomplete));
  if (bytes.length !== declaredBytes) throw incomplete(`want ${declaredBytes} bytes, got ${bytes.length}`);
  return bytes;
}

/**
 * Like `readBody`, for large bodies: takes each piece from a shared budget as it arrives, so that many slow clients hold no
 * more than some twice what they sent. The caller gives back `bytes.length` when it is done with them.
 * @param limits.fullCode - what is thrown when the budget is spent. Default POOL_FULL.
 * @throws {TlogError} as readBody, and `fullCode`.
 */
export async function readLargeBody(
  request: Request,
  limits: { readonly maxBytes: number; readonly budget: ByteBudget; readonly fullCode?: ErrorCode },
): Promise<Uint8Array> {
  assertPlain(request);
  const declaredBytes = declaredLength(request, limits.maxBytes);
  const bytes = await readStream(request, limits);
  if (declaredBytes === undefined || bytes.length === declaredBytes) return bytes;
  limits.budget.give(bytes.length);
  throw incomplete(`want ${declaredBytes} bytes, got ${bytes.length}`);
}

async function readStream(
  request: Request,
  limits: { readonly maxBytes: number; readonly budget?: ByteBudget; readonly fullCode?: ErrorCode },
): Promise<Uint8Array> {
  const bytes = new GrowingBytes();
  const reader = request.body?.getReader();
  try {
    for (;;) {
      const { done, value } = (await reader?.read().catch(refuseIncomplete)) ?? { done: true };
      if (done) return bytes.bytes();
      if (bytes.length + value.length > limits.maxBytes) throw tooLarge(limits.maxBytes, "more");
      if (limits.budget?.take(value.length) === false) {
        throw new TlogError(limits.fullCode ?? "POOL_FULL", "too many large bodies are being received");
      }
      bytes.append(value);
    }
  } catch (error) {
    limits.budget?.give(bytes.length);
    reader?.cancel().catch(() => {}); // The listener closes the connection; a second failure adds nothing.
    throw error;
  }
}

/** An entry is the bytes of the body; a coding would make it unclear which bytes were logged. */
function assertPlain(request: Request): void {
  assertCoding(request, "Content-Encoding", "identity");
  assertCoding(request, "Transfer-Encoding", "chunked"); // Which the HTTP parser undoes; it leaves others in place.
}

function assertCoding(request: Request, header: string, wanted: string): void {
  const coding = request.headers.get(header);
  if (coding === null || coding.trim().toLowerCase() === wanted) return;
  throw new TlogError(
    "CONTENT_ENCODING_UNSUPPORTED",
    `${header}: want none or ${wanted}, got ${shown(coding)}`,
  );
}

/** Content-Length as a number; the HTTP parser has checked its form. undefined: the length is not known beforehand. */
function declaredLength(request: Request, maxBytes: number): number | undefined {
  const text = request.headers.get("Content-Length");
  if (text === null || request.headers.has("Transfer-Encoding")) return undefined;
  const length = /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : Number.POSITIVE_INFINITY;
  if (length > maxBytes) throw tooLarge(maxBytes, shown(text));
  return length;
}

function tooLarge(maxBytes: number, got: string): TlogError {
  return new TlogError("BODY_TOO_LARGE", `body: want at most ${maxBytes} bytes, got ${got}`);
}

function refuseIncomplete(cause: unknown): never {
  throw new TlogError("BODY_INCOMPLETE", "the connection ended inside the body", { cause });
}

function incomplete(message: string): TlogError {
  return new TlogError("BODY_INCOMPLETE", `body: ${message}`);
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
