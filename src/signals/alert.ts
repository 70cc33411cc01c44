/** A row of the table of alerts: from it come the rule, its runbook page, its panel on the on-call dashboard and its tests. */
export interface AlertRow {
  readonly name: string;
  /** "page": somebody gets up now. "ticket": somebody looks within days. */
  readonly severity: "page" | "ticket";
  /** PromQL; true is bad. Every duration in it is asked of `times`, so that a test can have days pass in seconds. */
  readonly expr: (times: Times) => string;
  /** How long it has to be bad; undefined: at once. */
  readonly for?: string;
  /** One line, for the notification. */
  readonly summary: string;
  /** What it means, for whom, and what it does not mean. */
  readonly meaning: string;
  /** What to look at, in this order: commands and panels. */
  readonly look: readonly string[];
  /** What brings it back. */
  readonly act: readonly string[];
  /** Series with which it fires, in promtool's notation, a value a minute. */
  readonly example: Readonly<Record<string, string>>;
  /** When it has to have fired in the example. */
  readonly exampleAt: string;
}

export interface Times {
  /** A PromQL duration: "5m". */
  span(duration: string): string;
  /** As a number of seconds. */
  seconds(duration: string): string;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Times as they are written, or so many times as fast. */
export function timesAt(speed: number): Times {
  const secondsOf = (duration: string): number => {
    const [, count = "0", unit = "s"] = /^(\d+)([smhd])$/.exec(duration) ?? [];
    return (Number(count) * (UNIT_SECONDS[unit] ?? 1)) / speed;
  };
  return {
    span: (duration) => (speed === 1 ? duration : `${Math.max(1, Math.round(secondsOf(duration) * 1000))}ms`),
    seconds: (duration) => String(secondsOf(duration)),
  };
}

/** A counter that appears with its first event has no increase then: that it is there is the event. */
export function happened(series: string, span: string): string {
  return `increase(${series}[${span}]) > 0 or (${series} > 0 unless ${series} offset ${span})`;
}
