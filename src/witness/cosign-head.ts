/** The state machine of add-checkpoint: what is checked, in which order, and what follows from it.  c2sp.org/tlog-witness */
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { fromRootOfConsistency, verifyConsistency } from "../merkle/consistency.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import type { CosignedHead, WitnessStore } from "../store/witness-store.ts";
import { type AddCheckpointRequest, formatCosignatureLines } from "../tlog/add-checkpoint.ts";
import { type Checkpoint, parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { decodeUtf8, encodeUtf8 } from "../tlog/encoding.ts";
import { evidenceFromHeads } from "../tlog/fork-evidence-build.ts";
import { type NoteVerifier, verifierFor } from "../tlog/key.ts";
import { formatNote, type NoteSignature, noteSignature, parseNote, verifyNote } from "../tlog/note.ts";
import { malformed, orMalformed } from "../tlog/witness-request.ts";
import { isBeyond, rolledBack } from "./adopt.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import { nextTimestamp } from "./timestamp.ts";
import { Turns } from "./turns.ts";
import {
  type OwnSignature,
  RateLimitedError,
  type Roster,
  SizeConflictError,
  type WitnessedLog,
} from "./witness.ts";

/** Requests of one log that may wait for each other: an honest log sends one at a time. */
const MAX_WAITING_PER_LOG = 16;

export interface HeadCosignerParts {
  readonly keys: readonly CosignerKey[];
  readonly roster: Roster;
  readonly store: WitnessStore;
  readonly commits: CommitQueue;
  readonly shelf: EvidenceShelf;
  readonly events: Required<WitnessEvents>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly mlDsa44: MlDsa44;
}

/** A checkpoint of a known log that one of its keys signed. */
interface SignedHead extends Checkpoint {
  readonly log: WitnessedLog;
  readonly text: Uint8Array;
  /** The lines that verified, at least one, the log's only. */
  readonly logSignatures: readonly NoteSignature[];
}

/** Cosigns heads, one log at a time and all logs side by side. */
export class HeadCosigner {
  readonly #parts: HeadCosignerParts;
  readonly #turns = new Turns(MAX_WAITING_PER_LOG);
  /** Logs with a signature of this witness that its store does not know. */
  readonly #rolledBack = new Map<string, TlogError>(); // owned by meetOwnSignature()
  /** The newest head of each log that was neither cosigned nor evidence by itself. */
  readonly #suspects = new Map<string, Uint8Array>(); // owned by #assertConsistent(), #compareWithHistory() and takeSuspect()
  readonly #verifiers = new WeakMap<WitnessedLog, readonly NoteVerifier[]>();

  constructor(parts: HeadCosignerParts) {
    this.#parts = parts;
  }

  /**
   * @param mayGoOn - asked once the log's signature is known to be good.
   * @returns the signature lines, durable. Throws as Witness.addCheckpoint.
   */
  async cosign(
    request: AddCheckpointRequest,
    mayGoOn: (log: WitnessedLog) => void = () => undefined,
  ): Promise<Uint8Array> {
    const startedAt = this.#parts.now();
    const head = await this.#openSigned(request.checkpoint);
    const { origin, treeSize } = head;
    mayGoOn(head.log);
    if (request.oldSize > treeSize) {
      throw malformed(`old size ${request.oldSize} is larger than the checkpoint's, ${treeSize}`);
    }
    const cosigning = this.#turns.take(origin, () => this.#cosignInTurn(request, head));
    if (cosigning === undefined) throw new RateLimitedError(origin, 1);
    try {
      const lines = await cosigning;
      this.#parts.events.cosigned({ origin, treeSize, elapsedMs: this.#parts.now() - startedAt });
      return lines;
    } catch (error) {
      this.#report(origin, error);
      throw error;
    }
  }

  /** See Witness.meetOwnSignature. In turn, so that a signature of a moment ago is in the store. */
  async meetOwnSignature(found: OwnSignature): Promise<void> {
    await this.#turns.take(found.origin, async () => {
      const last = await this.#parts.store.head(found.origin);
      if (!isBeyond(found, last)) return;
      const error = rolledBack(found, last);
      this.#rolledBack.set(found.origin, error);
      this.#parts.events.warning({ code: error.code, message: error.message });
    });
  }

  /** See Witness.takeSuspect. */
  takeSuspect(origin: string): Uint8Array | undefined {
    const signedNote = this.#suspects.get(origin);
    this.#suspects.delete(origin);
    return signedNote;
  }

  async #openSigned(checkpoint: Uint8Array): Promise<SignedHead> {
    const note = orMalformed("the checkpoint", () => parseNote(checkpoint));
    const [origin = ""] = decodeUtf8(note.text).split("\n", 1);
    const log = this.#parts.roster.find(origin);
    if (log === undefined)
      throw new TlogError("LOG_UNKNOWN", `no log with the origin ${JSON.stringify(origin)}`);
    if (log.isDisabled)
      throw new TlogError("LOG_DISABLED", `${origin} is cosigned no more: its operator here said so`);
    const { text, verified } = await verifyNote(note, this.#verifiersOf(log));
    const body = orMalformed("the checkpoint", () => parseCheckpoint(decodeUtf8(text)));
    // An ML-DSA-44 signature does not cover extension lines: by itself it would vouch for whatever somebody added.
    if (body.extensions.length > 0 && verified.every(({ verifierKey }) => verifierKey.type === ML_DSA_44)) {
      throw new TlogError("SIGNATURE_MISSING", "no known key of the log signed the extension lines");
    }
    return { ...body, log, text, logSignatures: verified.map(({ signature }) => signature) };
  }

  async #cosignInTurn(request: AddCheckpointRequest, head: SignedHead): Promise<Uint8Array> {
    const { store, shelf } = this.#parts;
    const rolledBackBy = this.#rolledBack.get(head.origin);
    if (rolledBackBy !== undefined) throw rolledBackBy;
    await shelf.assertNotConvicted(head.origin);
    if (head.treeSize === 0 && !hashesEqual(head.rootHash, emptyRootHash())) {
      await this.#keepEvidence(head, { other: undefined });
      throw new TlogError("ROOT_MISMATCH", "tree size 0, but not the root hash of the empty tree");
    }
    const last = await store.head(head.origin);
    const lastSize = last?.treeSize ?? 0;
    if (request.oldSize !== lastSize) {
      await this.#compareWithHistory(head);
      throw new SizeConflictError(lastSize, request.oldSize);
    }
    await this.#assertConsistent(request, head, last);
    return await this.#signAndStore(head, last);
  }

  async #assertConsistent(
    { proof }: AddCheckpointRequest,
    head: SignedHead,
    last: CosignedHead | undefined,
  ): Promise<void> {
    const { treeSize, rootHash } = head;
    // Also size 0: the first checkpoint of a log may be signed twice, and its root was checked above.
    if (last === undefined || last.treeSize === 0) {
      if (proof.length === 0) return;
      throw new TlogError("PROOF_INVALID", `from size 0 no proof is needed, got ${proof.length} hashes`);
    }
    if (treeSize === last.treeSize && !hashesEqual(rootHash, last.rootHash)) {
      await this.#keepEvidence(head, { other: last.signedNote });
      throw new TlogError("ROOT_MISMATCH", `the cosigned tree of size ${treeSize} has another root`);
    }
    const tree = { fromSize: last.treeSize, toSize: treeSize, toRoot: rootHash, proof };
    try {
      verifyConsistency({ ...tree, fromRoot: last.rootHash });
    } catch (error) {
      // A proof that fails proves nothing, unless it leads from another tree to the new one.
      const alternativeRoot = orUndefined(() => fromRootOfConsistency(tree));
      if (alternativeRoot === undefined) this.#suspects.set(head.origin, logNoteOf(head));
      else await this.#keepEvidence(head, { other: last.signedNote, alternativeRoot, proof });
      if (error instanceof TlogError && error.code !== "PROOF_INVALID") {
        throw new TlogError("PROOF_INVALID", error.message, { cause: error });
      }
      throw error;
    }
  }

  /** A head of a size that was cosigned before, with another root: the log signed both. */
  async #compareWithHistory(head: SignedHead): Promise<void> {
    const { treeSize, rootHash, origin } = head;
    const size = { fromSize: treeSize, toSize: treeSize, limit: 1 };
    const [row] = await this.#parts.store.rows(origin, size);
    if (row?.logNote === undefined) this.#suspects.set(origin, logNoteOf(head));
    else if (!hashesEqual(row.rootHash, rootHash)) await this.#keepEvidence(head, { other: row.logNote });
  }

  async #keepEvidence(
    head: SignedHead,
    found: {
      readonly other: Uint8Array | undefined;
      readonly alternativeRoot?: Uint8Array;
      readonly proof?: readonly Uint8Array[];
    },
  ): Promise<void> {
    const { origin, log } = head;
    const note = logNoteOf(head);
    const { other = note, ...proof } = found;
    const evidence = await evidenceFromHeads({
      origin,
      notes: [other, note],
      ...proof,
      logKeys: log.logKeys,
    });
    if (evidence === undefined) return;
    // Whoever asked is answered all the same, and the log is cosigned no more while this process runs.
    await this.#parts.shelf.add(encodeUtf8(evidence), []).catch((error: unknown) => {
      if (!(error instanceof TlogError)) throw error;
      this.#parts.events.warning({
        code: error.code,
        message: `evidence about ${origin} was not stored: ${error.message}`,
      });
    });
  }

  async #signAndStore(head: SignedHead, last: CosignedHead | undefined): Promise<Uint8Array> {
    const { origin, treeSize, rootHash, text, logSignatures } = head;
    const timestampSeconds = nextTimestamp({
      nowMs: this.#parts.now(),
      lastSeconds: last?.timestampSeconds,
    });
    const own = await this.#sign(head, timestampSeconds);
    const isNewHead = last === undefined || last.treeSize < treeSize;
    const wasApplied = await this.#parts.commits.add({
      origin,
      expected: last,
      next: {
        treeSize,
        rootHash,
        timestampSeconds,
        signedNote: formatNote({ text, signatures: [...logSignatures, ...own] }),
      },
      // One signature convicts a log as well as two do.
      logNote: isNewHead ? formatNote({ text, signatures: [shortest(logSignatures)] }) : undefined,
    });
    if (wasApplied) return formatCosignatureLines(own);
    const newest = await this.#parts.store.head(origin);
    throw new SizeConflictError(newest?.treeSize ?? 0, last?.treeSize ?? 0);
  }

  /** ML-DSA-44 does not cover extension lines, so a checkpoint that has some is cosigned with Ed25519 only. */
  async #sign({ text, extensions }: SignedHead, timestampSeconds: number): Promise<readonly NoteSignature[]> {
    const keys = this.#parts.keys.filter(
      ({ verifierKey }) => extensions.length === 0 || verifierKey.type !== ML_DSA_44,
    );
    return await Promise.all(
      keys.map(async ({ verifierKey, cosign }) =>
        noteSignature(verifierKey, await cosign({ timestampSeconds, checkpointText: text })),
      ),
    );
  }

  #verifiersOf(log: WitnessedLog): readonly NoteVerifier[] {
    const { mlDsa44 } = this.#parts;
    const verifiers = this.#verifiers.get(log) ?? log.logKeys.map((key) => verifierFor(key, { mlDsa44 }));
    this.#verifiers.set(log, verifiers);
    return verifiers;
  }

  #report(origin: string, error: unknown): void {
    if (!(error instanceof TlogError)) return;
    const { code, message } = error;
    if (code === "PROOF_INVALID" || code === "ROOT_MISMATCH")
      this.#parts.events.refused({ origin, code, message });
    if (code === "CLOCK_BEHIND") this.#parts.events.warning({ code, message: `${origin}: ${message}` });
  }
}

/** The checkpoint with the log's own lines. */
function logNoteOf({ text, logSignatures }: SignedHead): Uint8Array {
  return formatNote({ text, signatures: logSignatures });
}

function orUndefined<T>(compute: () => T | undefined): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

function shortest(signatures: readonly NoteSignature[]): NoteSignature {
  return signatures.reduce((best, one) => (one.payload.length < best.payload.length ? one : best));
}
