import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import type { WitnessStore } from "../store/witness-store.ts";
import { encodeUtf8 } from "../tlog/encoding.ts";
import { formatForkEvidence, parseForkEvidence, verifyForkEvidence } from "../tlog/fork-evidence.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { originHash } from "../tlog/origin-hash.ts";
import { LogFrozenError, type Roster } from "./witness.ts";

/** What convicted a log. */
export interface Conviction {
  readonly id: string;
  readonly kind: string;
}

export interface EvidenceShelfParts {
  readonly store: WitnessStore;
  readonly roster: Roster;
  readonly events: Required<WitnessEvents>;
  readonly now: () => number;
  readonly mlDsa44: MlDsa44;
}

/** The evidence a witness holds, and which logs it convicts. */
export class EvidenceShelf {
  readonly #parts: EvidenceShelfParts;
  /** What the store says of each log that was asked about; absent: not asked yet. */
  readonly #convictions = new Map<string, Conviction | undefined>(); // owned by conviction() and add()

  constructor(parts: EvidenceShelfParts) {
    this.#parts = parts;
  }

  /** What convicted the log; undefined while nothing did. */
  async conviction(origin: string): Promise<Conviction | undefined> {
    if (!this.#convictions.has(origin)) {
      const held = await this.#parts.store.evidence(origin);
      const first = held.find(({ convictsLog }) => convictsLog);
      const found = first && { id: first.id, kind: first.kind };
      // Evidence may have come in while the store was read.
      if (!this.#convictions.has(origin)) this.#convictions.set(origin, found);
    }
    return this.#convictions.get(origin);
  }

  /** @throws {LogFrozenError} */
  async assertNotConvicted(origin: string): Promise<void> {
    const conviction = await this.conviction(origin);
    if (conviction === undefined) return;
    const { id: evidenceId, kind } = conviction;
    throw new LogFrozenError({ origin, originHash: originHash(origin), evidenceId, kind });
  }

  /** See Witness.addEvidence. */
  async add(
    evidence: Uint8Array,
    witnessKeys: readonly VerifierKey[],
    beforeVerifying?: (origin: string) => void,
  ): Promise<{ readonly id: string; readonly origin: string; readonly isNew: boolean }> {
    const { store, roster, events, now, mlDsa44 } = this.#parts;
    const parsed = parseForkEvidence(evidence);
    const log = roster.find(parsed.origin);
    if (log === undefined) throw new TlogError("LOG_UNKNOWN", `no log with the origin ${parsed.origin}`);
    beforeVerifying?.(log.origin);
    const verdict = await verifyForkEvidence({
      evidence: parsed,
      origin: log.origin,
      logKeys: log.logKeys,
      witnessKeys,
      mlDsa44,
    });
    const { id, kind, origin } = verdict;
    const convictsLog = verdict.accused.role === "log";
    if (convictsLog && (await this.conviction(origin)) === undefined)
      this.#convictions.set(origin, { id, kind });
    const outcome = await store.addEvidence({
      id,
      origin,
      kind,
      convictsLog,
      evidence: encodeUtf8(formatForkEvidence(parsed)),
      receivedAtSeconds: Math.floor(now() / 1000),
    });
    if (outcome === "full") throw new TlogError("EVIDENCE_FULL", `${origin}: no more evidence is kept`);
    const isNew = outcome === "added";
    if (isNew) events.evidenceStored({ origin, id, kind });
    return { id, origin, isNew };
  }
}
