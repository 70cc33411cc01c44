/**
 * { "logs": [ { "origin": "example.com/log", "vkeys": ["example.com/log+…"], "urls": ["https://log.example/"],
 *   "queriesPerDay": 86400, "disabled": true, "list": "https://…", "contact": "…" } ] }: JSON; from urls on all may be left out.
 * spec/witness-logs.md
 */
import { TlogError } from "../errors.ts";
import { formatVerifierKey, parseVerifierKey } from "../tlog/key.ts";
import { MAX_ROSTER_LOGS, type RosterEntry } from "./roster.ts";

/** More than 100,000 logs with a key each take. */
export const MAX_ROSTER_BYTES = 64 * 1024 * 1024;
const MEMBERS = ["origin", "vkeys", "urls", "queriesPerDay", "disabled", "list", "contact"] as const;

/**
 * Parses a roster file: its form, not whether the witness can have these logs (`openRoster`).
 * @throws {TlogError} ROSTER_INVALID, naming the log
 */
export function parseRosterText(text: string): readonly RosterEntry[] {
  if (text.length > MAX_ROSTER_BYTES) throw invalid(`want at most ${MAX_ROSTER_BYTES} bytes`);
  const file = parseJson(text);
  if (!isObject(file) || !Array.isArray(file.logs) || Object.keys(file).length !== 1) {
    throw invalid('want { "logs": [ … ] } and nothing else');
  }
  const logs: readonly unknown[] = file.logs;
  if (logs.length > MAX_ROSTER_LOGS) throw invalid(`want at most ${MAX_ROSTER_LOGS} logs`);
  return logs.map(parseEntry);
}

/** The file, in the order given, two spaces deep for people. */
export function formatRosterText(entries: readonly RosterEntry[]): string {
  const logs = entries.map((entry) => ({
    origin: entry.origin,
    vkeys: entry.logKeys.map(formatVerifierKey),
    ...(entry.urls.length > 0 && { urls: entry.urls }),
    ...(entry.queriesPerDay !== undefined && { queriesPerDay: entry.queriesPerDay }),
    ...(entry.isDisabled && { disabled: true }),
    ...(entry.listUrl !== undefined && { list: entry.listUrl }),
    ...(entry.contact !== undefined && { contact: entry.contact }),
  }));
  return `${JSON.stringify({ logs }, undefined, 2)}\n`;
}

function parseEntry(value: unknown, index: number): RosterEntry {
  if (!isObject(value)) throw invalid(`log ${index + 1}: want an object`);
  const { origin, vkeys, urls = [], queriesPerDay, disabled = false, list, contact } = value;
  const fail = (wanted: string): TlogError => {
    const name = typeof origin === "string" ? JSON.stringify(origin.slice(0, 80)) : `${index + 1}`;
    return invalid(`log ${name}: ${wanted}`);
  };
  const stray = Object.keys(value).find((key) => !MEMBERS.some((member) => member === key));
  if (stray !== undefined) throw fail(`unknown member ${JSON.stringify(stray.slice(0, 80))}`);
  if (typeof origin !== "string") throw fail("origin: want a text");
  if (!isTexts(vkeys)) throw fail("vkeys: want a list of verifier keys");
  if (!isTexts(urls)) throw fail("urls: want a list of URLs");
  if (queriesPerDay !== undefined && typeof queriesPerDay !== "number") {
    throw fail("queriesPerDay: want a number");
  }
  if (typeof disabled !== "boolean") throw fail("disabled: want true or false");
  if (list !== undefined && typeof list !== "string") throw fail("list: want a URL");
  if (contact !== undefined && typeof contact !== "string") throw fail("contact: want a text");
  return {
    origin,
    logKeys: vkeys.map((vkey) => parseKey(vkey, fail)),
    urls,
    queriesPerDay,
    isDisabled: disabled,
    ...(list !== undefined && { listUrl: list }),
    ...(contact !== undefined && { contact }),
  };
}

function parseKey(vkey: string, fail: (wanted: string) => TlogError) {
  try {
    return parseVerifierKey(vkey);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw fail(`vkeys: ${cause.message}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`want JSON: ${cause instanceof Error ? cause.message : "unreadable"}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function invalid(reason: string): TlogError {
  return new TlogError("ROSTER_INVALID", reason);
}
