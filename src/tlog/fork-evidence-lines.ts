/** Which signature lines a piece of evidence keeps. A line that nobody verified is what a stranger wrote.  spec/fork-evidence.md, keeping */
import { TlogError } from "../errors.ts";
import { bytesEqual } from "./encoding.ts";
import { formatOpenedEvidence, type OpenedEvidence, openForkEvidence } from "./fork-evidence-text.ts";
import { keyLabel, type MlDsaOptions, type VerifierKey, verifierFor } from "./key.ts";
import type { Note, NoteSignature, VerifiedSignature } from "./note.ts";

/** The lines of these keys that verify: of each key the first, as whoever reads the note takes it. */
export async function verifiedLines(
  note: Note,
  keys: readonly VerifierKey[],
  options: MlDsaOptions,
): Promise<readonly VerifiedSignature[]> {
  const known = new Map(keys.map((key) => [keyLabel(key), key]));
  const verified: VerifiedSignature[] = [];
  for (const signature of linesOf(note, keys)) {
    const verifierKey = known.get(keyLabel(signature));
    if (verifierKey === undefined) continue;
    const claim = { text: note.text, payload: signature.payload };
    if (await verifierFor(verifierKey, options).verify(claim)) verified.push({ verifierKey, signature });
  }
  return verified;
}

/** The evidence with the first line of each of these keys and no other; nothing is verified. */
export function withLinesOf(evidence: OpenedEvidence, keys: readonly VerifierKey[]): OpenedEvidence {
  const notes = evidence.notes.map((note) => ({ ...note, signatures: linesOf(note, keys) }));
  return { ...evidence, notes };
}

/**
 * One file of two with the same statement: the lines of both, or, when their notes differ in extension lines, the file with more.
 * @param held - stays when nothing is gained, or when the file would be larger than can be read: then `held` itself is returned.
 */
export function joinEvidence(held: OpenedEvidence, found: OpenedEvidence): OpenedEvidence {
  const isOneText = held.notes.every(({ text }, at) => bytesEqual(text, textOf(found.notes[at])));
  const notes = isOneText ? held.notes.map((note, at) => withLines(note, found.notes[at])) : found.notes;
  const joined = { ...held, notes };
  return lineCount(joined) > lineCount(held) && isReadable(joined) ? joined : held;
}

function linesOf({ signatures }: Note, keys: readonly VerifierKey[]): readonly NoteSignature[] {
  const wanted = new Set(keys.map(keyLabel));
  return signatures.filter((signature) => wanted.delete(keyLabel(signature)));
}

function withLines(note: Note, other: Note | undefined): Note {
  const own = new Set(note.signatures.map(keyLabel));
  const more = (other?.signatures ?? []).filter((signature) => !own.has(keyLabel(signature)));
  return { ...note, signatures: [...note.signatures, ...more] };
}

function textOf(note: Note | undefined): Uint8Array {
  return note?.text ?? new Uint8Array(0);
}

function lineCount({ notes }: OpenedEvidence): number {
  return notes.reduce((sum, { signatures }) => sum + signatures.length, 0);
}

function isReadable(evidence: OpenedEvidence): boolean {
  try {
    openForkEvidence(formatOpenedEvidence(evidence));
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
}
