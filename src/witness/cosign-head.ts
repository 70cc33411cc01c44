/** The state machine of add-checkpoint: what is checked, in which order, and what follows from it.  c2sp.org/tlog-witness */
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { orUndefined, TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { fromRootOfConsistency, verifyConsistency } from "../merkle/consistency.ts";
import { emptyRootHash, hashesEqual } from "../merkle/hash.ts";
import type { CosignedHead, WitnessStore } from "../store/witness-store.ts";
import { type AddCheckpointRequest, formatCosignatureLines } from "../tlog/add-checkpoint.ts";
import { ML_DSA_44 } from "../tlog/cosignature.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { bytesEqual, encodeUtf8 } from "../tlog/encoding.ts";
import { evidenceFromHeads } from "../tlog/fork-evidence-build.ts";
import { keyLabel } from "../tlog/key.ts";
import { formatNote, type NoteSignature, noteSignature, parseNote } from "../tlog/note.ts";
import { malformed } from "../tlog/witness-request.ts";
import { isBeyond, rolledBack } from "./adopt.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { EvidenceShelf } from "./evidence-shelf.ts";
import { earlierLogLines, HeadOpener, logNoteOf, type SignedHead, shortest } from "./signed-head.ts";
import type { Standing } from "./standing.ts";
import type { Suspects } from "./suspects.ts";
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

/** A cosignature this young is answered again as it is: who repeats a request costs nothing. */
const FRESH_SECONDS = 30;

export interface HeadCosignerParts {
  readonly keys: readonly CosignerKey[];
  readonly roster: Roster;
  readonly store: WitnessStore;
  readonly commits: CommitQueue;
  readonly shelf: EvidenceShelf;
  readonly standing: Standing;
  /** Heads that were neither cosigned nor evidence by themselves. */
  readonly suspects: Suspects;
  readonly events: Required<WitnessEvents>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly mlDsa44: MlDsa44;
}

/** Cosigns heads, one log at a time and all logs side by side. */
export class HeadCosigner {
  readonly #parts: HeadCosignerParts;
  readonly #turns = new Turns(MAX_WAITING_PER_LOG);
  readonly #opener: HeadOpener;

  constructor(parts: HeadCosignerParts) {
    this.#parts = parts;
    this.#opener = new HeadOpener(parts);
  }

  /**
   * @param mayCosign - asked when a head of a new size is about to be cosigned.
   * @returns the signature lines, durable. Throws as Witness.addCheckpoint.
   */
  async cosign(
    request: AddCheckpointRequest,
    mayCosign: (log: WitnessedLog) => void = () => undefined,
  ): Promise<Uint8Array> {
    const startedAt = this.#parts.now();
    const head = await this.#opener.open(request.checkpoint);
    const { origin, treeSize } = head;
    if (request.oldSize > treeSize) {
      throw malformed(`old size ${request.oldSize} is larger than the checkpoint's, ${treeSize}`);
    }
    try {
      const held = await this.#answerAtOnce(request, head);
      if (held !== undefined) return held;
      const lines = await this.#takeTurn(request, head, mayCosign);
      this.#parts.events.cosigned({ origin, treeSize, elapsedMs: this.#parts.now() - startedAt });
      return lines;
    } catch (error) {
      this.#report(origin, error);
      throw error;
    }
  }

  /** See Witness.meetOwnSignature. In turn, so that a signature of a moment ago is in the store. */
  async meetOwnSignature(found: OwnSignature): Promise<void> {
    await this.#turns.takeAlways(found.origin, async () => {
      const last = await this.#parts.store.head(found.origin);
      if (isBeyond(found, last)) this.#parts.standing.rollBack(found.origin, rolledBack(found, last));
    });
  }

  /**
   * What needs no turn, because it changes nothing: a head that is refused whatever comes first, and one that was cosigned a
   * moment ago. Anybody can send a log's public checkpoints again, and must not keep the log waiting by it.
   */
  async #answerAtOnce(request: AddCheckpointRequest, head: SignedHead): Promise<Uint8Array | undefined> {
    await this.#parts.standing.assertMaySign(head.log);
    if (head.treeSize === 0 && !hashesEqual(head.rootHash, emptyRootHash())) {
      await this.#keepEvidence(head, { other: undefined });
      throw new TlogError("ROOT_MISMATCH", "tree size 0, but not the root hash of the empty tree");
    }
    const last = await this.#parts.commits.head(head.origin);
    await this.#assertOldSize(request, head, last);
    if (last?.treeSize !== head.treeSize || request.proof.length > 0) return undefined;
    const age = Math.floor(this.#parts.now() / 1000) - last.timestampSeconds;
    if (age < 0 || age > FRESH_SECONDS) return undefined;
    const { text, signatures } = parseNote(last.signedNote);
    const own = new Set(this.#keysFor(head).map(({ verifierKey }) => keyLabel(verifierKey)));
    const lines = signatures.filter((line) => own.has(keyLabel(line)));
    return bytesEqual(text, head.text) && lines.length === own.size
      ? formatCosignatureLines(lines)
      : undefined;
  }

  async #takeTurn(
    request: AddCheckpointRequest,
    head: SignedHead,
    mayCosign: (log: WitnessedLog) => void,
  ): Promise<Uint8Array> {
    const { store, standing } = this.#parts;
    const cosigning = this.#turns.take(head.origin, async () => {
      await standing.assertMaySign(head.log);
      const last = await store.head(head.origin);
      await this.#assertOldSize(request, head, last);
      await this.#assertConsistent(request, head, last);
      if (head.treeSize !== last?.treeSize) mayCosign(head.log);
      return await this.#signAndStore(head, last);
    });
    return await (cosigning ?? Promise.reject(new RateLimitedError(head.origin, 1)));
  }

  async #assertOldSize(
    { oldSize }: AddCheckpointRequest,
    head: SignedHead,
    last: CosignedHead | undefined,
  ): Promise<void> {
    const lastSize = last?.treeSize ?? 0;
    if (oldSize === lastSize) return;
    await this.#compareWithHistory(head);
    throw new SizeConflictError(lastSize, oldSize);
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
      if (alternativeRoot !== undefined) {
        await this.#keepEvidence(head, { other: last.signedNote, alternativeRoot, proof });
      } else if (treeSize > last.treeSize) {
        this.#suspect(head);
      }
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
    if (row?.logNote === undefined) this.#suspect(head);
    else if (!hashesEqual(row.rootHash, rootHash)) await this.#keepEvidence(head, { other: row.logNote });
  }

  /** To be looked at with the log's tiles: where nobody serves any, nothing more can be found out. */
  #suspect({ log, origin, treeSize, rootHash, text, logSignatures }: SignedHead): void {
    if (log.urls.length === 0) return;
    const signedNote = formatNote({ text, signatures: [shortest(logSignatures)] });
    this.#parts.suspects.add({ origin, treeSize, rootHash, signedNote });
  }

  /** Whoever asked is answered as the protocol wants, whether or not this works. */
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
    const { shelf, events, mlDsa44 } = this.#parts;
    try {
      const evidence = await evidenceFromHeads({
        origin,
        notes: [other, note],
        ...proof,
        logKeys: log.logKeys,
        mlDsa44,
      });
      if (evidence !== undefined) await shelf.add(encodeUtf8(evidence), []);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      events.warning({
        code: error.code,
        message: `evidence about ${origin} was not kept: ${error.message}`,
      });
    }
  }

  async #signAndStore(head: SignedHead, last: CosignedHead | undefined): Promise<Uint8Array> {
    const { origin, log, treeSize, rootHash, text, logSignatures } = head;
    const { commits, standing, store } = this.#parts;
    const timestampSeconds = nextTimestamp({
      nowMs: this.#parts.now(),
      lastSeconds: last?.timestampSeconds,
    });
    const own = await this.#sign(head, timestampSeconds);
    // Signing takes a while: evidence may have come in, and it may come in while this is stored.
    await standing.assertMaySign(log);
    const isNewHead = last === undefined || last.treeSize < treeSize;
    const shown = [...logSignatures, ...earlierLogLines(head, last), ...own];
    const wasApplied = await commits.add({
      origin,
      expected: last,
      next: { treeSize, rootHash, timestampSeconds, signedNote: formatNote({ text, signatures: shown }) },
      // One signature convicts a log as well as two do.
      logNote: isNewHead ? formatNote({ text, signatures: [shortest(logSignatures)] }) : undefined,
    });
    await standing.assertMaySign(log);
    if (wasApplied) return formatCosignatureLines(own);
    const newest = await store.head(origin);
    throw new SizeConflictError(newest?.treeSize ?? 0, last?.treeSize ?? 0);
  }

  async #sign(head: SignedHead, timestampSeconds: number): Promise<readonly NoteSignature[]> {
    return await Promise.all(
      this.#keysFor(head).map(async ({ verifierKey, cosign }) =>
        noteSignature(verifierKey, await cosign({ timestampSeconds, checkpointText: head.text })),
      ),
    );
  }

  /** ML-DSA-44 does not cover extension lines, so a checkpoint that has some is cosigned with Ed25519 only. */
  #keysFor({ extensions }: SignedHead): readonly CosignerKey[] {
    return this.#parts.keys.filter(
      ({ verifierKey }) => extensions.length === 0 || verifierKey.type !== ML_DSA_44,
    );
  }

  #report(origin: string, error: unknown): void {
    if (!(error instanceof TlogError)) return;
    const { code, message } = error;
    if (code === "PROOF_INVALID" || code === "ROOT_MISMATCH")
      this.#parts.events.refused({ origin, code, message });
    if (code === "CLOCK_BEHIND" || code === "SIGNER_FAILED")
      this.#parts.events.warning({ code, message: `${origin}: ${message}` });
  }
}
