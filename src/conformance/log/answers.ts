/** One answer held against what was expected of it. */

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
    (expect.cache === undefined || CACHE_RULES[expect.cache](headerOf(answer, "cache-control"))) &&
    Object.entries(expect.headers ?? {}).every(([name, value]) => headerOf(answer, name) === value) &&
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
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
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
  if (expect?.cache !== undefined) shown.push(headerOf(answer, "cache-control") || "no Cache-Control");
  for (const name of Object.keys(expect?.headers ?? {}))
    shown.push(`${name}: ${headerOf(answer, name) || "none"}`);
  const encoding = encodingOf(answer);
  if (encoding !== "" || expect?.encodings !== undefined) shown.push(encoding || "no encoding");
  const location = headerOf(answer, "location");
  if (location !== "") shown.push(`to ${location}`);
  return [...shown, `${answer.body.length} bytes`].join(", ");
}

/** The field's value, "" when it is not there. */
export function headerOf({ headers }: ProbeAnswer, name: string): string {
  return headers.get(name) ?? "";
}

/** "gzip"; "" for none, and for the encoding that is none. */
export function encodingOf(answer: ProbeAnswer): string {
  const encoding = headerOf(answer, "content-encoding").trim().toLowerCase();
  return encoding === "identity" ? "" : encoding;
}

/** @param patterns - "404" or "4xx". */
export function isStatus(status: number, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === `${status}` || pattern === `${`${status}`.charAt(0)}xx`);
}

/** RFC 9110 §8.3.1: type, subtype, parameter names and the charset without regard to case, blanks around ";" without meaning. */
export function isSameType(got: string, wanted: string): boolean {
  return canonicalType(got) === canonicalType(wanted);
}

function canonicalType(type: string): string {
  return type
    .toLowerCase()
    .split(";")
    .map((part) => part.trim().replace(/="([!-~]*)"$/, "=$1"))
    .filter((part) => part !== "")
    .join(";");
}

const CACHE_WORDS = {
  seconds: "not cached beyond seconds",
  long: "cached for long",
  "not-long": "not cached for long",
} as const;

const CACHE_RULES: Readonly<Record<keyof typeof CACHE_WORDS, (cacheControl: string) => boolean>> = {
  seconds(cacheControl) {
    const directives = directivesOf(cacheControl);
    if (directives.has("no-store") || directives.has("no-cache")) return true;
    const ages = agesOf(directives);
    return ages.length > 0 && ages.every((age) => age <= FEW_SECONDS);
  },
  long(cacheControl) {
    const directives = directivesOf(cacheControl);
    if (directives.has("no-store") || directives.has("no-cache")) return false;
    const ages = agesOf(directives);
    return ages.length > 0 && ages.every((age) => age >= A_DAY);
  },
  "not-long"(cacheControl) {
    const directives = directivesOf(cacheControl);
    if (directives.has("no-store") || directives.has("no-cache")) return true;
    return !directives.has("immutable") && agesOf(directives).every((age) => age <= MAX_ERROR_SECONDS);
  },
};

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
