/**
 * Public lists of logs that want witnesses. A list says which logs there are, it is not the witness's configuration: a log whose
 * origin is not known is added, and nothing is ever removed or changed, so that whoever keeps the list cannot take over a log
 * that is being witnessed.  witness-network.org/log-list-format; witness-network.org/participate, witness guidelines
 */
import { type FetchFunction, openFetcher } from "../../client/fetcher.ts";
import type { Sleep } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import { type ListedLog, MAX_LOG_LIST_BYTES, parseLogList } from "../tlog/log-list.ts";
import { type PollLoop, startPollLoop } from "./poll-loop.ts";
import {
  assertRosterEntry,
  MAX_ROSTER_LOGS,
  type OpenRoster,
  type RosterEntry,
  type RosterOwner,
} from "./roster.ts";

const HOUR_MS = 3_600_000;
const TIMEOUT_MS = 60_000;

export interface LogListOptions {
  /** http(s), each a file in the `logs/v0` format. */
  readonly urls: readonly string[];
  readonly owner: RosterOwner;
  readonly roster: Pick<OpenRoster, "find" | "sources">;
  /** Keeps logs for good: after a restart they are there without the network. */
  readonly add: (entries: readonly RosterEntry[]) => Promise<void>;
  readonly events: Pick<WitnessEvents, "warning">;
  /** Default: an hour. */
  readonly intervalMs?: number;
  /** Default: the global fetch. */
  readonly fetch?: FetchFunction;
  readonly sleep?: Sleep;
  readonly monotonicMs?: () => number;
}

/**
 * Polls the lists, at once and then every hour. A list that cannot be had or is malformed is a warning, LOG_LIST_UNAVAILABLE or
 * LOG_LIST_MALFORMED, and changes nothing.
 * @throws {TlogError} ARGUMENT_INVALID for a URL that is none
 */
export function startLogLists(options: LogListOptions): PollLoop {
  const { urls, events, intervalMs = HOUR_MS, sleep, monotonicMs } = options;
  const fetchers = new Map(urls.map((url) => [url, fetcherOf(url, options)]));
  const merging = listMerger(options);
  return startPollLoop({
    keys: () => fetchers.keys(),
    poll: async (url, signal) => {
      const list = await fetchers.get(url)?.(signal);
      if (list !== undefined) await merging(url, parseLogList(list));
    },
    onFailure: (url, error) => {
      const isTheirs = error instanceof TlogError;
      const code = isTheirs && error.code === "LOG_LIST_MALFORMED" ? error.code : "LOG_LIST_UNAVAILABLE";
      events.warning?.({ code, message: `${url}: ${error instanceof Error ? error.message : "failed"}` });
    },
    intervalMs,
    maxPauseMs: Math.max(intervalMs, 24 * HOUR_MS),
    timeoutMs: 2 * TIMEOUT_MS,
    maxConcurrent: 1, // lists are merged one after the other: the first that names an origin decides its key
    random: () => 0, // the first turn at once
    ...(sleep && { sleep }),
    ...(monotonicMs && { monotonicMs }),
  });
}

function fetcherOf(url: string, { fetch }: LogListOptions): (signal: AbortSignal) => Promise<Uint8Array> {
  if (!URL.canParse(url)) throw new TlogError("ARGUMENT_INVALID", `log list: want a URL, got ${url}`);
  const { href } = new URL(".", url);
  const path = new URL(url).href.slice(href.length);
  const fetcher = openFetcher(href, { timeoutMs: TIMEOUT_MS, ...(fetch && { fetch }) });
  return async (signal) => (await fetcher.request({ path, maxBytes: MAX_LOG_LIST_BYTES, signal })).body;
}

/** Takes what one list says, and remembers what was already reported: an hourly alert is soon no alert. */
export function listMerger({
  owner,
  roster,
  add,
  events,
}: Pick<LogListOptions, "owner" | "roster" | "add" | "events">): (
  url: string,
  logs: readonly ListedLog[],
) => Promise<void> {
  const reported = new Set<string>(); // owned by warnOnce(); at most one for each line of the lists
  const warnOnce = (code: string, message: string): void => {
    if (reported.size >= MAX_ROSTER_LOGS || reported.has(message)) return;
    reported.add(message);
    events.warning?.({ code, message });
  };

  return async (url, logs) => {
    const fresh = new Map<string, RosterEntry>();
    for (const log of logs) {
      const known = roster.find(log.origin) ?? fresh.get(log.origin);
      if (known === undefined) {
        const entry = entryOf(log, url);
        const problem = problemOf(entry, owner);
        if (problem === undefined) fresh.set(entry.origin, entry);
        else warnOnce("LOG_LIST_ENTRY_REFUSED", `${url}: ${problem}`);
      } else if (!known.logKeys.some((key) => isSameKey(key, log.vkey))) {
        warnOnce(
          "LOG_LIST_KEY_DIFFERS",
          `${url} gives ${formatVerifierKey(log.vkey)} as the key of ${log.origin}, which is witnessed with ${known.logKeys.map(formatVerifierKey).join(", ")}: nothing is changed. If the log says so itself, use add-log --add-key`,
        );
      }
    }
    const room = Math.max(0, MAX_ROSTER_LOGS - roster.sources.listed.length);
    if (fresh.size > room)
      warnOnce("LOG_LIST_ENTRY_REFUSED", `${url}: more logs than a witness takes from lists`);
    const added = [...fresh.values()].slice(0, room);
    if (added.length > 0) await add(added);
  };
}

function entryOf({ origin, vkey, queriesPerDay, contact }: ListedLog, listUrl: string): RosterEntry {
  return { origin, logKeys: [vkey], urls: [], queriesPerDay, isDisabled: false, listUrl, contact };
}

function problemOf(entry: RosterEntry, owner: RosterOwner): string | undefined {
  try {
    assertRosterEntry(entry, owner);
    return undefined;
  } catch (error) {
    if (error instanceof TlogError) return error.message;
    throw error;
  }
}

function isSameKey(
  left: { readonly publicKey: Uint8Array },
  right: { readonly publicKey: Uint8Array },
): boolean {
  return encodeHex(left.publicKey) === encodeHex(right.publicKey);
}
