import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { type Policy, showOctets } from "../tlog/policy.ts";
import type { Cosignature } from "./cosignatures.ts";
import type { WitnessStatus } from "./log.ts";

/** One witness's record; its fields are replaced by WitnessRecords alone. */
interface WitnessRecord {
  readonly shown: Pick<WitnessStatus, "name" | "vkey" | "url">;
  lastCosigned: WitnessStatus["lastCosigned"];
  lastFailure: WitnessStatus["lastFailure"];
  /** The code of the failure nothing has mended yet. */
  failing: string | undefined;
  /** The one that was told last; undefined: that it cosigns, or nothing yet. */
  toldFailing: string | undefined;
  readonly budget: Budget;
  isClockOff: boolean;
}

/** How far a witness's clock may be from ours before an operator should look. */
const CLOCK_TOLERANCE_SECONDS = 3600;

/** How often what changes without end is told of in the long run, and how often at first. */
const TELLING_MS = 60_000;
const MAX_TELLINGS = 4;

interface Budget {
  /** Whether it may be told of once more. */
  take(): boolean;
}

/** Who cosigned last, who did not and why: for operators, by event when it changes and by state when they ask. */
export class WitnessRecords {
  readonly #events: Required<LogEvents>;
  readonly #onConflict: (() => void) | undefined;
  readonly #clock: () => number;
  readonly #quorumBudget: Budget;
  readonly #byName: ReadonlyMap<string, WitnessRecord>;
  #missed: { readonly key: string; readonly sinceMs: number } | undefined; // owned by quorumMissed() and quorumMet()

  constructor(options: {
    readonly policy: Policy;
    readonly events: Required<LogEvents>;
    /** Milliseconds since 1970. */
    readonly clock: () => number;
    /** Milliseconds on a clock that never goes back. */
    readonly now: () => number;
    /** Told whenever a witness says that it knows another tree of this log. */
    readonly onConflict?: (() => void) | undefined;
  }) {
    this.#onConflict = options.onConflict;
    this.#events = options.events;
    this.#clock = options.clock;
    this.#quorumBudget = openBudget(options.now);
    this.#byName = new Map(
      options.policy.witnesses.map(({ name, key, url }) => {
        const shown = {
          name: showOctets(name),
          vkey: formatVerifierKey(key),
          url: url === undefined ? undefined : showOctets(url),
        };
        const nothing = { lastCosigned: undefined, lastFailure: undefined, failing: undefined };
        const untold = { toldFailing: undefined, budget: openBudget(options.now) };
        return [name, { shown, ...nothing, ...untold, isClockOff: false }];
      }),
    );
  }

  status(): readonly WitnessStatus[] {
    return [...this.#byName.values()].map(({ shown, lastCosigned, lastFailure, failing }) => ({
      ...shown,
      isFailing: failing !== undefined,
      lastCosigned,
      lastFailure,
    }));
  }

  /** A cosignature from before this opening. */
  remembered({ name, timestampSeconds }: Cosignature, treeSize: number): void {
    const record = this.#byName.get(name);
    if (record !== undefined) record.lastCosigned = { treeSize, timestampSeconds };
  }

  /** A cosignature that verified. */
  cosigned({ name, timestampSeconds }: Cosignature, treeSize: number): void {
    const record = this.#byName.get(name);
    if (record === undefined) return;
    record.lastCosigned = { treeSize, timestampSeconds };
    record.failing = undefined;
    if (this.#isWorthTelling(record)) {
      this.#events.witnessRecovered({ name: record.shown.name, treeSize });
    }
    this.#compareClock(record, timestampSeconds);
  }

  /** Its answer came, and was looked at. */
  answered(name: string, answer: { readonly treeSize: number; readonly elapsedMs: number }): void {
    const record = this.#byName.get(name);
    if (record === undefined || record.failing !== undefined) return;
    this.#events.witnessCosigned({ name: record.shown.name, ...answer });
  }

  /** An answer that does not count, or none. */
  failed(name: string, error: unknown): void {
    const record = this.#byName.get(name);
    if (record === undefined) return;
    const code = error instanceof TlogError ? error.code : "INTERNAL";
    const message = error instanceof Error ? error.message : String(error);
    record.lastFailure = { code, message, atSeconds: Math.floor(this.#clock() / 1000) };
    record.failing = code;
    if (code === "SIZE_CONFLICT" || code === "ROOT_MISMATCH") this.#onConflict?.();
    if (this.#isWorthTelling(record)) this.#events.witnessFailed({ name: record.shown.name, code, message });
  }

  /** @param missing - the policy's names; not those whose answer may still come. */
  quorumMissed(treeSize: number, missing: readonly string[]): void {
    const records = missing.flatMap((name) => this.#byName.get(name) ?? []);
    const key = records.map(({ shown, failing }) => `${shown.name} ${failing ?? ""}`).join("\n");
    if (this.#missed?.key === key || !this.#quorumBudget.take()) return;
    this.#missed = { key, sinceMs: this.#missed?.sinceMs ?? this.#clock() };
    this.#events.quorumMissing({
      treeSize,
      missing: records.map(({ shown: { name, url }, failing, lastFailure }) => ({
        name,
        reason:
          url === undefined ? "has no URL" : failing === undefined ? "no answer yet" : reasonOf(lastFailure),
      })),
    });
  }

  quorumMet(treeSize: number): void {
    if (this.#missed === undefined) return;
    const elapsedMs = Math.max(0, this.#clock() - this.#missed.sinceMs);
    this.#missed = undefined;
    this.#events.quorumRecovered({ treeSize, elapsedMs });
  }

  /** Whether something else was told last, and not too often: what is held back is told later, if it still holds then. */
  #isWorthTelling(record: WitnessRecord): boolean {
    if (record.failing === record.toldFailing || !record.budget.take()) return false;
    record.toldFailing = record.failing;
    return true;
  }

  // Accepted all the same: a cosignature's time is the witness's statement, and verifiers are the ones to judge it.
  #compareClock(record: WitnessRecord, timestampSeconds: number): void {
    const offSeconds = timestampSeconds - Math.floor(this.#clock() / 1000);
    const isOff = Math.abs(offSeconds) > CLOCK_TOLERANCE_SECONDS;
    if (isOff && !record.isClockOff) {
      this.#events.warning({
        code: "WITNESS_CLOCK_OFF",
        message: `witness ${record.shown.name} states a time ${Math.abs(offSeconds)} s ${offSeconds < 0 ? "behind" : "ahead of"} this machine's`,
      });
    }
    record.isClockOff = isOff;
  }
}

function openBudget(now: () => number): Budget {
  let paidUntilMs = Number.NEGATIVE_INFINITY; // owned by take()
  return {
    take: () => {
      const untilMs = Math.max(paidUntilMs, now()) + TELLING_MS;
      if (untilMs > now() + MAX_TELLINGS * TELLING_MS) return false;
      paidUntilMs = untilMs;
      return true;
    },
  };
}

function reasonOf(failure: WitnessStatus["lastFailure"]): string {
  return failure === undefined ? "unknown" : `${failure.code}: ${failure.message}`;
}
