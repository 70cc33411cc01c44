/** When something that is wrong is told, and when that it is over: once each. */
import { type AlarmKind, type Alert, alertId, oneLine } from "./alert.ts";
import type { Alarm, LogState } from "./log-state.ts";

/** What a look at a log, or at a place that shows its heads, came to. */
export interface Observation {
  readonly kind: AlarmKind;
  /** A mirror or witness by its URL, a matcher by its name; "": the log itself. */
  readonly subject: string;
  /** What is wrong; undefined: nothing of this kind. */
  readonly message: string | undefined;
  /** How long it must be wrong before it is told. */
  readonly graceMs: number;
  readonly nowMs: number;
  readonly files?: readonly string[] | undefined;
  /** Added to the message when it is over. */
  readonly overWords?: string | undefined;
}

/** Most of somebody else's words that are kept. */
const MAX_MESSAGE_LENGTH = 1000;

/**
 * @param about - the log's place, and who is to be told.
 * @returns the state itself when nothing changes.
 */
export function observe(
  state: LogState,
  { kind, subject, message, graceMs, nowMs, files, overWords = "" }: Observation,
  about: { readonly url: string; readonly to: readonly string[] },
): LogState {
  const known = state.alarms.find((alarm) => alarm.kind === kind && alarm.subject === subject);
  const others = state.alarms.filter((alarm) => alarm !== known);
  const tell = (alarm: Alarm, isResolved: boolean): Alert => ({
    id: alertId([state.origin, kind, subject, alarm.sinceMs, isResolved]),
    kind,
    isResolved,
    origin: state.origin,
    url: about.url,
    atMs: nowMs,
    message: isResolved ? alarm.message + overWords : alarm.message,
    ...(subject !== "" && kind !== "matcher-stopped" && { place: subject }),
    ...(files !== undefined && files.length > 0 && { files }),
  });
  if (message === undefined) {
    if (known === undefined) return state;
    const alerts = known.isTold ? [tell(known, true)] : [];
    return { ...state, alarms: others, pending: [...state.pending, ...addressed(alerts, about.to)] };
  }
  if (known?.isTold === true) return state;
  const words = oneLine(message, MAX_MESSAGE_LENGTH);
  const alarm = { kind, subject, sinceMs: known?.sinceMs ?? nowMs, isTold: false, message: words };
  if (nowMs - alarm.sinceMs < graceMs) {
    return known === undefined ? { ...state, alarms: [...others, alarm] } : state;
  }
  return {
    ...state,
    alarms: [...others, { ...alarm, isTold: true }],
    pending: [...state.pending, ...addressed([tell(alarm, false)], about.to)],
  };
}

export function addressed(alerts: readonly Alert[], to: readonly string[]): LogState["pending"] {
  return to.length === 0 ? [] : alerts.map((alert) => ({ alert, to }));
}

/** Moments that are still to come: the clock was ahead when they were written down, and nothing would be told until then. */
export function withoutFuture(state: LogState, nowMs: number): LogState {
  const { head, alarms } = state;
  const isAhead = (head?.seenAtMs ?? 0) > nowMs || alarms.some(({ sinceMs }) => sinceMs > nowMs);
  if (!isAhead) return state;
  return {
    ...state,
    head: head && { ...head, seenAtMs: Math.min(head.seenAtMs, nowMs) },
    alarms: alarms.map((alarm) => ({ ...alarm, sinceMs: Math.min(alarm.sinceMs, nowMs) })),
  };
}

/** Places that are not watched any more have no alarms, but for forks: they are the log's. */
export function withoutStrangers(
  state: LogState,
  places: readonly string[],
  about: { readonly url: string; readonly to: readonly string[]; readonly nowMs: number },
): LogState {
  const isKnown = (subject: string) => subject === "" || places.includes(subject);
  const strange = state.alarms.filter(
    ({ kind, subject }) => kind !== "fork" && kind !== "matcher-stopped" && !isKnown(subject),
  );
  const settled = strange.reduce(
    (now, { kind, subject }) =>
      observe(now, { kind, subject, message: undefined, graceMs: 0, nowMs: about.nowMs }, about),
    state,
  );
  return { ...settled, places: settled.places.filter(({ url }) => places.includes(url)) };
}
