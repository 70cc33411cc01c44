/** "VKEY [URL…]": a log as it stands on a command line or in a configuration file. */
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { parseVerifierKey } from "../tlog/key.ts";
import type { RosterEntry } from "./roster.ts";

/**
 * Parses the logs given to a witness. The origin is the key's name; arguments of one origin are one log with several keys, which
 * is how a log that changes its key is given.
 * @throws {TlogError} ARGUMENT_INVALID | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export function parseLogArguments(values: readonly string[]): readonly RosterEntry[] {
  const byOrigin = new Map<string, RosterEntry>();
  for (const value of values) {
    const entry = parseLogArgument(value);
    const known = byOrigin.get(entry.origin);
    byOrigin.set(entry.origin, known === undefined ? entry : joined(known, entry));
  }
  return [...byOrigin.values()];
}

/** Parses one log. @throws {TlogError} ARGUMENT_INVALID | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export function parseLogArgument(value: string): RosterEntry {
  const [vkey, ...urls] = value.split(/[ \t]+/).filter((word) => word !== "");
  if (vkey === undefined) throw new TlogError("ARGUMENT_INVALID", "a log: want VKEY [URL…], got nothing");
  const key = parseVerifierKey(vkey);
  return { origin: key.name, logKeys: [key], urls, queriesPerDay: undefined, isDisabled: false };
}

function joined(known: RosterEntry, more: RosterEntry): RosterEntry {
  const keys = new Set(known.logKeys.map(({ publicKey }) => encodeHex(publicKey)));
  const fresh = more.logKeys.filter(({ publicKey }) => !keys.has(encodeHex(publicKey)));
  return {
    ...known,
    logKeys: [...known.logKeys, ...fresh],
    urls: [...new Set([...known.urls, ...more.urls])],
  };
}
