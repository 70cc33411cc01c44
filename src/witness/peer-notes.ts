/**
 * What other witnesses were last seen to cosign, one short note a peer's key and log: a peer that cosigns two histories, or goes
 * back, convicts itself with two of its notes.
 */
import { TlogError } from "../errors.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { witnessEvidence } from "../tlog/fork-evidence-build.ts";
import { keyLabel, type MlDsaOptions, type VerifierKey } from "../tlog/key.ts";
import { formatNote, parseNote } from "../tlog/note.ts";
import { type ComparedHead, type ComparedLog, compareHeads } from "./compare-heads.ts";
import type { PeerWitness } from "./head-places.ts";
import { cosignedAt } from "./recover.ts";
import type { Witness } from "./witness.ts";

/** Notes larger than this are forgotten: a log with a dozen ML-DSA-44 keys stays below. */
const MAX_KEPT_BYTES = 64 * 1024;

/** A valid cosignature of a peer. */
export interface PeerCosignature {
  readonly key: VerifierKey;
  /** POSIX seconds. */
  readonly timestampSeconds: number;
}

export interface PeerNotes {
  /** Those of known peers on a note, wherever it was met. */
  cosignatures(signedNote: Uint8Array): Promise<readonly PeerCosignature[]>;
  /** Remembers what peers cosigned; what contradicts an earlier note of theirs goes to the witness as evidence. */
  meet(shown: {
    readonly head: ComparedHead;
    readonly cosigned: readonly PeerCosignature[];
    readonly compared: ComparedLog;
    /** The head is known to contradict another: worth a proof that the peer cosigned two histories. */
    readonly isForked: boolean;
  }): Promise<void>;
}

interface PeerNote extends ComparedHead {
  readonly timestampSeconds: number;
}

export function openPeerNotes({
  witness,
  peers,
  mlDsa44,
}: MlDsaOptions & { readonly witness: Witness; readonly peers: readonly PeerWitness[] }): PeerNotes {
  const keys = [...new Map(peers.flatMap((peer) => peer.keys).map((key) => [keyLabel(key), key])).values()];
  const options = mlDsa44 === undefined ? {} : { mlDsa44 };
  const last = new Map<string, PeerNote>(); // owned by meet()
  const convicted = new Set<string>(); // one file a log convicts a peer's key; owned by meet()

  return {
    cosignatures: async (signedNote) => {
      const note = parseNote(signedNote);
      const made = await Promise.all(
        keys.map(async (key) => ({ key, timestampSeconds: await cosignedAt(note, key, options) })),
      );
      return made.flatMap(({ key, timestampSeconds }) =>
        timestampSeconds === undefined ? [] : [{ key, timestampSeconds }],
      );
    },
    meet: async ({ head, cosigned, compared, isForked }) => {
      for (const { key, timestampSeconds } of cosigned) {
        const place = `${keyLabel(key)}\n${compared.origin}`;
        const earlier = last.get(place);
        const logNote = withLinesOf([key, ...compared.logKeys], head.logNote);
        const now = { ...head, timestampSeconds, logNote };
        const isNewer = earlier === undefined || earlier.timestampSeconds <= timestampSeconds;
        if (isNewer && logNote.length <= MAX_KEPT_BYTES) last.set(place, now);
        if (earlier === undefined || convicted.has(place)) continue;
        const evidence = await evidenceAgainst(key, { earlier, now, isForked }, compared);
        if (evidence === undefined) continue;
        await keepEvidence(witness, evidence, [key]);
        convicted.add(place);
      }
    },
  };
}

/** Gives evidence to the witness. It keeps so many files about a log and no more (EVIDENCE_FULL): a further one adds nothing. */
export async function keepEvidence(
  witness: Witness,
  evidence: string,
  witnessKeys: readonly VerifierKey[] = [],
): Promise<void> {
  try {
    await witness.addEvidence(encodeUtf8(evidence), witnessKeys);
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "EVIDENCE_FULL") throw error;
  }
}

async function evidenceAgainst(
  witnessKey: VerifierKey,
  {
    earlier,
    now,
    isForked,
  }: { readonly earlier: PeerNote; readonly now: PeerNote; readonly isForked: boolean },
  compared: ComparedLog,
): Promise<string | undefined> {
  const notes = [earlier.logNote, now.logNote] as const;
  if (isForked && earlier.treeSize !== now.treeSize) {
    const times = { cosignedAtSeconds: undefined, nowSeconds: 0 };
    const comparison = await compareHeads({ ours: earlier, shown: now, ...times }, compared);
    if (comparison.verdict === "evidence") {
      const { proof = [], alternativeRoot } = comparison;
      const finding = alternativeRoot === undefined ? {} : { proof, alternativeRoot };
      return witnessEvidence({ ...compared, notes, witnessKey, ...finding });
    }
  }
  return witnessEvidence({ ...compared, notes, witnessKey });
}

/** A note holds up to 100 lines of anybody: only those that can count are kept. */
function withLinesOf(keys: readonly VerifierKey[], signedNote: Uint8Array): Uint8Array {
  const wanted = new Set(keys.map(keyLabel));
  const { text, signatures } = parseNote(signedNote);
  // The first line of a key counts, others of its name and ID do not.
  return formatNote({
    text,
    signatures: signatures.filter((signature) => wanted.delete(keyLabel(signature))),
  });
}
