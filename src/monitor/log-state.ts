/**
 * What a monitor keeps of one log, as one line of JSON that is replaced as a whole: how far it read, what is wrong, and what it has still to
 * tell. So no alert is told before it is written down, and none is forgotten with the entries that caused it.  spec/monitor.md
 */
import { sha256 } from "#crypto";
import { orUndefined, TlogError } from "../errors.ts";
import { type CompactRange, peakCoordinates } from "../merkle/compact-range.ts";
import { decodeBase64, decodeUtf8, encodeBase64, encodeHex, encodeUtf8 } from "../tlog/encoding.ts";
import { ALARM_KINDS, type AlarmKind, type Alert, type AlertKind, EVENT_KINDS } from "./alert.ts";

export interface LogState {
  readonly origin: string;
  /** The largest head that was verified. */
  readonly head: SeenHead | undefined;
  /** The signed history of the log's keys, as far as it was followed.  spec/key-history.md */
  readonly keys: Uint8Array | undefined;
  /** The first entry that matchers see. */
  readonly from: number | undefined;
  /** The tree of all entries read, hashed here; before `from`, as tiles had it. Undefined: reading has not begun. */
  readonly read: CompactRange | undefined;
  /** How many matches there were. */
  readonly matches: number;
  /** The signed head that said that the log ended, once that was told. */
  readonly end: Uint8Array | undefined;
  /** Heads with the log's signature that nobody could prove yet. */
  readonly suspects: readonly Suspect[];
  /** What other places showed at the last look. */
  readonly places: readonly PlaceMemory[];
  readonly alarms: readonly Alarm[];
  readonly pending: readonly PendingAlert[];
}

/** A head with the log's signature, and nobody served the tree that would tell whether it is of the same history. */
export interface Suspect {
  /** Who showed it: a mirror or witness by its URL; "": the log itself. */
  readonly subject: string;
  readonly note: Uint8Array;
}

export interface PlaceMemory {
  readonly url: string;
  /** The largest size it showed that is larger than the log's own. */
  readonly ahead?: number;
  /** The size it shows while the log shows a larger one. */
  readonly behind?: number;
}

export interface SeenHead {
  readonly signedNote: Uint8Array;
  /** When a head of this size was first seen, in milliseconds since 1970. */
  readonly seenAtMs: number;
}

/** Something that is wrong, told or not yet. */
export interface Alarm {
  readonly kind: AlarmKind;
  /** A mirror or witness by its URL; "": the log itself. */
  readonly subject: string;
  readonly sinceMs: number;
  readonly isTold: boolean;
  readonly message: string;
}

/** An alert, and the names of those who have not been told. */
export interface PendingAlert {
  readonly alert: Alert;
  readonly to: readonly string[];
}

/** Eighteen checkpoints of 128 KiB, a thousand alerts of 2 KiB, and as much again. */
export const MAX_STATE_BYTES = 16 * 1024 * 1024;
const FORMAT = "bristlecone-monitor/v1";

export function emptyState(origin: string): LogState {
  return {
    origin,
    head: undefined,
    keys: undefined,
    from: undefined,
    read: undefined,
    matches: 0,
    end: undefined,
    suspects: [],
    places: [],
    alarms: [],
    pending: [],
  };
}

/** One line; its last member is the SHA-256 of the line without that member. */
export function formatLogState({ head, keys, read, end, ...state }: LogState): string {
  const fields = {
    format: FORMAT,
    origin: state.origin,
    head: head && { note: decodeUtf8(head.signedNote), seenAtMs: head.seenAtMs },
    keys: keys && decodeUtf8(keys),
    from: state.from,
    read: read && { treeSize: read.treeSize, peaks: read.peaks.map(encodeBase64) },
    matches: state.matches,
    end: end && decodeUtf8(end),
    suspects: state.suspects.map(({ subject, note }) => ({ subject, note: decodeUtf8(note) })),
    places: state.places.map(({ url, ahead, behind }) => ({ url, ahead, behind })),
    alarms: state.alarms.map(({ kind, subject, sinceMs, isTold, message }) => {
      return { kind, subject, sinceMs, isTold, message };
    }),
    pending: state.pending.map(({ alert, to }) => ({ alert: alertFields(alert), to })),
  };
  const checksum = encodeHex(sha256(encodeUtf8(JSON.stringify(fields))));
  return `${JSON.stringify({ ...fields, sha256: checksum })}\n`;
}

/** formatLogState(parseLogState(x)) is x. @throws {TlogError} STORE_DAMAGED */
export function parseLogState(text: string): LogState {
  const state = orUndefined(() => stateIn(jsonObject(text)));
  // Whatever was passed over above, the spelling or the checksum, shows here.
  if (state === undefined || formatLogState(state) !== text) {
    throw new TlogError("STORE_DAMAGED", "want the state of a log as this program writes it");
  }
  return state;
}

function stateIn(fields: Fields): LogState {
  const head = fields.head === undefined ? undefined : object(fields.head);
  const read = fields.read === undefined ? undefined : object(fields.read);
  return {
    origin: string(fields.origin),
    head: head && { signedNote: encodeUtf8(string(head.note)), seenAtMs: integer(head.seenAtMs) },
    keys: fields.keys === undefined ? undefined : encodeUtf8(string(fields.keys)),
    from: fields.from === undefined ? undefined : integer(fields.from),
    read: read && rangeIn(read),
    matches: integer(fields.matches),
    end: fields.end === undefined ? undefined : encodeUtf8(string(fields.end)),
    suspects: list(fields.suspects).map((value) => {
      const { subject, note } = object(value);
      return { subject: string(subject), note: encodeUtf8(string(note)) };
    }),
    places: list(fields.places).map((value) => {
      const { url, ahead, behind } = object(value);
      return {
        url: string(url),
        ...(ahead !== undefined && { ahead: integer(ahead) }),
        ...(behind !== undefined && { behind: integer(behind) }),
      };
    }),
    alarms: list(fields.alarms).map(alarmIn),
    pending: list(fields.pending).map((value) => {
      const { alert, to } = object(value);
      return { alert: alertIn(object(alert)), to: list(to).map(string) };
    }),
  };
}

function rangeIn(fields: Fields): CompactRange {
  const treeSize = integer(fields.treeSize);
  const peaks = list(fields.peaks).map((peak) => decodeBase64(string(peak)));
  if (peaks.length !== peakCoordinates(treeSize).length || peaks.some((peak) => peak.length !== 32)) {
    throw damaged();
  }
  return { treeSize, peaks };
}

function alarmIn(value: unknown): Alarm {
  const fields = object(value);
  const kind = ALARM_KINDS.find((known) => known === fields.kind);
  if (kind === undefined) throw damaged();
  return {
    kind,
    subject: string(fields.subject),
    sinceMs: integer(fields.sinceMs),
    isTold: fields.isTold === true,
    message: string(fields.message),
  };
}

const ALERT_KINDS: readonly AlertKind[] = [...ALARM_KINDS, ...EVENT_KINDS];

function alertIn(fields: Fields): Alert {
  const kind = ALERT_KINDS.find((known) => known === fields.kind);
  if (kind === undefined) throw damaged();
  const match = fields.match === undefined ? undefined : object(fields.match);
  return {
    id: string(fields.id),
    kind,
    isResolved: fields.isResolved === true,
    origin: string(fields.origin),
    url: string(fields.url),
    atMs: integer(fields.atMs),
    message: string(fields.message),
    ...(fields.place !== undefined && { place: string(fields.place) }),
    ...(match && {
      match: {
        matcher: string(match.matcher),
        leafIndex: integer(match.leafIndex),
        leafHash: string(match.leafHash),
        entryBytes: integer(match.entryBytes),
        excerpt: string(match.excerpt),
      },
    }),
    ...(fields.files !== undefined && { files: list(fields.files).map(string) }),
  };
}

/** In the order of {@link alertIn}. */
function alertFields(alert: Alert): object {
  const { id, kind, isResolved, origin, url, atMs, message, place, match, files } = alert;
  return {
    id,
    kind,
    isResolved,
    origin,
    url,
    atMs,
    message,
    place,
    match: match && {
      matcher: match.matcher,
      leafIndex: match.leafIndex,
      leafHash: match.leafHash,
      entryBytes: match.entryBytes,
      excerpt: match.excerpt,
    },
    files,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function jsonObject(text: string): Fields {
  if (text.length > MAX_STATE_BYTES) throw damaged();
  try {
    return object(JSON.parse(text));
  } catch {
    throw damaged();
  }
}

function object(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw damaged();
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw damaged();
}

function string(value: unknown): string {
  if (typeof value === "string") return value;
  throw damaged();
}

function integer(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw damaged();
}

function damaged(): TlogError {
  return new TlogError("STORE_DAMAGED", "want the state of a log");
}
