/** What a client prefers: Accept, Accept-Encoding (RFC 9110 §12.5) and Prefer (RFC 7240). Headers are bounded by the listener. */

interface Weighted {
  readonly value: string;
  /** 0 to 1; 0 means "not acceptable". */
  readonly weight: number;
}

/**
 * Of the types a route offers, the one the client weighs highest; among equals a type named outright before one that a
 * wildcard covers, then the client's order. The first offer when nothing is acceptable: a write is not undone over its format.
 */
export function preferredType<T extends string>(accept: string | undefined, offers: readonly [T, ...T[]]): T {
  if (accept === undefined || accept === "*/*") return offers[0];
  const only = offers.find((offer) => offer === accept);
  if (only !== undefined) return only;
  const ranges = weightedList(accept);
  let best: { offer: T; weight: number; isNamed: boolean; position: number } | undefined;
  for (const offer of offers) {
    const named = ranges.findIndex((range) => range.value === offer);
    const covering = named === -1 ? ranges.findIndex((range) => covers(range.value, offer)) : named;
    const weight = ranges[covering]?.weight ?? 0;
    if (weight === 0) continue;
    const candidate = { offer, weight, isNamed: named !== -1, position: covering };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best?.offer ?? offers[0];
}

/** True when gzip is acceptable and not weighed below identity. */
export function prefersGzip(acceptEncoding: string | null | undefined): boolean {
  if (acceptEncoding === null || acceptEncoding === undefined) return false;
  const codings = weightedList(acceptEncoding);
  const weightOf = (names: readonly string[]) => codings.find(({ value }) => names.includes(value))?.weight;
  const gzip = weightOf(["gzip", "x-gzip"]) ?? weightOf(["*"]) ?? 0;
  return gzip > 0 && gzip >= (weightOf(["identity"]) ?? 0);
}

/**
 * The seconds of `Prefer: wait=N`, or undefined when it is absent or malformed: a preference is never an error.
 * RFC 7240 §4.3
 */
export function preferredWaitSeconds(prefer: string | undefined): number | undefined {
  for (const preference of prefer?.split(",") ?? []) {
    const seconds = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;|$)/i.exec(preference)?.[1];
    if (seconds !== undefined) return Number.parseInt(seconds, 10);
  }
  return undefined;
}

type Candidate = { readonly weight: number; readonly isNamed: boolean; readonly position: number };

function isBetter(left: Candidate, right: Candidate): boolean {
  if (left.weight !== right.weight) return left.weight > right.weight;
  if (left.isNamed !== right.isNamed) return left.isNamed;
  return left.position < right.position;
}

function covers(range: string, type: string): boolean {
  return range === "*/*" || (range.endsWith("/*") && type.startsWith(range.slice(0, -1)));
}

function weightedList(header: string): Weighted[] {
  return header.split(",").map((item) => {
    const [value = "", ...parameters] = item.split(";");
    const weight = parameters.map((parameter) => QVALUE.exec(parameter)?.[1]).find((q) => q !== undefined);
    return {
      value: value.trim().toLowerCase(),
      weight: weight === undefined ? 1 : Number.parseFloat(weight),
    };
  });
}

/** RFC 9110 §12.4.2: 0 to 1 with at most three digits. */
const QVALUE = /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/i;
