/** What a log sends to be cosigned, opened: which log it is of, and which of its keys signed. */
import { inLane, type MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { CosignedHead } from "../store/witness-store.ts";
import { type Checkpoint, parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import { keyLabel, type NoteVerifier, verifierFor } from "../tlog/key.ts";
import { formatNote, type Note, type NoteSignature, parseNote, verifyNote } from "../tlog/note.ts";
import { malformed, orMalformed } from "../tlog/witness-request.ts";
import type { Roster, WitnessedLog } from "./witness.ts";

/** A body is origin, size and root; 255 bytes of origin and some extension lines fit. What is larger would only swell the history. */
const MAX_TEXT_BYTES = 4096;

/** A checkpoint of a known log that one of its keys signed. */
export interface SignedHead extends Checkpoint {
  readonly log: WitnessedLog;
  readonly text: Uint8Array;
  /** The lines that verified, at least one, the log's only. */
  readonly logSignatures: readonly NoteSignature[];
}

/** Opens heads with the keys of the roster's logs. */
export class HeadOpener {
  readonly #roster: Roster;
  readonly #mlDsa44: MlDsa44;
  readonly #verifiers = new WeakMap<WitnessedLog, readonly NoteVerifier[]>();

  constructor({ roster, mlDsa44 }: { readonly roster: Roster; readonly mlDsa44: MlDsa44 }) {
    this.#roster = roster;
    this.#mlDsa44 = mlDsa44;
  }

  /** @throws {TlogError} REQUEST_MALFORMED | LOG_UNKNOWN | SIGNATURE_MISSING | SIGNATURE_INVALID */
  async open(checkpoint: Uint8Array): Promise<SignedHead> {
    const note = orMalformed("the checkpoint", () => parseNote(checkpoint));
    if (note.text.length > MAX_TEXT_BYTES) {
      throw malformed(
        `the checkpoint: want a text of at most ${MAX_TEXT_BYTES} bytes, got ${note.text.length}`,
      );
    }
    const [origin = ""] = decodeUtf8(note.text).split("\n", 1);
    const log = this.#roster.find(origin);
    if (log === undefined)
      throw new TlogError("LOG_UNKNOWN", `no log with the origin ${JSON.stringify(origin)}`);
    const verifiers = this.#verifiersOf(log);
    const { text, verified } = await verifyNote(note, verifiers);
    await assertNoneFails(note, verifiers);
    const body = orMalformed("the checkpoint", () => parseCheckpoint(decodeUtf8(text)));
    // An ML-DSA-44 signature does not cover extension lines: by itself it would vouch for whatever somebody added.
    if (body.extensions.length > 0 && verified.every(({ verifierKey }) => verifierKey.type === ML_DSA_44)) {
      throw new TlogError("SIGNATURE_MISSING", "no known key of the log signed the extension lines");
    }
    return { ...body, log, text, logSignatures: verified.map(({ signature }) => signature) };
  }

  #verifiersOf(log: WitnessedLog): readonly NoteVerifier[] {
    // A lane a log: false signatures of one delay no other's.
    const mlDsa44 = inLane(this.#mlDsa44, `sent\n${log.origin}`);
    const verifiers = this.#verifiers.get(log) ?? log.logKeys.map((key) => verifierFor(key, { mlDsa44 }));
    this.#verifiers.set(log, verifiers);
    return verifiers;
  }
}

/**
 * Every line of a trusted key, not only the key's first: "a signature line's key name and ID match a trusted key but the signature itself
 * fails to verify" is 403, wherever it stands. c2sp.org/tlog-witness, add-checkpoint. The same line again is not looked at again.
 * @throws {TlogError} SIGNATURE_INVALID
 */
async function assertNoneFails(
  { text, signatures }: Note,
  verifiers: readonly NoteVerifier[],
): Promise<void> {
  for (const verifier of verifiers) {
    const label = keyLabel(verifier.verifierKey);
    const [first, ...more] = signatures.filter((line) => keyLabel(line) === label);
    for (const { payload, name } of more) {
      if (first !== undefined && bytesEqual(first.payload, payload)) continue;
      if (await verifier.verify({ text, payload })) continue;
      throw new TlogError("SIGNATURE_INVALID", `a second signature of ${name} does not verify`);
    }
  }
}

/** The checkpoint with the log's own lines. */
export function logNoteOf({ text, logSignatures }: SignedHead): Uint8Array {
  return formatNote({ text, signatures: logSignatures });
}

/** What other keys of the log signed when the same checkpoint came before: who sends one line again takes none away. */
export function earlierLogLines(head: SignedHead, last: CosignedHead | undefined): readonly NoteSignature[] {
  if (last?.treeSize !== head.treeSize) return [];
  const { text, signatures } = parseNote(last.signedNote);
  if (!bytesEqual(text, head.text)) return [];
  const known = new Set(head.log.logKeys.map(keyLabel));
  const here = new Set(head.logSignatures.map(keyLabel));
  return signatures.filter((line) => known.has(keyLabel(line)) && !here.has(keyLabel(line)));
}

/** One signature convicts a log as well as two do: the history keeps the shortest. */
export function shortest(signatures: readonly NoteSignature[]): NoteSignature {
  return signatures.reduce((best, one) => (one.payload.length < best.payload.length ? one : best));
}
