import { backoffMs } from "../../client/backoff.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { type NoteSignature, parseNote } from "../tlog/note.ts";
import { isQuorumMet } from "../tlog/policy.ts";
import { type Cosignature, verifiedCosignature, withCosignatures } from "./cosignatures.ts";
import type { WitnessStatus } from "./log.ts";
import { type Door, openDoors } from "./witness-doors.ts";
import type { AskedHead, WitnessLinkOptions } from "./witness-link.ts";
import type { ReachableWitness, WitnessOptions } from "./witness-options.ts";
import { WitnessRecords } from "./witness-records.ts";

export interface CosignStageOptions extends WitnessOptions {
  /** The policy's witnesses with a URL. */
  readonly reachable: readonly ReachableWitness[];
  /** The published checkpoint and the cosignatures in it. */
  readonly held: (AskedHead & { readonly cosignatures: readonly Cosignature[] }) | undefined;
  readonly prove: WitnessLinkOptions["prove"];
  readonly events: Required<LogEvents>;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** What witnesses said about one head so far. */
export interface CosignOutcome {
  readonly isQuorumMet: boolean;
  /** The head's signed note with every cosignature collected for it. */
  readonly checkpoint: Uint8Array;
  readonly cosignatures: number;
}

/** One head on its way to the witnesses. Neither promise rejects. */
export interface CosignRound {
  /** When the quorum holds, or can no longer hold. */
  readonly decided: Promise<CosignOutcome>;
  /** When every witness that was asked answered, failed, or ran out of time. */
  readonly settled: Promise<CosignOutcome>;
}

/** The cosignatures of one head. */
interface Collection {
  readonly text: Uint8Array;
  readonly treeSize: number;
  /** The newest of each witness, by the policy's name, and the round that brought it. */
  readonly byName: Map<string, { readonly cosignature: Cosignature; readonly round: number }>; // owned by #collect()
  /** Cosignatures of earlier rounds are shown, and count for nothing. */
  since: number; // owned by gather()
  /** A quorum holds: another round is a renewal. */
  isComplete: boolean; // owned by #conclude()
}

/**
 * The stage between signing and publishing: asks all witnesses of a policy at once, and says when their quorum holds. Every
 * witness has its own way, its own backoff and its own time limit, so that none delays the others.
 */
export class CosignStage {
  readonly #options: CosignStageOptions;
  readonly #doors: readonly Door[];
  readonly #records: WitnessRecords;
  readonly #closing = new AbortController();
  #collection: Collection | undefined; // owned by #collectionOf()
  #round = 0; // owned by gather()
  #misses = 0; // owned by #conclude()
  #nextAt = Number.NEGATIVE_INFINITY; // owned by #conclude(): when to ask for a missed quorum again
  #renewAt: number; // owned by #conclude(): when a quorum has grown old
  #askedAt = Number.NEGATIVE_INFINITY; // owned by gather()

  constructor(options: CosignStageOptions) {
    const { held, policy, clock, now, refreshIntervalMs } = options;
    this.#options = options;
    this.#records = new WitnessRecords(options);
    this.#doors = openDoors(options, (witnesses, head, lines) => this.#accept(witnesses, head, lines));
    const cosignatures = held?.cosignatures ?? [];
    const names = cosignatures.map(({ name }) => name);
    const isComplete = isQuorumMet(policy, names);
    this.#renewAt = isComplete
      ? now() + refreshIntervalMs - ageMs(cosignatures, clock())
      : Number.NEGATIVE_INFINITY;
    if (held === undefined) return;
    const collection = this.#collectionOf(held);
    collection.isComplete = isComplete;
    for (const cosignature of cosignatures) {
      collection.byName.set(cosignature.name, { cosignature, round: 0 });
      this.#records.remembered(cosignature, held.treeSize);
    }
  }

  get isStrict(): boolean {
    return this.#options.mode === "strict";
  }

  get closingMs(): number {
    return this.#options.closingMs;
  }

  /** Whether the last attempt to get a quorum failed. */
  get isQuorumMissing(): boolean {
    return this.#misses > 0;
  }

  /** When a quorum that was missed may be asked for again, for whatever head is the newest then. */
  get retryAt(): number {
    return this.isQuorumMissing ? this.refreshAt : Number.NEGATIVE_INFINITY;
  }

  /** When the head that was asked for last should be shown to witnesses again. */
  get refreshAt(): number {
    const collection = this.#collection;
    if (collection?.isComplete === true) return Math.min(this.#renewAt, this.#stragglersAt(collection));
    const readyTimes = this.#doors.map(({ link }) => link.readyAt).sort((one, other) => one - other);
    // Never before those who are ready could be a quorum: the others' limits are not spent for nothing.
    const possibleAt = readyTimes.find((at) => isQuorumMet(this.#options.policy, this.#namesReadyAt(at)));
    return Math.max(this.#nextAt, possibleAt ?? Number.NEGATIVE_INFINITY);
  }

  status(): readonly WitnessStatus[] {
    return this.#records.status();
  }

  /**
   * Asks for cosignatures of the newest signed head. What earlier rounds collected for it counts and is not asked for again,
   * until it has grown old: then all are asked, and only new answers count.
   */
  gather(head: AskedHead): CosignRound {
    this.#round += 1;
    const collection = this.#collectionOf(head);
    const { now, policy } = this.#options;
    if (collection.isComplete && now() >= this.#renewAt) this.#renew(collection);
    this.#askedAt = now();
    const collected = namesIn(collection);
    const asked = this.#doors.filter(
      ({ link, names }) => link.readyAt <= now() && !names.every((name) => collected.includes(name)),
    );
    const pending = new Set(asked);
    const outcome = () => this.#outcome(head, collection);
    let resolve = (_: CosignOutcome): void => {};
    const decided = new Promise<CosignOutcome>((settle) => {
      resolve = settle;
    });
    let isDecided = false;
    const decide = (): void => {
      const names = namesIn(collection);
      const possible = [...names, ...[...pending].flatMap((door) => door.names)];
      if (isDecided || (!isQuorumMet(policy, names) && isQuorumMet(policy, possible))) return;
      isDecided = true;
      this.#conclude(collection, { names, possible });
      resolve(outcome());
    };
    decide();
    const asking = asked.map(async (door) => {
      await this.#ask(door, head);
      pending.delete(door);
      decide();
    });
    return { decided, settled: Promise.all(asking).then(outcome) };
  }

  /** Ends every request under way: rounds are decided and settle with what there is. */
  abort(): void {
    this.#closing.abort(new TlogError("ABORTED", "the log is shutting down"));
  }

  /** Who failed while the others made the quorum is asked again for the head that is shown, now and then. */
  #stragglersAt(collection: Collection): number {
    const names = namesIn(collection);
    const missing = this.#doors.filter((door) => !door.names.some((name) => names.includes(name)));
    const readyAt = Math.min(...missing.map(({ link }) => link.readyAt)); // Infinity when nobody is missing
    return Math.max(readyAt, this.#askedAt + this.#options.backoff.maxDelayMs);
  }

  #namesReadyAt(at: number): readonly string[] {
    return this.#doors.flatMap(({ link, names }) => (link.readyAt <= at ? names : []));
  }

  #collectionOf({ treeSize, checkpoint }: AskedHead): Collection {
    const { text } = parseNote(checkpoint);
    if (this.#collection !== undefined && bytesEqual(this.#collection.text, text)) return this.#collection;
    this.#collection = { text, treeSize, byName: new Map(), since: 0, isComplete: false };
    return this.#collection;
  }

  #renew(collection: Collection): void {
    collection.since = this.#round;
    collection.isComplete = false;
  }

  async #ask({ link, names }: Door, head: AskedHead): Promise<void> {
    try {
      await link.ask(head, this.#closing.signal);
    } catch (error) {
      if (error instanceof TlogError && error.code === "ABORTED") return; // superseded, or the log closes
      for (const name of names) this.#records.failed(name, error);
    }
  }

  /** @throws {TlogError} what is wrong with the answer, when it holds nothing that counts. */
  async #accept(
    witnesses: readonly ReachableWitness[],
    head: AskedHead,
    lines: readonly NoteSignature[],
  ): Promise<void> {
    const { text } = parseNote(head.checkpoint);
    const results = await Promise.allSettled(
      witnesses.map((witness) => verifiedCosignature(witness, { text, lines }, this.#options)),
    );
    if (results.every(({ status }) => status === "rejected")) throw firstReason(results);
    for (const [index, result] of results.entries()) {
      const name = witnesses[index]?.name ?? "";
      if (result.status === "rejected") this.#records.failed(name, result.reason);
      else this.#collect(text, head.treeSize, result.value);
    }
  }

  #collect(text: Uint8Array, treeSize: number, cosignature: Cosignature): void {
    this.#records.cosigned(cosignature, treeSize);
    // Nobody waits for an older head any more.
    if (this.#collection === undefined || !bytesEqual(this.#collection.text, text)) return;
    this.#collection.byName.set(cosignature.name, { cosignature, round: this.#round });
  }

  #outcome({ checkpoint }: AskedHead, collection: Collection): CosignOutcome {
    const inOrder = this.#options.policy.witnesses.flatMap(({ name }) => {
      const found = collection.byName.get(name);
      return found === undefined ? [] : [found.cosignature];
    });
    return {
      isQuorumMet: isQuorumMet(this.#options.policy, namesIn(collection)),
      checkpoint: withCosignatures(checkpoint, inOrder),
      cosignatures: inOrder.length,
    };
  }

  /** @param said.possible - `names`, and those whose answer may still come. */
  #conclude(
    collection: Collection,
    { names, possible }: { readonly names: readonly string[]; readonly possible: readonly string[] },
  ): void {
    const { policy, now, refreshIntervalMs, backoff, random } = this.#options;
    if (this.#collection !== collection || this.#closing.signal.aborted) return;
    if (isQuorumMet(policy, names)) {
      if (!collection.isComplete) this.#renewAt = now() + refreshIntervalMs;
      collection.isComplete = true;
      this.#misses = 0;
      this.#records.quorumMet(collection.treeSize);
      return;
    }
    this.#nextAt = now() + backoffMs(this.#misses, backoff, random);
    this.#misses += 1;
    const missing = policy.witnesses.map(({ name }) => name).filter((name) => !possible.includes(name));
    this.#records.quorumMissed(collection.treeSize, missing);
  }
}

/** Whose cosignature counts. */
function namesIn({ byName, since }: Collection): readonly string[] {
  return [...byName].flatMap(([name, { round }]) => (round >= since ? [name] : []));
}

function firstReason(results: readonly PromiseSettledResult<unknown>[]): unknown {
  return results.find((result) => result.status === "rejected")?.reason;
}

/** Of the oldest: together they are as fresh as that one. */
function ageMs(cosignatures: readonly Cosignature[], nowMs: number): number {
  const times = cosignatures.map(({ timestampSeconds }) => timestampSeconds * 1000);
  return times.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...times));
}
