/** What entries are looked for. A matcher sees each entry once, in order, after it was verified. */
import type { LogEntry } from "../../client/entries.ts";
import { orUndefined } from "../errors.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { decodeUtf8, encodeUtf8 } from "../tlog/encoding.ts";
import { type JsonPath, selectJson } from "./json-path.ts";

/** An entry as matchers see it. */
export interface SeenEntry extends LogEntry {
  readonly origin: string;
  /** The entry as JSON, parsed once for all matchers; undefined when it is none. */
  json(): unknown;
}

export interface Matcher {
  /** Stands in alerts, and in their ids. */
  readonly name: string;
  /** @returns false, or true, or words for people that stand in the alert. May throw: that is an alert too. */
  match(entry: SeenEntry): Verdict | Promise<Verdict>;
}

export type Verdict = boolean | string;

/** A matcher that looks at many entries at once, because asking it costs: it may be somebody's program. */
export interface BatchMatcher {
  readonly name: string;
  /** @returns one for each entry. @throws {TlogError} ABORTED: then they are shown again; else never but for a bug */
  matchAll(entries: readonly SeenEntry[], signal: AbortSignal): Promise<readonly EntryVerdict[]>;
}

/** "unseen": the matcher failed again and again, and is not asked for a while. */
export type EntryVerdict = { readonly verdict: Verdict } | { readonly failure: string } | "unseen";

export function seenEntry(origin: string, { leafIndex, entry, leafHash }: LogEntry): SeenEntry {
  let parsed: { readonly value: unknown } | undefined; // owned by json()
  return {
    origin,
    leafIndex,
    entry,
    leafHash,
    json() {
      parsed ??= { value: parseJson(entry) };
      return parsed.value;
    },
  };
}

/** Entries that contain a text, as UTF-8, not empty. @param options.ignoresCase - of ASCII letters. */
export function substringMatcher(
  name: string,
  { text, ignoresCase }: { readonly text: string; readonly ignoresCase: boolean },
): Matcher {
  const needle = encodeUtf8(ignoresCase ? text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : text);
  const contains = finder(needle);
  return { name, match: ({ entry }) => contains(ignoresCase ? lowered(entry) : entry) };
}

/** The entry with this leaf hash. */
export function leafHashMatcher(name: string, leafHash: Uint8Array): Matcher {
  return { name, match: (entry) => hashesEqual(entry.leafHash, leafHash) };
}

/** What a value that a path leads to must be; undefined: it must only be there. */
export type JsonTest =
  | { readonly equals: readonly (string | number | boolean | null)[] }
  | { readonly contains: string }
  | undefined;

/** Entries that are JSON in which the path leads to a value that passes. */
export function jsonMatcher(name: string, path: JsonPath, test: JsonTest): Matcher {
  const passes = (value: unknown): boolean => {
    if (test === undefined) return true;
    if ("equals" in test) return test.equals.some((one) => one === value);
    return typeof value === "string" && value.includes(test.contains);
  };
  return {
    name,
    match: (entry) => {
      const json = entry.json();
      return json !== undefined && selectJson(json, path).some(passes);
    },
  };
}

/** How much of the needle's beginning each of its beginnings ends in: a search then goes over no byte twice, whoever wrote the entry. */
function overlapsOf(needle: Uint8Array): Uint32Array {
  const overlaps = new Uint32Array(needle.length);
  for (let at = 1, length = 0; at < needle.length; at++) {
    while (length > 0 && needle[at] !== needle[length]) length = overlaps[length - 1] ?? 0;
    if (needle[at] === needle[length]) length += 1;
    overlaps[at] = length;
  }
  return overlaps;
}

/** Knuth, Morris and Pratt's search. */
function finder(needle: Uint8Array): (bytes: Uint8Array) => boolean {
  const overlaps = overlapsOf(needle);
  const [first = 0] = needle;
  return (bytes) => {
    let length = 0;
    for (let at = bytes.indexOf(first); at !== -1 && at < bytes.length; at++) {
      while (length > 0 && bytes[at] !== needle[length]) length = overlaps[length - 1] ?? 0;
      if (bytes[at] === needle[length]) length += 1;
      if (length === needle.length) return true;
    }
    return false;
  };
}

function lowered(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
}

/** JSON has no undefined: it stands for what is none. */
function parseJson(entry: Uint8Array): unknown {
  const text = orUndefined(() => decodeUtf8(entry));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
