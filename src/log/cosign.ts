import { backoffMs } from "../../client/backoff.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { type NoteSignature, parseNote } from "../tlog/note.ts";
import { isQuorumMet } from "../tlog/policy.ts";
import { Collection } from "./collection.ts";
import { type Cosignature, verifiedCosignature } from "./cosignatures.ts";
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
  /** See WitnessRecords. */
  readonly onConflict?: (() => void) | undefined;
}

/** What witnesses said about one head so far. */
export interface CosignOutcome {
  readonly isQuorumMet: boolean;
  /** In the policy's order, one a witness. */
  readonly cosignatures: readonly Cosignature[];
}

/** One head on its way to the witnesses. Both promises reject when the log cannot prove its own tree: that is no witness's failure. */
export interface CosignRound {
  /** When the quorum holds, or can no longer hold. */
  readonly decided: Promise<CosignOutcome>;
  /** When every witness that was asked answered, failed, or ran out of time. */
  readonly settled: Promise<CosignOutcome>;
}

/** How long a round may go on before an operator should look. */
const PATIENCE_MS = 10_000;

/**
 * The stage between signing and publishing: asks all witnesses of a policy at once, and says when their quorum holds. Every
 * witness has its own way, its own backoff and its own time limit, so that none delays the others.
 */
export class CosignStage {
  readonly #options: CosignStageOptions;
  readonly #doors: readonly Door[];
  readonly #records: WitnessRecords;
  #isClosing = false; // owned by abort()
  #ownFailure: { readonly error: unknown } | undefined; // owned by #prove()
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
    const prove = this.#prove.bind(this);
    this.#doors = openDoors({ ...options, prove }, (witnesses, head, lines) =>
      this.#accept(witnesses, head, lines),
    );
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
      collection.add(cosignature, { round: 0, nowMs: now() });
      this.#records.remembered(cosignature, held.treeSize);
    }
  }

  get isStrict(): boolean {
    return this.#options.mode === "strict";
  }

  get closingMs(): number {
    return this.#options.closingMs;
  }

  /** Whether the last attempt to get a quorum failed, or takes very long. */
  get isQuorumMissing(): boolean {
    const sinceMs = this.#collection?.undecidedSinceMs ?? Number.POSITIVE_INFINITY;
    return this.#misses > 0 || this.#options.now() - sinceMs > PATIENCE_MS;
  }

  /** When a quorum that was missed may be asked for again, for whatever head is the newest then. */
  get retryAt(): number {
    return this.#misses > 0 ? this.refreshAt : Number.NEGATIVE_INFINITY;
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
    if (collection.isComplete && now() >= this.#renewAt) collection.renew(this.#round);
    this.#askedAt = now();
    const collected = collection.names;
    const asked = this.#doors.filter(
      ({ link, names }) => link.readyAt <= now() && !names.every((name) => collected.includes(name)),
    );
    const pending = new Set(asked);
    const { promise: decided, resolve, reject } = deferred<CosignOutcome>();
    collection.undecidedSinceMs = now();
    let isDecided = false;
    const decide = (): void => {
      const names = collection.names;
      const possible = [...names, ...[...pending].flatMap((door) => door.names)];
      if (isDecided || (!isQuorumMet(policy, names) && isQuorumMet(policy, possible))) return;
      isDecided = true;
      collection.undecidedSinceMs = undefined;
      this.#conclude(collection, { names, possible });
      resolve(this.#outcome(collection));
    };
    decide();
    const asking = asked.map(async (door) => {
      await this.#ask(door, head);
      pending.delete(door);
      decide();
    });
    const settled = Promise.all(asking).then(() => this.#outcome(collection));
    settled.catch(reject);
    return { decided, settled };
  }

  /** Ends every request under way: rounds are decided and settle with what there is. */
  abort(): void {
    this.#isClosing = true;
    for (const { link } of this.#doors) link.close();
  }

  /** Who failed, or gave half an answer, while the others made the quorum is asked again for the head that is shown, now and then. */
  #stragglersAt({ names: collected }: Collection): number {
    const missing = this.#doors.filter(({ names }) => !names.every((name) => collected.includes(name)));
    const readyAt = Math.min(...missing.map(({ link }) => link.readyAt)); // Infinity when nobody is missing
    return Math.max(readyAt, this.#askedAt + this.#options.backoff.maxDelayMs);
  }

  #namesReadyAt(at: number): readonly string[] {
    return this.#doors.flatMap(({ link, names }) => (link.readyAt <= at ? names : []));
  }

  #collectionOf({ treeSize, checkpoint }: AskedHead): Collection {
    const { text } = parseNote(checkpoint);
    if (this.#collection !== undefined && bytesEqual(this.#collection.text, text)) return this.#collection;
    this.#collection = new Collection({ text, treeSize });
    return this.#collection;
  }

  /** Damage of the log's own storage, which no witness is to blame for. */
  async #prove(...between: Parameters<CosignStageOptions["prove"]>) {
    try {
      return await this.#options.prove(...between);
    } catch (error) {
      this.#ownFailure ??= { error };
      throw error;
    }
  }

  /** @throws what `prove` threw */
  async #ask({ link, names }: Door, head: AskedHead): Promise<void> {
    const { now } = this.#options;
    const startedAt = now();
    try {
      await link.ask(head);
      const { treeSize } = head;
      for (const name of names) this.#records.answered(name, { treeSize, elapsedMs: now() - startedAt });
    } catch (error) {
      if (this.#ownFailure !== undefined) throw this.#ownFailure.error;
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
    const collection = this.#collection;
    // Nobody waits for an older head any more.
    const isWanted = collection !== undefined && bytesEqual(collection.text, text);
    const counts =
      !isWanted || collection.add(cosignature, { round: this.#round, nowMs: this.#options.now() });
    if (counts) this.#records.cosigned(cosignature, treeSize);
    else this.#records.failed(cosignature.name, notNewer(cosignature));
  }

  #outcome(collection: Collection): CosignOutcome {
    const { policy } = this.#options;
    const cosignatures = policy.witnesses.flatMap(({ name }) => collection.of(name) ?? []);
    return { isQuorumMet: isQuorumMet(policy, collection.names), cosignatures };
  }

  /** @param said.possible - `names`, and those whose answer may still come. */
  #conclude(
    collection: Collection,
    { names, possible }: { readonly names: readonly string[]; readonly possible: readonly string[] },
  ): void {
    const { policy, now, refreshIntervalMs, backoff, random } = this.#options;
    if (this.#collection !== collection || this.#isClosing) return;
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

function deferred<T>() {
  let resolve = (_: T): void => {};
  let reject = (_: unknown): void => {};
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

function notNewer({ timestampSeconds }: Cosignature): TlogError {
  const message = `its cosignature of ${timestampSeconds} s is not newer than the one it gave before`;
  return new TlogError("CLOCK_BEHIND", message);
}

function firstReason(results: readonly PromiseSettledResult<unknown>[]): unknown {
  return results.find((result) => result.status === "rejected")?.reason;
}

/** Of the oldest: together they are as fresh as that one. */
function ageMs(cosignatures: readonly Cosignature[], nowMs: number): number {
  const times = cosignatures.map(({ timestampSeconds }) => timestampSeconds * 1000);
  return times.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...times));
}
