/** What `monitor` says. */
import { TlogError } from "../errors.ts";
import { type Alert, alertJson } from "../monitor/alert.ts";
import type { OnceReport } from "../monitor/monitor.ts";
import type { LogStatus, MonitorStatus, StoredStatus } from "../monitor/status.ts";
import { exitCodeOf } from "./exit-code.ts";
import { grouped } from "./progress.ts";

/** One alert, as `--once` prints it. */
export function alertResult(alert: Alert): { readonly text: string; readonly json: object } {
  const { kind, isResolved, origin, message, match, files } = alert;
  const head = `${isResolved ? "over: " : ""}${kind}`.padEnd(16);
  const lines = [
    `${head} ${origin}: ${message}`,
    ...(match === undefined
      ? []
      : [`${" ".repeat(16)} leaf hash ${match.leafHash}, ${match.entryBytes} bytes`]),
    ...(files ?? []).map((path) => `${" ".repeat(16)} kept in ${path}`),
  ];
  return { text: lines.join("\n"), json: { alert: alertJson(alert) } };
}

/** The end of a round: a line for each log. */
export function onceResult(
  report: OnceReport,
  status: MonitorStatus,
): { readonly text: string; readonly json: object } {
  const lines = report.logs.map(({ origin, treeSize, isRead, matches, failure }) => {
    const alarms = alarmsOf(status, origin).length;
    const size = treeSize === undefined ? "no verified head" : `${grouped(treeSize)} entries`;
    const read = isRead || treeSize === undefined ? "" : ", not read to the end";
    const found = `${counted(matches, "match", "matches")}, ${counted(alarms, "alarm", "alarms")}`;
    return `${origin}: ${size}${read}, ${found}${failure === undefined ? "" : ` (${failure.message})`}`;
  });
  const logs = report.logs.map(({ failure, ...log }) => ({
    ...log,
    alarms: alarmsOf(status, log.origin),
    ...(failure !== undefined && { failure: { code: failure.code, message: failure.message } }),
  }));
  return { text: lines.join("\n"), json: { summary: { logs, untold: report.untold } } };
}

/** What the exit code has to say. @throws {TlogError} ALARM_RAISED | MATCH_FOUND | ALERT_NOT_TOLD | INCOMPLETE | the network's */
export function assertQuiet(report: OnceReport, status: MonitorStatus): void {
  const alarms = status.logs.flatMap((log) => log.alarms.map(({ kind }) => `${log.origin} (${kind})`));
  if (alarms.length > 0) throw new TlogError("ALARM_RAISED", `something is wrong with ${shortList(alarms)}`);
  const failures = report.logs.flatMap(({ origin, failure }) =>
    failure === undefined ? [] : [{ origin, failure }],
  );
  const failed = failures.find(({ failure }) => exitCodeOf(failure) === 1);
  if (failed !== undefined) {
    throw new TlogError(failed.failure.code, `${failed.origin}: ${failed.failure.message}`, {
      cause: failed.failure,
    });
  }
  const matched = report.logs.reduce((sum, { matches }) => sum + matches, 0);
  if (matched > 0) throw new TlogError("MATCH_FOUND", `found ${counted(matched, "match", "matches")}`);
  if (report.untold > 0) {
    const alerts = counted(report.untold, "alert", "alerts");
    throw new TlogError(
      "ALERT_NOT_TOLD",
      `${alerts} could not be told to everybody; the next run tries again`,
    );
  }
  const [silent] = failures;
  if (silent !== undefined) throw silent.failure;
  const unread = report.logs.find(({ isRead }) => !isRead);
  if (unread !== undefined) throw new TlogError("INCOMPLETE", `${unread.origin} was not read to the end`);
}

/** A line for each log: of a running monitor, or of what is stored. */
export function statusTable(logs: readonly (StoredStatus | LogStatus)[]): string {
  const rows = logs.map((log) => [
    log.origin,
    grouped(log.treeSize),
    grouped(log.readSize),
    grouped(log.matches),
    log.alarms.length === 0 ? "fine" : log.alarms.map(({ kind }) => kind).join(", "),
  ]);
  const all = [["ORIGIN", "SIZE", "VERIFIED", "MATCHES", "STATE"], ...rows];
  const widths = all.reduce<readonly number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const alarms = logs.flatMap(({ origin, alarms }) =>
    alarms.map(
      ({ kind, sinceMs, message }) =>
        `${origin}: ${kind} since ${new Date(sinceMs).toISOString()}: ${message}`,
    ),
  );
  return [...all.map(line), ...(alarms.length === 0 ? [] : ["", ...alarms])].join("\n");
}

function alarmsOf({ logs }: MonitorStatus, origin: string): StoredStatus["alarms"] {
  return logs.find((log) => log.origin === origin)?.alarms ?? [];
}

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${grouped(count)} ${many}`;
}

/** The first of many names. */
function shortList(names: readonly string[]): string {
  const [shown, more] = [names.slice(0, 5).join(", "), names.length - 5];
  return more > 0 ? `${shown} and ${more} more` : shown;
}
