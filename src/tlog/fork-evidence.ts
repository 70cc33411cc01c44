/**
 * Portable fork evidence: one file that convicts a log, or a witness, before anyone who has its public key, offline. The format is in
 * `fork-evidence-text.ts`, who makes a file uses `fork-evidence-build.ts`.  spec/fork-evidence.md
 */
import { TlogError } from "../errors.ts";
import { COSIGNATURE_V1 } from "./cosignature.ts";
import { bytesEqual } from "./encoding.ts";
import { assertContradiction, assertWentBack } from "./fork-evidence-check.ts";
import { verifiedLines } from "./fork-evidence-lines.ts";
import {
  type EvidenceHead,
  type EvidenceKind,
  evidenceId,
  type ForkStatement,
  kindOf,
} from "./fork-evidence-statement.ts";
import {
  type ForkEvidence,
  formatForkEvidence,
  type OpenedEvidence,
  openForkEvidence,
} from "./fork-evidence-text.ts";
import { explainFork } from "./fork-evidence-words.ts";
import { ED25519, formatVerifierKey, type MlDsaOptions, type VerifierKey, verifierFor } from "./key.ts";
import { type Note, type VerifiedSignature, verifyNote } from "./note.ts";

export { type EvidenceHead, type EvidenceKind, evidenceId } from "./fork-evidence-statement.ts";
export {
  type ForkEvidence,
  formatForkEvidence,
  MAX_EVIDENCE_BYTES,
  parseForkEvidence,
} from "./fork-evidence-text.ts";

/** Evidence that verified: the accused signed what an honest one never signs. */
export interface ForkVerdict {
  /** SHA-256 of the statement, 64 lowercase hex digits: the same for everybody who found this fork. */
  readonly id: string;
  readonly kind: EvidenceKind;
  readonly origin: string;
  /** The log by its origin, or the witness by its key's name. */
  readonly accused: { readonly role: "log" | "witness"; readonly name: string };
  readonly heads: readonly EvidenceHead[];
  /** The verifier keys of the accused whose signatures prove it, each once. */
  readonly signedBy: readonly string[];
  /** For people: who, what, what it means, what to do. Sentences, a paragraph a line. */
  readonly explanation: string;
}

/** What verifying needs to know. */
export interface EvidenceKeys extends MlDsaOptions {
  readonly logKeys: readonly VerifierKey[];
  readonly witnessKeys?: readonly VerifierKey[];
  readonly origin?: string;
}

/**
 * Verifies evidence offline. An honest log or witness cannot be convicted: see spec/fork-evidence.md.
 * @param args.evidence - the file, or what it was parsed to.
 * @param args.logKeys - types 0x01 and 0x06. Only keys named as the log count, lest one log's key convict another.
 * @param args.witnessKeys - types 0x04 and 0x06, for evidence that accuses a witness.
 * @param args.origin - says that all of `logKeys` are this log's, whatever their names (Go's checksum database).
 * @throws {TlogError} EVIDENCE_MALFORMED | EVIDENCE_INVALID (it contradicts nothing) | SIGNATURE_MISSING (the accused, as the given
 *   keys know it, did not sign) | SIGNATURE_INVALID | KEY_TYPE_UNSUPPORTED (a log's key among the witnesses', or the reverse)
 */
export async function verifyForkEvidence(
  args: EvidenceKeys & { readonly evidence: string | Uint8Array | ForkEvidence },
): Promise<ForkVerdict> {
  const { evidence: given } = args;
  const isText = typeof given === "string" || given instanceof Uint8Array;
  // What was parsed elsewhere is read again: that its notes say what its heads say is checked there.
  const evidence = openForkEvidence(isText ? given : formatForkEvidence(given));
  return verdictOn(evidence, (await verifyOpened(evidence, args)).flat());
}

/**
 * As `verifyForkEvidence`, and drops what did not verify: kept are the lines of the accused, and of a log that is not accused.
 * @throws as `verifyForkEvidence`
 */
export async function keepVerifiedEvidence(
  evidence: OpenedEvidence,
  keys: EvidenceKeys,
): Promise<{ readonly verdict: ForkVerdict; readonly kept: OpenedEvidence }> {
  const verified = await verifyOpened(evidence, keys);
  const beside = evidence.witness === undefined ? [] : keysOfLog(evidence, keys);
  const notes: Note[] = [];
  for (const [at, note] of evidence.notes.entries()) {
    const lines = [...(verified[at] ?? []), ...(await verifiedLines(note, beside, keys))];
    const kept = new Set(lines.map(({ signature }) => signature));
    notes.push({ ...note, signatures: note.signatures.filter((signature) => kept.has(signature)) });
  }
  return { verdict: verdictOn(evidence, verified.flat()), kept: { ...evidence, notes } };
}

/** @returns for each note the accused's signatures. @throws as `verifyForkEvidence` */
async function verifyOpened(
  evidence: OpenedEvidence,
  given: EvidenceKeys,
): Promise<readonly (readonly VerifiedSignature[])[]> {
  assertContradiction(evidence.contradiction);
  const keys = keysOfAccused(evidence, given);
  const verified: (readonly VerifiedSignature[])[] = [];
  for (const note of evidence.notes) {
    const verifiers = keys.map((key) => verifierFor(key, given));
    verified.push((await verifyNote(note, verifiers)).verified);
  }
  if (evidence.contradiction.shape === "rollback") assertWentBack(verified.flat());
  return verified;
}

function verdictOn(evidence: ForkStatement, signatures: readonly VerifiedSignature[]): ForkVerdict {
  const { origin, witness, contradiction } = evidence;
  return {
    id: evidenceId(evidence),
    kind: kindOf(evidence),
    origin,
    accused: witness === undefined ? { role: "log", name: origin } : { role: "witness", name: witness.name },
    heads: contradiction.heads,
    signedBy: [...new Set(signatures.map(({ verifierKey }) => formatVerifierKey(verifierKey)))],
    explanation: explainFork(evidence, signatures),
  };
}

function keysOfAccused({ origin, witness }: ForkStatement, known: EvidenceKeys): readonly VerifierKey[] {
  const { logKeys, witnessKeys = [] } = known;
  if (
    logKeys.some(({ type }) => type === COSIGNATURE_V1) ||
    witnessKeys.some(({ type }) => type === ED25519)
  ) {
    throw new TlogError("KEY_TYPE_UNSUPPORTED", "want log keys of type 1 or 6, witness keys of type 4 or 6");
  }
  const byName = keysOfLog({ origin }, known);
  if (witness === undefined) {
    if (byName.length > 0) return byName;
    throw new TlogError("SIGNATURE_MISSING", `no key was given for the log ${JSON.stringify(origin)}`);
  }
  if (byName.some((key) => isSameKey(key, witness))) {
    throw new TlogError("EVIDENCE_INVALID", `the key of the witness ${witness.name} is the log's own`);
  }
  if (witnessKeys.some((key) => key.name === witness.name && isSameKey(key, witness))) return [witness];
  throw new TlogError("SIGNATURE_MISSING", `the key of the witness ${witness.name} was not given`);
}

function keysOfLog({ origin }: Pick<ForkStatement, "origin">, known: EvidenceKeys): readonly VerifierKey[] {
  const ofLog = (known.origin ?? origin) === origin ? known.logKeys : [];
  return ofLog.filter(({ name }) => known.origin !== undefined || name === origin);
}

function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.type === b.type && bytesEqual(a.publicKey, b.publicKey);
}
