/** sign-subtree: a cosigned checkpoint and a proof, for a cosigned part of its tree.  c2sp.org/tlog-witness */
import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import { isValidSubtree, verifySubtreeConsistency } from "../merkle/subtree.ts";
import { formatCosignatureLines } from "../tlog/add-checkpoint.ts";
import { type Checkpoint, parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeTimestampedSignature, ML_DSA_44 } from "../tlog/cosignature.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { verifierFor } from "../tlog/key.ts";
import { type Note, noteSignature, parseNote, verifyNote } from "../tlog/note.ts";
import { parseSignSubtree, type SignSubtreeRequest } from "../tlog/sign-subtree.ts";
import { malformed, orMalformed } from "../tlog/witness-request.ts";
import type { Standing } from "./standing.ts";
import type { Roster } from "./witness.ts";

/**
 * Logs of which a subtree is signed at once, and of each only one: it costs a verification and a signature of milliseconds, and
 * anybody may ask who has a cosigned checkpoint.
 */
const MAX_LOGS_AT_ONCE = 4;

export interface SubtreeCosignerParts {
  readonly keys: readonly CosignerKey[];
  readonly roster: Roster;
  readonly standing: Standing;
  readonly mlDsa44: MlDsa44;
}

/** Cosigns parts of trees that it cosigned whole. */
export class SubtreeCosigner {
  readonly #parts: SubtreeCosignerParts;
  /** Logs of which a subtree is being signed. */
  readonly #running = new Set<string>(); // owned by cosign()

  constructor(parts: SubtreeCosignerParts) {
    this.#parts = parts;
  }

  /** @returns signature lines with timestamp 0. Throws as Witness.signSubtree. */
  async cosign(body: Uint8Array): Promise<Uint8Array> {
    if (this.#parts.keys.every(({ signSubtree }) => signSubtree === undefined)) {
      throw new TlogError(
        "SUBTREE_UNSUPPORTED",
        "this witness has no ML-DSA-44 key, and nothing else signs subtrees",
      );
    }
    const request = parseSignSubtree(body);
    const note = orMalformed("the checkpoint", () => parseNote(request.checkpoint));
    const checkpoint = orMalformed("the checkpoint", () => parseCheckpoint(decodeUtf8(note.text)));
    const { start, end } = request;
    if (!isValidSubtree({ start, end }) || end > checkpoint.treeSize) {
      throw malformed(`leaves [${start}, ${end}) are no subtree of a tree of size ${checkpoint.treeSize}`);
    }
    const { origin } = checkpoint;
    const log = this.#parts.roster.find(origin);
    if (log === undefined) {
      throw new TlogError("LOG_UNKNOWN", `no log with the origin ${JSON.stringify(origin)}`);
    }
    await this.#parts.standing.assertMaySign(log);
    if (this.#running.has(origin) || this.#running.size >= MAX_LOGS_AT_ONCE) {
      throw new TlogError("CRYPTO_BUSY", "another subtree is being signed");
    }
    this.#running.add(origin);
    try {
      return await this.#cosign(request, { note, checkpoint });
    } finally {
      this.#running.delete(origin);
    }
  }

  async #cosign(
    { start, end, hash, proof }: SignSubtreeRequest,
    { note, checkpoint }: { readonly note: Note; readonly checkpoint: Checkpoint },
  ): Promise<Uint8Array> {
    const { origin, treeSize, rootHash } = checkpoint;
    const keys = await this.#keysThatCosigned(note);
    verifySubtreeConsistency({ start, end, subtreeHash: hash, treeSize, rootHash, proof });
    const lines = await Promise.all(
      keys.map(async ({ verifierKey, signSubtree }) =>
        noteSignature(verifierKey, await signSubtree({ origin, start, end, hash })),
      ),
    );
    return formatCosignatureLines(lines);
  }

  /** @throws {TlogError} SIGNATURE_MISSING unless add-checkpoint returned one of the note's lines, of a key that signs subtrees. */
  async #keysThatCosigned(note: Note) {
    const { keys, mlDsa44 } = this.#parts;
    const capable = keys.flatMap(({ verifierKey, signSubtree }) =>
      signSubtree === undefined ? [] : [{ verifierKey, signSubtree }],
    );
    const { verified } = await verifyNote(
      note,
      capable.map(({ verifierKey }) => verifierFor(verifierKey, { mlDsa44 })),
    );
    // A time of 0 is what sign-subtree itself answers: that is no cosigned checkpoint.
    const timed = verified.filter(
      ({ signature }) => decodeTimestampedSignature(ML_DSA_44, signature.payload).timestampSeconds > 0,
    );
    const cosigned = capable.filter((key) =>
      timed.some(({ verifierKey }) => verifierKey === key.verifierKey),
    );
    if (cosigned.length > 0) return cosigned;
    throw new TlogError(
      "SIGNATURE_MISSING",
      "this witness did not cosign the checkpoint with a key that signs subtrees",
    );
  }
}
