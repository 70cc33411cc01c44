/** What a monitor tells people, once it is written down. spec/monitor.md */
import { sha256 } from "#crypto";
import { encodeHex, encodeUtf8 } from "../tlog/encoding.ts";

/** What may be wrong with a log, for as long as it is: told when it begins, and when it is over. */
export const ALARM_KINDS = [
  /** It signed two histories; never over. */
  "fork",
  /** It said that it ended, and goes on, or ends otherwise; never over. */
  "reopened",
  /** It serves entries or tiles that are not those it signed. */
  "wrong-bytes",
  /** What it shows as its checkpoint is none, or not signed by it. */
  "bad-checkpoint",
  /** It shows a head that no quorum of the policy cosigned. */
  "quorum-lost",
  /** Its newest head, or the quorum's word for it, is too old. */
  "stale",
  /** It shows an older head than it showed before, or than it shows elsewhere. */
  "behind",
  /** Elsewhere a head is shown with its signature, and nobody serves the tree that would tell whether it is the same history. */
  "unproven",
  /** It does not serve entries or tiles of a tree that it signed. */
  "withheld",
  /** It does not answer. */
  "unreachable",
  /** A matcher failed again and again, and is shown nothing for a while. */
  "matcher-stopped",
  /** A mirror or witness does not answer, shows what is not the log's, or an old head. */
  "place",
] as const;

export type AlarmKind = (typeof ALARM_KINDS)[number];

/** What happens once: an entry matched, a matcher failed at an entry, the log changed its keys, the log ended. */
export const EVENT_KINDS = ["match", "matcher-failed", "keys-changed", "ended"] as const;

export type AlertKind = AlarmKind | (typeof EVENT_KINDS)[number];

/** One thing to tell. */
export interface Alert {
  /** 32 lowercase hex digits: the same whenever the same thing is told again. */
  readonly id: string;
  readonly kind: AlertKind;
  /** Of an alarm: it is over. */
  readonly isResolved: boolean;
  readonly origin: string;
  /** Where the log is read. */
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** For people: one line. May quote strangers. */
  readonly message: string;
  /** The mirror or witness it is about; undefined: the log itself. */
  readonly place?: string;
  readonly match?: MatchOf;
  /** Files that were kept because of it. */
  readonly files?: readonly string[];
}

/** Which entry, and why. */
export interface MatchOf {
  readonly matcher: string;
  readonly leafIndex: number;
  /** 64 lowercase hex digits. */
  readonly leafHash: string;
  readonly entryBytes: number;
  /** The beginning of the entry, base64. */
  readonly excerpt: string;
}

/** Most of an entry that stands in an alert. */
export const EXCERPT_BYTES = 512;

/** Words of strangers as one line: what follows a line break would pass for a line of this program. */
export function oneLine(words: string, maxLength: number): string {
  return words.slice(0, maxLength).replace(/\s*[\r\n\u2028\u2029]\s*/g, " ");
}

/** An id that is a function of what it is about. */
export function alertId(about: readonly (string | number | boolean)[]): string {
  return encodeHex(sha256(encodeUtf8(JSON.stringify(about)))).slice(0, 32);
}

/** As it is sent: absent members are left out. */
export function alertJson(alert: Alert) {
  const { id, kind, isResolved, origin, url, atMs, message, place, match, files } = alert;
  return {
    id,
    kind,
    ...(isResolved && { resolved: true }),
    origin,
    log: url,
    at: new Date(atMs).toISOString(),
    message,
    ...(place !== undefined && { place }),
    ...match,
    ...(files !== undefined && { files }),
  };
}
