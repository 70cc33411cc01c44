import type { MlDsa44 } from "../crypto/ml-dsa.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { MAX_EVIDENCE_PER_LOG, type WitnessStore } from "../store/witness-store.ts";
import { type ForkVerdict, keepVerifiedEvidence } from "../tlog/fork-evidence.ts";
import { assertContradiction } from "../tlog/fork-evidence-check.ts";
import { joinEvidence, withLinesOf } from "../tlog/fork-evidence-lines.ts";
import { evidenceId } from "../tlog/fork-evidence-statement.ts";
import { formatOpenedEvidence, type OpenedEvidence, openForkEvidence } from "../tlog/fork-evidence-text.ts";
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
  /** One file is kept at a time, so that none replaces another without its lines. */
  #keeping: Promise<unknown> = Promise.resolve(); // owned by add()

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

  /** See Witness.addEvidence. The log is frozen before its file is stored, and stays so when the store fails. */
  async add(
    file: Uint8Array,
    witnessKeys: readonly VerifierKey[],
    beforeVerifying?: (origin: string) => void,
  ): Promise<{ readonly id: string; readonly origin: string; readonly isNew: boolean }> {
    const { roster, mlDsa44 } = this.#parts;
    const opened = openForkEvidence(file);
    const { origin } = opened;
    const log = roster.find(origin);
    if (log === undefined) throw new TlogError("LOG_UNKNOWN", `no log with the origin ${origin}`);
    assertContradiction(opened.contradiction);
    const found = withLinesOf(opened, [...log.logKeys, ...witnessKeys]);
    const id = evidenceId(found);
    // What is known costs no signature, whoever sends it again, and whatever he put beside it.
    const held = await this.#held(origin, id);
    if (held !== undefined && joinEvidence(held, found) === held) return { id, origin, isNew: false };
    beforeVerifying?.(origin);
    const keys = { origin, logKeys: log.logKeys, witnessKeys, mlDsa44 };
    const { verdict, kept } = await keepVerifiedEvidence(found, keys);
    if (verdict.accused.role === "log" && (await this.conviction(origin)) === undefined) {
      this.#convictions.set(origin, { id, kind: verdict.kind });
    }
    const keeping = this.#keeping.then(() => this.#keep(verdict, kept));
    this.#keeping = keeping.catch(() => {});
    return { id, origin, isNew: await keeping };
  }

  /** @returns whether the store did not have it. @throws {TlogError} EVIDENCE_FULL, and as the store */
  async #keep({ id, kind, origin, accused }: ForkVerdict, kept: OpenedEvidence): Promise<boolean> {
    const { store, events, now } = this.#parts;
    const held = await this.#held(origin, id);
    const joined = held === undefined ? kept : joinEvidence(held, kept);
    if (joined === held) return false;
    const outcome = await store.addEvidence({
      id,
      origin,
      kind,
      convictsLog: accused.role === "log",
      evidence: formatOpenedEvidence(joined),
      receivedAtSeconds: Math.floor(now() / 1000),
    });
    if (outcome === "full") {
      throw new TlogError("EVIDENCE_FULL", `${origin}: ${MAX_EVIDENCE_PER_LOG} files of this sort are kept`);
    }
    if (outcome === "added") events.evidenceStored({ origin, id, kind });
    return outcome === "added";
  }

  async #held(origin: string, id: string): Promise<OpenedEvidence | undefined> {
    const file = await this.#parts.store.evidenceFile(origin, id);
    return file && openForkEvidence(file);
  }
}
