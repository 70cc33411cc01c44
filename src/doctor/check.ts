/** One thing that a doctor looks at, and what came of it; every look is bounded in time. */
import { raceAbort, throwIfAborted } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import { withoutSecrets } from "./hidden.ts";

/**
 * "ok"; "warn": it works, and may cost something later; "fail": it does not, or will not, do what a log promises; "unknown": it should be
 * known, and could not be looked at; "skipped": there is nothing to look at here.
 */
export type Verdict = "ok" | "warn" | "fail" | "unknown" | "skipped";

/** What a look came to. */
export interface Outcome {
  readonly verdict: Verdict;
  /** What was seen, or why nothing was. */
  readonly saw: string;
  /** What to do about it, in one or several lines; of "warn", "fail" and "unknown" there always is something. */
  readonly advice?: string | undefined;
}

export interface CheckResult extends Outcome {
  /** Kebab-case, stable: "guard-volume". */
  readonly check: string;
  /** Which of several: a path, a URL, a witness. */
  readonly of?: string | undefined;
}

/** A look that also finds something for those that come after it. */
export type Finding<T> = Outcome & { readonly found?: T };

export interface Look<T> {
  readonly check: string;
  readonly of?: string | undefined;
  /** What to do where it could not be looked at. */
  readonly otherwise?: string;
  readonly see: (signal: AbortSignal) => Finding<T> | Promise<Finding<T>>;
}

export interface SheetLimits {
  /** For one look. */
  readonly timeoutMs: number;
  /** For all of them: later ones are "unknown". */
  readonly totalMs: number;
  /** Ends it all. */
  readonly signal: AbortSignal;
  /** Milliseconds, for the total. */
  readonly now: () => number;
  readonly onResult: (result: CheckResult) => void;
}

/** Takes down looks one after the other. */
export class Sheet {
  readonly #limits: SheetLimits;
  readonly #endMs: number;
  readonly #results: CheckResult[] = []; // owned by note()

  constructor(limits: SheetLimits) {
    this.#limits = limits;
    this.#endMs = limits.now() + limits.totalMs;
  }

  get results(): readonly CheckResult[] {
    return this.#results;
  }

  get signal(): AbortSignal {
    return this.#limits.signal;
  }

  /** Kept and told without what {@link withoutSecrets} takes out: whatever a setting was given, a message may quote it. */
  note({ verdict, check, of, saw, advice }: CheckResult): void {
    const result = {
      ...{ verdict, check, of: of && withoutSecrets(of), saw: withoutSecrets(saw) },
      advice: advice && withoutSecrets(advice),
    };
    this.#results.push(result);
    this.#limits.onResult(result);
  }

  /**
   * Looks, within its time: what takes longer, as a volume that hangs, is left behind.
   * @returns what was found for later looks. A {@link TlogError} is no find and no verdict: "unknown".
   * @throws {TlogError} ABORTED; and bugs
   */
  async look<T>({ check, of, otherwise, see }: Look<T>): Promise<T | undefined> {
    throwIfAborted(this.#limits.signal);
    const { found, ...outcome } = await this.#within(see).catch((error: unknown): Finding<T> => {
      throwIfAborted(this.#limits.signal);
      if (!(error instanceof TlogError)) throw error;
      return unknown(`${error.message} [${error.code}]`, otherwise ?? "see why, and look again");
    });
    this.note({ check, of, ...outcome });
    return found;
  }

  async #within<T>(see: Look<T>["see"]): Promise<Finding<T>> {
    const { timeoutMs, now, signal } = this.#limits;
    const leftMs = Math.min(timeoutMs, this.#endMs - now());
    if (leftMs <= 0) throw new TlogError("INCOMPLETE", "the time for all checks was used up before this one");
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new TlogError("INCOMPLETE", `no outcome in ${Math.round(leftMs / 1000)} s`)),
      leftMs,
    );
    const both = AbortSignal.any([signal, late.signal]);
    try {
      return await raceAbort(
        Promise.resolve().then(() => see(both)),
        both,
      );
    } finally {
      clearTimeout(timer);
      // Whoever still works on it may stop.
      late.abort();
    }
  }
}

export function ok(saw: string): Outcome {
  return { verdict: "ok", saw };
}

export function warn(saw: string, advice: string): Outcome {
  return { verdict: "warn", saw, advice };
}

export function fail(saw: string, advice: string): Outcome {
  return { verdict: "fail", saw, advice };
}

export function unknown(saw: string, advice: string): Outcome {
  return { verdict: "unknown", saw, advice };
}

export function skipped(saw: string): Outcome {
  return { verdict: "skipped", saw };
}

/** @returns how many results have each verdict. */
export function countVerdicts(results: readonly CheckResult[]): Readonly<Record<Verdict, number>> {
  const counts = { ok: 0, warn: 0, fail: 0, unknown: 0, skipped: 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}
