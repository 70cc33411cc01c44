/**
 * A checkpoint as a signed note: signing it, and opening it, that is checking the log's signature and the policy's quorum.
 * The text's own format is in `checkpoint-body.ts`.  c2sp.org/tlog-checkpoint, tlog-cosignature
 */
import { TlogError } from "../errors.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "./checkpoint-body.ts";
import { ML_DSA_44, readTimestamp } from "./cosignature.ts";
import { bytesEqual, encodeUtf8 } from "./encoding.ts";
import {
  ED25519,
  formatVerifierKey,
  type MlDsaOptions,
  type NoteSigner,
  type NoteVerifier,
  type VerifierKey,
  verifierFor,
} from "./key.ts";
import { type SplitNote, signNote, splitNote, type VerifiedSignature, verifyNote } from "./note.ts";
import { isQuorumMet, type Policy, type PolicyWitness, showOctets } from "./policy.ts";

export { type Checkpoint, formatCheckpoint, parseCheckpoint } from "./checkpoint-body.ts";

/** A cosignature that verified. */
export interface VerifiedCosignature {
  /** What the policy calls the witness. */
  readonly name: string;
  readonly vkey: string;
  /** POSIX seconds; 0: no statement about time. Nothing here compares it with a clock. */
  readonly timestampSeconds: number;
}

/** A checkpoint whose log signature verified and whose quorum was met. */
export interface VerifiedCheckpoint extends Checkpoint {
  /** The note, verbatim: a copy. */
  readonly signedNote: Uint8Array;
  /** Verifier keys of the log that verified, at least one. */
  readonly logKeys: readonly string[];
  readonly cosignatures: readonly VerifiedCosignature[];
}

/** Whom to believe: the keys of one log, or a policy with logs, witnesses and a quorum. */
export type CheckpointTrust = {
  /**
   * The origin to demand. Beside `logKeys` it also lifts the rule that a log key's name is the origin, for logs where they differ
   * (Go's checksum database); a policy always keeps to the rule.
   */
  readonly expectedOrigin?: string;
} & (
  | { readonly logKeys: readonly VerifierKey[]; readonly policy?: undefined }
  | { readonly policy: Policy; readonly logKeys?: undefined }
);

/**
 * Opens a signed checkpoint: checks the log's signature and the policy's quorum.
 * Of several keys of a log one suffices (key rotation), but a line of a known key, log or witness, that fails rejects the note.
 * @param args.signedNote - UTF-8 note, at most 128 KiB, copied.
 * @throws {TlogError} NOTE_MALFORMED | CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE | ORIGIN_MISMATCH | SIGNATURE_MISSING |
 *   SIGNATURE_INVALID | QUORUM_NOT_MET | ROOT_MISMATCH (size 0 with a root that is not the empty one)
 */
export async function openCheckpoint(
  args: CheckpointTrust & MlDsaOptions & { readonly signedNote: Uint8Array },
): Promise<VerifiedCheckpoint> {
  return openSplitCheckpoint(args, splitNote(args.signedNote), new Uint8Array(args.signedNote));
}

/** As {@link openCheckpoint}, but the note is not copied: the caller gives it away. */
export async function openOwnCheckpoint(
  args: CheckpointTrust & MlDsaOptions,
  signedNote: Uint8Array,
): Promise<VerifiedCheckpoint> {
  return openSplitCheckpoint(args, splitNote(signedNote), signedNote);
}

async function openSplitCheckpoint(
  args: CheckpointTrust & MlDsaOptions,
  { body, textBytes, signatures }: SplitNote,
  signedNote: Uint8Array,
): Promise<VerifiedCheckpoint> {
  const witnesses = args.policy?.witnesses ?? [];
  const logKeys = keysForOrigin(originLine(body), args);
  const text = signedNote.subarray(0, textBytes);
  const { verified } = await verifyNote({ text, signatures }, verifiersFor(logKeys, witnesses, args));
  const checkpoint = parseCheckpoint(body);
  const vkeys = logSignatures(verified, logKeys, checkpoint);
  if (checkpoint.treeSize === 0 && !hashesEqual(checkpoint.rootHash, emptyRootHash())) {
    throw new TlogError("ROOT_MISMATCH", "tree size 0, but not the root hash of the empty tree");
  }
  const cosignatures = cosignaturesOf(verified, witnesses);
  if (args.policy !== undefined) assertQuorum(args.policy, cosignatures);
  return { ...checkpoint, signedNote, logKeys: vkeys, cosignatures };
}

/**
 * Signs a checkpoint. That it is consistent with everything this log signed before is the caller's promise.
 * @throws {TlogError} ARGUMENT_INVALID, and what the signers throw
 */
export async function signCheckpoint(
  checkpoint: Checkpoint,
  signers: readonly NoteSigner[],
): Promise<Uint8Array> {
  if (checkpoint.treeSize === 0 && !hashesEqual(checkpoint.rootHash, emptyRootHash())) {
    throw new TlogError("ARGUMENT_INVALID", "tree size 0, but not the root hash of the empty tree");
  }
  return signNote(encodeUtf8(formatCheckpoint(checkpoint)), signers);
}

// Read before any signature is checked, only to know which log's keys to check with: the origin is what they then prove.
function originLine(text: string): string {
  const [origin = ""] = text.split("\n", 1);
  return origin;
}

function keysForOrigin(
  origin: string,
  { policy, logKeys, expectedOrigin }: CheckpointTrust,
): readonly VerifierKey[] {
  const known = policy === undefined ? logKeys : policy.logs.map(({ key }) => key);
  const isNameFree = policy === undefined && expectedOrigin !== undefined;
  const keys = known.filter(({ name }) => isNameFree || name === origin);
  if (keys.length > 0 && (expectedOrigin ?? origin) === origin) return keys;
  throw new TlogError("ORIGIN_MISMATCH", `no key of a known log for the origin ${JSON.stringify(origin)}`);
}

// One verifier a key, also for a key that a policy names both as a log's and as a witness's.
function verifiersFor(
  logKeys: readonly VerifierKey[],
  witnesses: readonly PolicyWitness[],
  options: MlDsaOptions,
): readonly NoteVerifier[] {
  const others = witnesses
    .map(({ key }) => key)
    .filter((key) => !logKeys.some((own) => isSameKey(own, key) && bytesEqual(own.publicKey, key.publicKey)));
  return [...logKeys, ...others].map((key) => verifierFor(key, options));
}

// By what tells keys apart: verifyNote refuses two keys that share it.
function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.keyId === b.keyId && a.name === b.name;
}

function logSignatures(
  verified: readonly VerifiedSignature[],
  logKeys: readonly VerifierKey[],
  { extensions }: Checkpoint,
): readonly string[] {
  const byLog = verified.map(({ verifierKey }) => verifierKey).filter((key) => logKeys.includes(key));
  if (byLog.length === 0)
    throw new TlogError("SIGNATURE_MISSING", "no known key of the log signed the checkpoint");
  // An ML-DSA-44 signature does not cover extension lines: by itself it would vouch for whatever somebody added.
  if (extensions.length > 0 && byLog.every(({ type }) => type === ML_DSA_44)) {
    throw new TlogError("SIGNATURE_MISSING", "no known key of the log signed the extension lines");
  }
  return byLog.map(formatVerifierKey);
}

function cosignaturesOf(
  verified: readonly VerifiedSignature[],
  witnesses: readonly PolicyWitness[],
): readonly VerifiedCosignature[] {
  return verified.flatMap(({ verifierKey, signature: { payload } }) => {
    const witness = witnesses.find(({ key }) => isSameKey(key, verifierKey));
    if (witness === undefined || verifierKey.type === ED25519) return [];
    const timestampSeconds = readTimestamp(payload);
    return [{ name: witness.name, vkey: formatVerifierKey(verifierKey), timestampSeconds }];
  });
}

function assertQuorum(policy: Policy, cosignatures: readonly VerifiedCosignature[]): void {
  const names = cosignatures.map(({ name }) => name);
  if (isQuorumMet(policy, names)) return;
  const who = names.length === 0 ? "nobody" : names.map(showOctets).join(", ");
  throw new TlogError("QUORUM_NOT_MET", `want a quorum of ${showOctets(policy.quorum)}, cosigned by ${who}`);
}
