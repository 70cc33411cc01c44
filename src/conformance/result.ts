/** What testing a server came to, case by case. */

/**
 * How binding a requirement is: the document's own word, or "practice" for what no document says and real programs rely on.
 */
export type Level = "MUST" | "SHOULD" | "MAY" | "practice";

/**
 * "pass"; "fail": a MUST is not met; "warn": a SHOULD, a MAY or a practice is not met, or what a MUST wants refused was refused with
 * another status than the document names; "open": the document does not say, so what came is reported and judged by nobody;
 * "not-run": it could not be tried, and `note` says why.
 */
export type Verdict = "pass" | "fail" | "warn" | "open" | "not-run";

/** A requirement, and where it stands. */
export interface Requirement {
  /** Unique among the cases of its kind, kebab-case: "conflict-names-the-size". */
  readonly name: string;
  /** One sentence. */
  readonly requirement: string;
  readonly level: Level;
  /** "c2sp.org/tlog-witness". */
  readonly document: string;
  /** The heading in that document. */
  readonly section: string;
}

export interface CaseResult extends Requirement {
  /** In a few words: '409, text/x.tlog.size, "7\n"'. */
  readonly expected: string;
  /** The same of what came, one line of printable ASCII of at most 200 characters; empty when not run. */
  readonly got: string;
  readonly verdict: Verdict;
  /** Why it was not run, what the document leaves open, or what a reader has to know. */
  readonly note?: string;
}

/** @returns how many results have each verdict. */
export function countVerdicts(results: readonly CaseResult[]): Readonly<Record<Verdict, number>> {
  const counts = { pass: 0, fail: 0, warn: 0, open: 0, "not-run": 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  return counts;
}
