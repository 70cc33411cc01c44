/** What trying a case came to, before it is weighed by the requirement's level. */

/**
 * "open": the document allows what came, or does not say. "not-run": it could not be tried, and `note` says why.
 */
export interface Finding {
  readonly outcome: "met" | "unmet" | "open" | "not-run";
  /** What came, in a few words; anything a server may have sent. */
  readonly got: string;
  readonly note?: string;
}

export function metIf(isMet: boolean, got: string): Finding {
  return { outcome: isMet ? "met" : "unmet", got };
}

export function met(got: string): Finding {
  return { outcome: "met", got };
}

export function unmet(got: string): Finding {
  return { outcome: "unmet", got };
}

/** Reported, judged by nobody. */
export function reported(got: string, note?: string): Finding {
  return { outcome: "open", got, ...(note === undefined ? {} : { note }) };
}

export function notRun(note: string): Finding {
  return { outcome: "not-run", got: "", note };
}
