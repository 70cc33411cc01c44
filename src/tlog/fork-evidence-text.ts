/**
 * The statement (`fork-evidence-statement.ts`), then "\n", and for each head "note <length in bytes>\n" and its signed note, verbatim.
 * Files end in ".tlog-evidence".  spec/fork-evidence.md, format
 */
import { TlogError } from "../errors.ts";
import { parseCheckpoint } from "./checkpoint-body.ts";
import { bytesEqual, concatBytes, decodeUtf8, encodeUtf8, formatDecimal, parseDecimal } from "./encoding.ts";
import {
  after,
  type EvidenceHead,
  type ForkStatement,
  formatForkStatement,
  malformed,
  parseForkStatement,
} from "./fork-evidence-statement.ts";
import { formatNote, type Note, parseNote } from "./note.ts";

/** Two notes of 128 KiB, and room for a statement with a long origin. */
export const MAX_EVIDENCE_BYTES = 512 * 1024;
const NEWLINE = 0x0a;

/** An evidence file taken apart; nothing is verified. */
export interface ForkEvidence extends ForkStatement {
  /** The signed note of each head, verbatim, in the order of the heads. */
  readonly notes: readonly Uint8Array[];
}

/** The same, taken apart to the signature lines: each note says what its head says. Made by {@link openForkEvidence} only. */
export interface OpenedEvidence extends ForkStatement {
  /** In the order of the heads. */
  readonly notes: readonly Note[];
}

/**
 * Parses an evidence file; formatForkEvidence(parseForkEvidence(x)) === x. Each note says what its head says.
 * @param evidence - at most 512 KiB; bytes are read as UTF-8.
 * @throws {TlogError} EVIDENCE_MALFORMED
 */
export function parseForkEvidence(evidence: string | Uint8Array): ForkEvidence {
  const opened = openForkEvidence(evidence);
  return { ...opened, notes: opened.notes.map(formatNote) };
}

/** As `parseForkEvidence`, for who goes on with the lines: a file may take milliseconds, so it is read once. */
export function openForkEvidence(evidence: string | Uint8Array): OpenedEvidence {
  if (evidence.length > MAX_EVIDENCE_BYTES) throw tooLarge();
  try {
    return openBytes(typeof evidence === "string" ? encodeUtf8(evidence) : evidence);
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code === "EVIDENCE_MALFORMED") throw cause;
    throw malformed(cause.message, cause);
  }
}

/**
 * The evidence file's text.
 * @throws {TlogError} EVIDENCE_MALFORMED when it could not be read back, for example for a note that does not say what its head says
 */
export function formatForkEvidence(evidence: ForkEvidence): string {
  const bytes = evidenceBytes(evidence, evidence.notes);
  openForkEvidence(bytes);
  return decodeUtf8(bytes);
}

/** The file of what was opened; openForkEvidence reads it back. */
export function formatOpenedEvidence(evidence: OpenedEvidence): Uint8Array {
  return evidenceBytes(evidence, evidence.notes.map(formatNote));
}

function evidenceBytes(statement: ForkStatement, notes: readonly Uint8Array[]): Uint8Array {
  const parts = notes.flatMap((note) => [encodeUtf8(`note ${formatDecimal(note.length)}\n`), note]);
  return concatBytes(encodeUtf8(`${formatForkStatement(statement)}\n`), ...parts);
}

function openBytes(bytes: Uint8Array): OpenedEvidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw tooLarge();
  const end = statementEnd(bytes);
  const statement = parseForkStatement(decodeUtf8(bytes.subarray(0, end)));
  const { heads } = statement.contradiction;
  const notes = cutNotes(bytes.subarray(end + 1), heads.length).map((note) => parseNote(note));
  for (const [at, head] of heads.entries()) assertSaysSo(notes[at], { origin: statement.origin, ...head });
  return { ...statement, notes };
}

/** Where the empty line behind the statement is. */
function statementEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    if (bytes[at + 1] === NEWLINE) return at + 1;
  }
  throw malformed("no empty line after the statement");
}

function cutNotes(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const notes: Uint8Array[] = [];
  let rest = bytes;
  for (let at = 0; at < count; at++) {
    const end = rest.subarray(0, 20).indexOf(NEWLINE);
    if (end < 0) throw malformed("want: note <length>");
    const start = end + 1;
    const length = parseDecimal(after("note ", decodeUtf8(rest.subarray(0, end))));
    if (start + length > rest.length) throw malformed("a note is cut short");
    notes.push(rest.slice(start, start + length));
    rest = rest.subarray(start + length);
  }
  if (rest.length > 0) throw malformed("want nothing after the notes");
  return notes;
}

function assertSaysSo(note: Note | undefined, head: EvidenceHead & { readonly origin: string }): void {
  const { origin, treeSize, rootHash } = parseCheckpoint(decodeUtf8(note?.text ?? new Uint8Array(0)));
  if (origin !== head.origin || treeSize !== head.treeSize || !bytesEqual(rootHash, head.rootHash)) {
    throw malformed(`the note of size ${treeSize} does not say what its head line says`);
  }
}

function tooLarge(): TlogError {
  return malformed(`want at most ${MAX_EVIDENCE_BYTES} bytes`);
}
