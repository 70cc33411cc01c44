/**
 * The file of `serve --tokens`: a token a line, "#" begins a comment.
 *
 *     3f5c…(64 hex digits) build-server entries-per-second=100 max-entry-bytes=4096
 *     9a01…                night-job    bytes-per-second=1000000 expires=2027-01-31
 *     77be…
 *
 * The hash comes first, a name may follow, then limits in any order, each once. The last line ends too.
 */
import { TlogError } from "../errors.ts";
import { MAX_WRITE_TOKENS, type WriteToken } from "../http/write-tokens.ts";
import { readSmallFile } from "./files.ts";

export const MAX_TOKENS_FILE_BYTES = 1024 * 1024;

/** @throws {TlogError} CONFIG_INVALID, naming the line | FILE_UNREADABLE */
export async function readTokenFile(path: string): Promise<readonly WriteToken[]> {
  return parseTokenFile(await readSmallFile(path, { maxBytes: MAX_TOKENS_FILE_BYTES }), path);
}

/** @param path - for messages. @throws {TlogError} CONFIG_INVALID, naming the line */
export function parseTokenFile(bytes: Uint8Array, path: string): readonly WriteToken[] {
  const tokens: WriteToken[] = [];
  const seen = new Set<string>();
  const lines = new TextDecoder().decode(bytes).split("\n");
  for (const [index, line] of lines.entries()) {
    const text = line.replace(/#.*/, "").trim();
    if (text === "") continue;
    const refuse = (wanted: string) =>
      new TlogError("CONFIG_INVALID", `${path}, line ${index + 1}: ${wanted}`);
    // A line that was cut off, while it is written or for good, would give a token more than it has.
    if (index === lines.length - 1) throw refuse("want a newline at its end; the file may be cut off");
    const token = parseToken(text.split(/[ \t]+/), refuse);
    for (const unique of token.name === undefined ? [token.hash] : [token.hash, token.name]) {
      if (seen.has(unique)) throw refuse(`want each hash and each name once, and ${unique} is there already`);
      seen.add(unique);
    }
    tokens.push(token);
    if (tokens.length > MAX_WRITE_TOKENS) throw refuse(`want at most ${MAX_WRITE_TOKENS} tokens`);
  }
  return tokens;
}

/** The line of a token, without a newline; {@link parseTokenFile} reads it back. */
export function formatTokenLine({ hash, name, expiresAtSeconds, ...limits }: WriteToken): string {
  const words = Object.entries(LIMITS).flatMap(([word, member]) => {
    const value = limits[member];
    return value === undefined ? [] : [`${word}=${value}`];
  });
  const expires = expiresAtSeconds === undefined ? [] : [`expires=${dateOf(expiresAtSeconds)}`];
  return [hash, ...(name === undefined ? [] : [name]), ...words, ...expires].join(" ");
}

/** True for what may stand as a token's name. */
export function isTokenName(text: string): boolean {
  return /^[A-Za-z0-9._@-]{1,64}$/.test(text);
}

/** The first second of a day. @returns undefined for what is no date, such as 2027-02-30. */
export function startOfDay(date: string): number | undefined {
  if (!/^20\d\d-\d\d-\d\d$/.test(date)) return undefined;
  const seconds = Date.parse(`${date}T00:00:00Z`) / 1000;
  return Number.isSafeInteger(seconds) && dateOf(seconds) === date ? seconds : undefined;
}

/** How a limit is spelled. */
export const LIMITS = Object.freeze({
  "entries-per-second": "entriesPerSecond",
  "bytes-per-second": "bytesPerSecond",
  "max-entry-bytes": "maxEntryBytes",
} as const);

type Limit = (typeof LIMITS)[keyof typeof LIMITS];
type Refuse = (wanted: string) => TlogError;

function parseToken(words: readonly string[], refuse: Refuse): WriteToken {
  const [hash = "", ...rest] = words;
  if (!/^[0-9a-f]{64}$/.test(hash)) throw refuse("want SHA-256 of a token, 64 lowercase hex digits");
  const name = rest[0]?.includes("=") === false ? rest.shift() : undefined;
  if (name !== undefined && !isTokenName(name)) {
    throw refuse("want a name of 1 to 64 letters, digits, and . _ @ - after the hash");
  }
  const found: { [L in Limit]?: number } & { expiresAtSeconds?: number } = {};
  for (const word of rest) {
    const [key = "", ...values] = word.split("=");
    const value = values.join("=");
    const member = isLimit(key) ? LIMITS[key] : key === "expires" ? "expiresAtSeconds" : undefined;
    if (member === undefined) throw refuse(`want one of ${[...Object.keys(LIMITS), "expires"].join(", ")}`);
    if (found[member] !== undefined) throw refuse(`want ${key} once`);
    found[member] = member === "expiresAtSeconds" ? dayIn(value, refuse) : countIn(key, value, refuse);
  }
  return { hash, ...(name !== undefined && { name }), ...found };
}

function isLimit(word: string): word is keyof typeof LIMITS {
  return Object.hasOwn(LIMITS, word);
}

function dayIn(value: string, refuse: Refuse): number {
  const seconds = startOfDay(value);
  if (seconds === undefined) throw refuse("expires: want a day such as 2027-01-31");
  return seconds;
}

function countIn(key: string, value: string, refuse: Refuse): number {
  if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw refuse(`${key}: want a whole number from 1 up`);
}

/** "2027-01-31" */
function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
