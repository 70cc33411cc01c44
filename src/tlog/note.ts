/**
 * text, ending in a newline || "\n" || one or more "— " + key name + " " + base64(u32 key ID || signature) + "\n".
 * c2sp.org/signed-note, format
 */
import { TlogError } from "../errors.ts";
import {
  concatBytes,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUint32,
  encodeUtf8,
  readUint32,
} from "./encoding.ts";
import { isKeyName, keyLabel, type NoteSigner, type NoteVerifier, type VerifierKey } from "./key.ts";

/** 16 signatures of nearly 5 kB must be accepted (signed-note, format): as base64 these are 107 kB. */
export const MAX_NOTE_BYTES = 128 * 1024;
const MAX_SIGNATURES = 100;
const KEY_ID_BYTES = 4;
const SIGNATURE_PREFIX = "— ";
const NEWLINE = 0x0a;

export interface NoteSignature {
  readonly name: string;
  /** Unsigned 32-bit. */
  readonly keyId: number;
  /** What follows the key ID: at least 1 byte. */
  readonly payload: Uint8Array;
  /** The line as it came, without its newline: two spellings of one payload stay two lines. */
  readonly line: string;
}

/** A note taken apart; nothing is verified. */
export interface Note {
  /** UTF-8, final newline included: the bytes that are signed. */
  readonly text: Uint8Array;
  readonly signatures: readonly NoteSignature[];
}

/** A signature that verified, and the key that made it. */
export interface VerifiedSignature {
  readonly verifierKey: VerifierKey;
  readonly signature: NoteSignature;
}

/** A note at least one known key signed. */
export interface VerifiedNote {
  readonly text: Uint8Array;
  /** In the order of the note's lines, at most one a key. */
  readonly verified: readonly VerifiedSignature[];
}

/**
 * Parses a note; formatNote(parseNote(x)) is x.
 * @param options.maxBytes - refused above, by default {@link MAX_NOTE_BYTES}.
 * @throws {TlogError} NOTE_MALFORMED: one bad signature line, known or not, spoils the whole note
 */
export function parseNote(signedNote: Uint8Array, options?: { readonly maxBytes?: number }): Note {
  const { textBytes, signatures } = splitNote(signedNote, options);
  return { text: new Uint8Array(signedNote.subarray(0, textBytes)), signatures };
}

/** A note taken apart without a copy of its text: that is its first `textBytes` bytes. */
export interface SplitNote {
  /** Decoded. */
  readonly body: string;
  readonly textBytes: number;
  readonly signatures: readonly NoteSignature[];
}

/** As {@link parseNote}, for who holds on to the note's bytes anyway. */
export function splitNote(
  signedNote: Uint8Array,
  { maxBytes = MAX_NOTE_BYTES }: { readonly maxBytes?: number } = {},
): SplitNote {
  if (signedNote.length > maxBytes) {
    throw new TlogError("NOTE_MALFORMED", `want at most ${maxBytes} bytes, got ${signedNote.length}`);
  }
  const note = decodeNoteText(signedNote);
  // The text may hold empty lines: the last one separates.
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw new TlogError("NOTE_MALFORMED", "no empty line before the signatures");
  const lines = note.slice(split + 2).split("\n");
  if (lines.pop() !== "") throw new TlogError("NOTE_MALFORMED", "the last line does not end with a newline");
  if (lines.length === 0 || lines.length > MAX_SIGNATURES) {
    throw new TlogError("NOTE_MALFORMED", `want 1 to ${MAX_SIGNATURES} signatures, got ${lines.length}`);
  }
  const body = note.slice(0, split + 1);
  return { body, textBytes: emptyLineIn(signedNote), signatures: lines.map(parseSignatureLine) };
}

/** The note's bytes, signature lines verbatim. */
export function formatNote({ text, signatures }: Note): Uint8Array {
  return concatBytes(text, encodeUtf8(`\n${signatures.map(({ line }) => `${line}\n`).join("")}`));
}

/** The signature line of a key. @param payload - what follows the key ID. */
export function noteSignature({ name, keyId }: VerifierKey, payload: Uint8Array): NoteSignature {
  const line = `${SIGNATURE_PREFIX}${name} ${encodeBase64(concatBytes(encodeUint32(keyId), payload))}`;
  return { name, keyId, payload, line };
}

/**
 * Parses "— example.com/foo Uw2QOkn8…", newline not included.
 * @throws {TlogError} NOTE_MALFORMED
 */
export function parseSignatureLine(line: string): NoteSignature {
  const nameEnd = line.indexOf(" ", SIGNATURE_PREFIX.length);
  const name = line.slice(SIGNATURE_PREFIX.length, nameEnd);
  if (!line.startsWith(SIGNATURE_PREFIX) || nameEnd < 0 || !isKeyName(name)) {
    throw new TlogError("NOTE_MALFORMED", "want a signature line: — name base64");
  }
  const bytes = decodeSignatureBytes(line.slice(nameEnd + 1));
  if (bytes.length <= KEY_ID_BYTES) {
    throw new TlogError("NOTE_MALFORMED", `want a key ID and a signature, got ${bytes.length} bytes`);
  }
  return { name, keyId: readUint32(bytes, 0), payload: bytes.subarray(KEY_ID_BYTES), line };
}

/**
 * Signs a text with every signer, in order.
 * @param text - UTF-8 that ends in a newline and holds no other control character; not kept.
 * @throws {TlogError} ARGUMENT_INVALID, and what the signers throw
 */
export async function signNote(text: Uint8Array, signers: readonly NoteSigner[]): Promise<Uint8Array> {
  if (signers.length === 0) throw new TlogError("ARGUMENT_INVALID", "want at least one signer, got none");
  if (!isNoteText(text))
    throw new TlogError("ARGUMENT_INVALID", "want UTF-8 lines without control characters");
  const signatures = await Promise.all(
    signers.map(async (signer) => noteSignature(signer.verifierKey, await signer.sign(text))),
  );
  return formatNote({ text, signatures });
}

/**
 * Opens a note: {@link parseNote}, then {@link verifyNote}.
 * @throws {TlogError} NOTE_MALFORMED | SIGNATURE_INVALID | SIGNATURE_MISSING
 */
export async function openNote(
  signedNote: Uint8Array,
  verifiers: readonly NoteVerifier[],
  options?: { readonly maxBytes?: number },
): Promise<VerifiedNote> {
  return verifyNote(parseNote(signedNote, options), verifiers);
}

/**
 * Checks every known key's signature, each once, on its first line: later lines of the same name and key ID are dropped.
 * Lines of unknown keys are ignored, even when the name or the key ID alone is known.
 * @throws {TlogError} SIGNATURE_INVALID (a known key's line does not verify) | SIGNATURE_MISSING (no line of a known key)
 */
export async function verifyNote(
  { text, signatures }: Note,
  verifiers: readonly NoteVerifier[],
): Promise<VerifiedNote> {
  const known = indexByKey(verifiers);
  const verified: VerifiedSignature[] = [];
  for (const signature of signatures) {
    const label = keyLabel(signature);
    const verifier = known.get(label);
    if (verifier === undefined || !known.delete(label)) continue;
    if (!(await verifier.verify({ text, payload: signature.payload }))) {
      throw new TlogError("SIGNATURE_INVALID", `the signature of ${signature.name} does not verify`);
    }
    verified.push({ verifierKey: verifier.verifierKey, signature });
  }
  if (verified.length === 0) throw new TlogError("SIGNATURE_MISSING", "no known key signed the note");
  return { text, verified };
}

// Two keys with one name and one key ID: which of them a line means is undecidable, so neither is used.
function indexByKey(verifiers: readonly NoteVerifier[]): Map<string, NoteVerifier> {
  const known = new Map(verifiers.map((verifier) => [keyLabel(verifier.verifierKey), verifier]));
  if (known.size === verifiers.length) return known;
  throw new TlogError("ARGUMENT_INVALID", "two of the given keys have the same name and key ID");
}

/** Where the last empty line of a note that has one begins: in UTF-8, a newline's byte is nothing else. */
function emptyLineIn(signedNote: Uint8Array): number {
  let at = signedNote.length - 1;
  while (signedNote[at] !== NEWLINE || signedNote[at - 1] !== NEWLINE) at--;
  return at;
}

function isNoteText(text: Uint8Array): boolean {
  try {
    return decodeNoteText(text).endsWith("\n");
  } catch {
    return false;
  }
}

function decodeNoteText(bytes: Uint8Array): string {
  // No callback a byte: a note may be long, and anybody may send one.
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x20 || byte === NEWLINE) continue;
    throw new TlogError(
      "NOTE_MALFORMED",
      `want no control character but newline, got 0x${encodeHex(Uint8Array.of(byte))}`,
    );
  }
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new TlogError("NOTE_MALFORMED", "want valid UTF-8", { cause });
  }
}

// As Go does, whatever bits stand before the padding: the line is kept, so nothing is lost.
function decodeSignatureBytes(base64: string): Uint8Array {
  try {
    return decodeBase64(base64, { paddingBits: "ignored" });
  } catch (cause) {
    throw new TlogError("NOTE_MALFORMED", "a signature is not base64", { cause });
  }
}
