/** Cosignatures as witnesses answer with them: verified one by one, and put beside the log's own signatures. */
import { TlogError } from "../errors.ts";
import { COSIGNATURE_V1, decodeTimestampedSignature, ML_DSA_44 } from "../tlog/cosignature.ts";
import { keyLabel, type MlDsaOptions, verifierFor } from "../tlog/key.ts";
import { formatNote, MAX_NOTE_BYTES, type Note, type NoteSignature, parseNote } from "../tlog/note.ts";
import type { PolicyWitness } from "../tlog/policy.ts";

/** Signature lines every reader takes: see parseNote. */
const MAX_LINES = 100;

/** A cosignature that verified, of one witness of the policy. */
export interface Cosignature {
  /** What the policy calls the witness. */
  readonly name: string;
  /** POSIX seconds, at least 1. */
  readonly timestampSeconds: number;
  readonly signature: NoteSignature;
}

/**
 * Finds and verifies a witness's cosignature of exactly this checkpoint text: the first line of its key counts, all others are
 * ignored, so that an answer costs one verification a key.
 * @throws {TlogError} SIGNATURE_MISSING (no line of the key) | SIGNATURE_INVALID | COSIGNATURE_MALFORMED (without a time, which
 *   add-checkpoint forbids)
 */
export async function verifiedCosignature(
  { name, key }: PolicyWitness,
  claim: { readonly text: Uint8Array; readonly lines: readonly NoteSignature[] },
  options: MlDsaOptions = {},
): Promise<Cosignature> {
  const label = keyLabel(key);
  const signature = claim.lines.find((line) => keyLabel(line) === label);
  if (signature === undefined) throw new TlogError("SIGNATURE_MISSING", `no line of the key ${label}`);
  const verifier = verifierFor(key, options);
  if (!(await verifier.verify({ text: claim.text, payload: signature.payload }))) {
    throw new TlogError("SIGNATURE_INVALID", `the line of ${label} is no cosignature of this checkpoint`);
  }
  const type = key.type === ML_DSA_44 ? ML_DSA_44 : COSIGNATURE_V1;
  const { timestampSeconds } = decodeTimestampedSignature(type, signature.payload);
  if (timestampSeconds > 0) return { name, timestampSeconds, signature };
  throw new TlogError("COSIGNATURE_MALFORMED", `the line of ${label} states no time`);
}

/** The cosignatures a note holds already; lines that do not verify are nobody's. */
export async function cosignaturesIn(
  signedNote: Uint8Array,
  witnesses: readonly PolicyWitness[],
): Promise<readonly Cosignature[]> {
  const { text, signatures: lines } = parseNote(signedNote);
  const found = await Promise.allSettled(
    witnesses.map((witness) => verifiedCosignature(witness, { text, lines })),
  );
  return found.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** The note with the log's own signature lines alone. @param labels - of the log's keys. */
export function withoutCosignatures(signedNote: Uint8Array, labels: ReadonlySet<string>): Uint8Array {
  const { text, signatures } = parseNote(signedNote);
  return formatNote({ text, signatures: signatures.filter((line) => labels.has(keyLabel(line))) });
}

/** Whether a note has a line of every key that `other` has one of. */
export function hasKeysOf(signedNote: Uint8Array, other: Uint8Array): boolean {
  const labels = new Set(parseNote(signedNote).signatures.map(keyLabel));
  return parseNote(other).signatures.every((line) => labels.has(keyLabel(line)));
}

/** The note with these cosignatures: each takes the place of its key's line, all other lines stay. */
export function withCosignatures(signedNote: Uint8Array, cosignatures: readonly Cosignature[]): Uint8Array {
  return formatNote(joined(signedNote, cosignatures));
}

/**
 * A published note with what witnesses said since. Lines of keys nobody asks any more stay, for readers with an earlier policy,
 * until all do not fit into one note: then the log's own and a quorum's are enough, and anything less changes nothing.
 */
export function mergedNote(
  published: Uint8Array,
  said: {
    /** The note with the log's own signatures alone. */
    readonly own: Uint8Array;
    readonly isQuorumMet: boolean;
    readonly cosignatures: readonly Cosignature[];
  },
): Uint8Array {
  const note = joined(published, said.cosignatures);
  const merged = formatNote(note);
  if (note.signatures.length <= MAX_LINES && merged.length <= MAX_NOTE_BYTES) return merged;
  return said.isQuorumMet ? withCosignatures(said.own, said.cosignatures) : published;
}

function joined(signedNote: Uint8Array, cosignatures: readonly Cosignature[]): Note {
  const { text, signatures } = parseNote(signedNote);
  const added = cosignatures.map(({ signature }) => signature);
  const labels = new Set(added.map(keyLabel));
  return { text, signatures: [...signatures.filter((line) => !labels.has(keyLabel(line))), ...added] };
}
