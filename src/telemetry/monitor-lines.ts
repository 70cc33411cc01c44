import type { MonitorEvents } from "../events.ts";
import { counted, type LogLineOptions, lineWriter, onceASecond } from "./line-writer.ts";

/** Turns what a monitor reports into log lines. Alerts are not among them: they are told by `alertLine`. */
export function monitorLines(options: LogLineOptions): Required<MonitorEvents> {
  const line = lineWriter(options, "monitor");
  return {
    headVerified: ({ origin, treeSize, progress }) =>
      line("debug", "head verified", { origin, treeSize, progress }),
    entriesRead: ({ origin, count, bytes, matches }) =>
      line("debug", "entries verified", { origin, count, bytes, matches }),
    lookFailed: onceASecond(options.now, ({ origin, code, message }, count) =>
      line("info", `a look failed, and is tried again: ${message}`, {
        origin,
        code,
        ...counted(count),
      }),
    ),
    alertsTold: ({ to, count }) => line("debug", "alerts told", { to, count }),
    tellingFailed: ({ to, code, message, failures }) =>
      line("warn", `alerts could not be told, and are tried again: ${message}`, { to, code, failures }),
    warning: ({ code, message }) => line("warn", message, { code }),
  };
}

/** An alert as a log line: always a warning, unless it says that something is over. */
export function alertLine(
  options: LogLineOptions,
): (
  alert: { readonly kind: string; readonly isResolved: boolean; readonly message: string },
  fields: object,
) => void {
  const line = lineWriter(options, "monitor");
  return ({ kind, isResolved, message }, fields) => {
    const shown = Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "number" ? value : String(value), // a list of files: with commas
    ]);
    const words = isResolved ? `over: ${kind}: ${message}` : `${kind}: ${message}`;
    line(isResolved ? "info" : "warn", words, Object.fromEntries(shown));
  };
}

/** All of them hear every event, in this order. */
export function monitorHeardByAll(...listeners: readonly MonitorEvents[]): Required<MonitorEvents> {
  return {
    headVerified: (event) => listeners.forEach((one) => void one.headVerified?.(event)),
    entriesRead: (event) => listeners.forEach((one) => void one.entriesRead?.(event)),
    lookFailed: (event) => listeners.forEach((one) => void one.lookFailed?.(event)),
    alertsTold: (event) => listeners.forEach((one) => void one.alertsTold?.(event)),
    tellingFailed: (event) => listeners.forEach((one) => void one.tellingFailed?.(event)),
    warning: (event) => listeners.forEach((one) => void one.warning?.(event)),
  };
}
