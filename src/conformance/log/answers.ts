/** One answer held against what was expected of it. */

import { headerOf, isSameType } from "../answer.ts";
import type { ProbeAnswer } from "../probe.ts";
import type { AnswerExpectation } from "./cases.ts";
import type { Finding } from "./finding.ts";
import { metIf } from "./finding.ts";

/** "A few seconds" (tlog-tiles, "Checkpoints"), with room for a slow reader of the word. */
const FEW_SECONDS = 10;
const A_DAY = 86_400;
/** The longest that "not there" may be believed. */
const MAX_ERROR_SECONDS = 600;

export function judgeAnswer(answer: ProbeAnswer, expect: AnswerExpectation): Finding {
  const isMet =
    isStatus(answer.status, expect.status) &&
    (expect.contentType === undefined || isSameType(headerOf(answer, "content-type"), expect.contentType)) &&
    (expect.cache === undefined || CACHE_RULES[expect.cache](lifetimeOf(answer))) &&
    Object.entries(expect.headers ?? {}).every(([name, values]) => values.includes(headerOf(answer, name))) &&
    (expect.encodings === undefined || expect.encodings.includes(encodingOf(answer)));
  return metIf(isMet, showAnswer(answer, expect));
}

/** "200, text/plain; charset=utf-8": what an expectation asks for. */
export function showExpectation(expect: AnswerExpectation): string {
  const { status, contentType, cache, headers = {}, encodings } = expect;
  return [
    status.join(" or "),
    contentType,
    cache === undefined ? undefined : CACHE_WORDS[cache],
    ...Object.entries(headers).map(([name, values]) => `${name}: ${values.join(" or ")}`),
    encodings === undefined ? undefined : encodings.map((one) => one || "no encoding").join(" or "),
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

/** "200, application/octet-stream, 416 bytes": the status, what `expect` asks about, and how much came. */
export function showAnswer(answer: ProbeAnswer, expect?: AnswerExpectation): string {
  const shown = [`${answer.status}`];
  if (expect === undefined || expect.contentType !== undefined)
    shown.push(headerOf(answer, "content-type") || "no type");
  if (expect?.cache !== undefined) shown.push(cachingOf(answer));
  for (const name of Object.keys(expect?.headers ?? {}))
    shown.push(`${name}: ${headerOf(answer, name) || "none"}`);
  const encoding = encodingOf(answer);
  if (encoding !== "" || expect?.encodings !== undefined) shown.push(encoding || "no encoding");
  const location = headerOf(answer, "location");
  if (location !== "") shown.push(`to ${location}`);
  return [...shown, `${answer.body.length} bytes`].join(", ");
}

/** "gzip", also for x-gzip (RFC 9110 §8.4.1.3); "" for none, and for the encoding that is none. */
export function encodingOf(answer: ProbeAnswer): string {
  const encoding = headerOf(answer, "content-encoding").trim().toLowerCase();
  if (encoding === "x-gzip") return "gzip";
  return encoding === "identity" ? "" : encoding;
}

/** @param patterns - "404" or "4xx". */
export function isStatus(status: number, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === `${status}` || pattern === `${`${status}`.charAt(0)}xx`);
}

const CACHE_WORDS = {
  seconds: "not cached beyond seconds",
  long: "cached for long",
  "not-long": "not cached for long",
} as const;

const CACHE_RULES: Readonly<Record<keyof typeof CACHE_WORDS, (lifetime: Lifetime) => boolean>> = {
  seconds: ({ isPrevented, ages }) =>
    isPrevented || (ages.length > 0 && ages.every((age) => age <= FEW_SECONDS)),
  long: ({ isPrevented, ages }) => !isPrevented && ages.length > 0 && ages.every((age) => age >= A_DAY),
  "not-long": ({ isPrevented, isImmutable, ages }) =>
    isPrevented || (!isImmutable && ages.every((age) => age <= MAX_ERROR_SECONDS)),
};

/** How long an answer may be believed. */
interface Lifetime {
  /** no-store, or no-cache. */
  readonly isPrevented: boolean;
  readonly isImmutable: boolean;
  /** The lifetimes named, in seconds; none: caches guess. */
  readonly ages: readonly number[];
}

/** RFC 9111 §4.2.1: Expires counts where Cache-Control names no age. */
function lifetimeOf(answer: ProbeAnswer): Lifetime {
  const directives = directivesOf(headerOf(answer, "cache-control"));
  const ages = agesOf(directives);
  return {
    isPrevented: directives.has("no-store") || directives.has("no-cache"),
    isImmutable: directives.has("immutable"),
    ages: ages.length > 0 ? ages : expiryOf(answer),
  };
}

function cachingOf(answer: ProbeAnswer): string {
  const expires = headerOf(answer, "expires");
  return headerOf(answer, "cache-control") || (expires === "" ? "no Cache-Control" : `Expires: ${expires}`);
}

/** RFC 9111 §5.2 */
function directivesOf(cacheControl: string): ReadonlyMap<string, string> {
  return new Map(
    cacheControl
      .toLowerCase()
      .split(",")
      .map((directive) => {
        const [name = "", value = ""] = directive.trim().split("=", 2);
        return [name.trim(), value.trim().replaceAll('"', "")] as const;
      }),
  );
}

/** The lifetimes named, in seconds; what is no number is none (RFC 9111 §4.2.1: stale). */
function agesOf(directives: ReadonlyMap<string, string>): readonly number[] {
  return ["max-age", "s-maxage"]
    .map((name) => directives.get(name))
    .filter((value) => value !== undefined)
    .map((value) => (/^[0-9]{1,15}$/.test(value) ? Number(value) : 0));
}

/** Seconds from Date to Expires; what is no date has expired (RFC 9111 §5.3). */
function expiryOf(answer: ProbeAnswer): readonly number[] {
  const expires = headerOf(answer, "expires");
  if (expires === "") return [];
  const ageMs = Date.parse(expires) - Date.parse(headerOf(answer, "date"));
  return [expires === "0" || Number.isNaN(ageMs) ? 0 : Math.max(0, ageMs / 1000)];
}
