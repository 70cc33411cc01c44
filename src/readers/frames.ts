/**
 * How entries travel from a reader to the writer, and where they are in the log back: in frames, over a Unix socket that carries
 * nothing else, between two processes of one program.
 *
 *     frame         = number length payload    both uint32, big-endian; an answer has the number of what it answers
 *     to the writer : payload = one entry or more in bundle encoding
 *     back          : payload = 0x00 duplicates(uint32) position(uint32)... leafIndex(float64)... leafHash(32 bytes)...
 *                             | 0x01 JSON {code, message}
 */
import { type ErrorCode, InvariantError, TlogError } from "../errors.ts";
import { PROBLEM_KINDS } from "../http/status.ts";
import type { AppendedBlock } from "../log/log.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { messageOf } from "../node/errno.ts";

/** Of the entries of one frame, with their lengths. Large enough that a frame costs next to nothing beside what it carries. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** Frames of one reader that may be unanswered: one is integrated, and the next is there when the log wants it. */
export const MAX_UNDER_WAY = 2;

const HEAD_BYTES = 8;
const ADDED = 0;
const REFUSED = 1;

/** The longest answer: to a frame of empty entries, of two bytes each, all of them duplicates. */
export const MAX_ANSWER_BYTES = addedBytes(MAX_FRAME_BYTES / 2, MAX_FRAME_BYTES / 2);

/** A frame of so many bytes, its payload still to be written: at the second element. */
export function newFrame(number: number, payloadBytes: number): readonly [frame: Buffer, payload: Buffer] {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payloadBytes);
  frame.writeUInt32BE(number, 0);
  frame.writeUInt32BE(payloadBytes, 4);
  return [frame, frame.subarray(HEAD_BYTES)];
}

/** The writer's answer. */
export function encodeAdded(number: number, added: AppendedBlock): Buffer {
  const { leafIndices, duplicates, leafHashes } = added;
  const [frame, payload] = newFrame(number, addedBytes(leafIndices.length, duplicates.length));
  payload.writeUInt8(ADDED, 0);
  let at = payload.writeUInt32BE(duplicates.length, 1);
  for (const position of duplicates) at = payload.writeUInt32BE(position, at);
  // Exact for every safe integer.
  for (const leafIndex of leafIndices) at = payload.writeDoubleBE(leafIndex, at);
  payload.set(leafHashes, at);
  return frame;
}

/** The writer's answer to a frame of which it added nothing. */
export function encodeRefused(number: number, error: unknown): Buffer {
  const code = error instanceof TlogError ? error.code : "";
  const said = Buffer.from(JSON.stringify({ code, message: messageOf(error) }), "utf8");
  const [frame, payload] = newFrame(number, 1 + said.length);
  payload.writeUInt8(REFUSED, 0);
  payload.set(said, 1);
  return frame;
}

/**
 * Reads an answer.
 * @param payload - kept: the hashes are a part of it.
 * @param count - how many entries the frame had.
 * @throws what the log threw: {@link TlogError}, or InvariantError for what no client should see
 */
export function decodeAnswer(payload: Buffer, count: number): AppendedBlock {
  if (payload.readUInt8(0) === REFUSED) throw refusalOf(payload.toString("utf8", 1));
  const duplicateCount = payload.readUInt32BE(1);
  if (payload.length !== addedBytes(count, duplicateCount)) {
    throw new InvariantError(`an answer of ${payload.length} bytes about ${count} entries`);
  }
  const duplicates = Array.from({ length: duplicateCount }, (_, at) => payload.readUInt32BE(5 + 4 * at));
  const start = 5 + 4 * duplicateCount;
  const leafIndices = Array.from({ length: count }, (_, at) => payload.readDoubleBE(start + 8 * at));
  return { leafIndices, duplicates, leafHashes: payload.subarray(start + 8 * count) };
}

function addedBytes(entries: number, duplicates: number): number {
  return 5 + 4 * duplicates + (8 + HASH_BYTES) * entries;
}

function refusalOf(json: string): Error {
  const said: unknown = JSON.parse(json);
  const { code, message } = typeof said === "object" && said !== null ? members(said) : members({});
  return isKnown(code) ? new TlogError(code, message) : new InvariantError(`the writer failed: ${message}`);
}

function members(said: object): { readonly code: string; readonly message: string } {
  return {
    code: "code" in said ? String(said.code) : "",
    message: "message" in said ? String(said.message) : "",
  };
}

/** Whether clients may see it; all others look alike to them. */
function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(PROBLEM_KINDS, code);
}

/** Puts frames together from the pieces in which a socket gives them. */
export class FrameReader {
  readonly #maxPayloadBytes: number;
  readonly #onFrame: (number: number, payload: Buffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES); // owned by push()
  #payload: Buffer | undefined; // owned by push()
  #filled = 0; // owned by push(): bytes of head or payload that are there

  /** @param onFrame - gets each payload to keep. */
  constructor(maxPayloadBytes: number, onFrame: (number: number, payload: Buffer) => void) {
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#onFrame = onFrame;
  }

  /** @throws {InvariantError} a frame of no size, or of a size that nobody sends */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      const into = this.#payload ?? this.#head;
      const taken = Math.min(into.length - this.#filled, piece.length - at);
      into.set(piece.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < into.length) return;
      this.#filled = 0;
      if (this.#payload === undefined) this.#payload = Buffer.allocUnsafeSlow(this.#payloadBytes());
      else {
        this.#payload = undefined;
        this.#onFrame(this.#head.readUInt32BE(0), into);
      }
    }
  }

  #payloadBytes(): number {
    const bytes = this.#head.readUInt32BE(4);
    if (bytes > 0 && bytes <= this.#maxPayloadBytes) return bytes;
    throw new InvariantError(`want a frame of 1 to ${this.#maxPayloadBytes} bytes, got ${bytes}`);
  }
}
