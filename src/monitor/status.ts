/** How a monitor is, for pages, programs and metrics. */
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";
import type { AlarmKind } from "./alert.ts";
import { quorumSight } from "./freshness.ts";
import type { LogMonitor } from "./log-monitor.ts";
import type { LogState } from "./log-state.ts";

export interface MonitorStatus {
  /** False: the state of a log cannot be written down. */
  readonly isSaving: boolean;
  readonly logs: readonly LogStatus[];
}

/** What is known of one log from its state alone. */
export interface StoredStatus {
  readonly origin: string;
  /** Of the largest head that was verified; 0: none. */
  readonly treeSize: number;
  /** When a head of this size was first seen, in milliseconds since 1970. */
  readonly headSeenAtMs: number | undefined;
  /** How many entries were verified and matched, counted from the beginning of the log. */
  readonly readSize: number;
  readonly matches: number;
  /** Alerts that somebody is still to be told. */
  readonly pendingAlerts: number;
  /** What is wrong, and was told. */
  readonly alarms: readonly {
    readonly kind: AlarmKind;
    readonly place: string | undefined;
    readonly sinceMs: number;
    readonly message: string;
  }[];
}

export interface LogStatus extends StoredStatus {
  readonly url: string;
  /** It says by itself what is new, and is heard; else it is asked again and again, as it is anyhow. */
  readonly isTold: boolean;
  /** When the log was last asked; undefined: not yet. */
  readonly checkedAtMs: number | undefined;
  /** What the last look failed with. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  readonly quorum: {
    readonly cosignedAtSeconds: number | undefined;
    readonly margin: number | undefined;
    readonly witnesses: readonly { readonly name: string; readonly cosignedAtSeconds: number | undefined }[];
  };
  readonly places: readonly {
    readonly name: string;
    readonly url: string;
    readonly treeSize: number | undefined;
    readonly verdict: string | undefined;
  }[];
}

export function storedStatus(state: LogState): StoredStatus {
  const { head } = state;
  return {
    origin: state.origin,
    treeSize: head === undefined ? 0 : parseCheckpoint(decodeUtf8(parseNote(head.signedNote).text)).treeSize,
    headSeenAtMs: head?.seenAtMs,
    readSize: state.read?.treeSize ?? 0,
    matches: state.matches,
    pendingAlerts: state.pending.length,
    alarms: state.alarms.flatMap(({ kind, subject, sinceMs, message, isTold }) =>
      isTold ? [{ kind, place: subject === "" ? undefined : subject, sinceMs, message }] : [],
    ),
  };
}

export function logStatus({ log, record, head, isTold, lastLook, places }: LogMonitor): LogStatus {
  const { policy } = log.trust;
  const sight = head && quorumSight(head, policy);
  const cosignedAt = (name: string): number | undefined =>
    head?.cosignatures.find((cosignature) => cosignature.name === name)?.timestampSeconds;
  const { failure } = lastLook;
  return {
    ...storedStatus(record.state),
    url: log.url,
    isTold,
    checkedAtMs: lastLook.atMs,
    failure: failure && { code: failure.code, message: failure.message },
    quorum: {
      cosignedAtSeconds: sight?.atSeconds,
      margin: sight?.margin,
      witnesses: policy.witnesses.map(({ name }) => ({ name, cosignedAtSeconds: cosignedAt(name) })),
    },
    places: places.sights().map(({ place, treeSize, verdict }) => {
      return { name: place.name, url: place.url, treeSize, verdict };
    }),
  };
}
