import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { MonitorEvents } from "../events.ts";
import type { MetricsPage } from "../http/running-server.ts";
import { ALARM_KINDS } from "../monitor/alert.ts";
import type { LogStatus, MonitorStatus } from "../monitor/status.ts";
import { MAX_MONITORED_SHOWN, MONITOR_METRICS } from "../signals/monitor-metrics.ts";
import { BoundedCounter } from "./server-metrics.ts";

type Name = (typeof MONITOR_METRICS)[number]["name"];
type Samples = readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[];

export interface MonitorMetrics {
  readonly events: MonitorEvents;
  page(): Promise<MetricsPage>;
}

/**
 * What an operator's Prometheus reads of a monitor.
 * @param options.status - asked when somebody looks.
 * @param options.isWholeProcess - whether what prom-client knows of the process goes on the page.
 */
export function openMonitorMetrics(options: {
  readonly status: () => MonitorStatus;
  readonly isWholeProcess: boolean;
}): MonitorMetrics {
  const { status } = options;
  const registry = new Registry();
  if (options.isWholeProcess) collectDefaultMetrics({ register: registry });
  const counter = (name: Name) => new Counter({ ...configured(name), registers: [registry] });
  const gauge = (name: Name, samples: (now: MonitorStatus) => Samples) =>
    new Gauge({
      ...configured(name),
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels = {}, value } of samples(status())) this.set(labels, value);
      },
    });
  gauge("bristlecone_monitor_logs", ({ logs }) => [{ value: logs.length }]);
  gauge("bristlecone_monitor_state_saved", ({ isSaving }) => [{ value: isSaving ? 1 : 0 }]);
  gauge("bristlecone_monitor_pending_alerts", ({ logs }) => [
    { value: sum(logs, (log) => log.pendingAlerts) },
  ]);
  gauge("bristlecone_monitor_alarms", ({ logs }) =>
    ALARM_KINDS.map((kind) => ({
      labels: { kind },
      value: sum(logs, ({ alarms }) => alarms.filter((alarm) => alarm.kind === kind).length),
    })),
  );
  for (const [name, numberOf] of OF_EACH_LOG) gauge(name, ({ logs }) => ofEach(logs, numberOf));
  const entries = counter("bristlecone_monitor_entries_total");
  const bytesRead = counter("bristlecone_monitor_entry_bytes_total");
  const matched = counter("bristlecone_monitor_matches_total");
  const failed = new BoundedCounter(counter("bristlecone_monitor_looks_failed_total"));
  const told = counter("bristlecone_monitor_alerts_told_total");
  const untold = counter("bristlecone_monitor_tellings_failed_total");
  return {
    page: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    events: {
      entriesRead({ count, bytes, matches }) {
        entries.inc(count);
        bytesRead.inc(bytes);
        matched.inc(matches);
      },
      lookFailed: ({ code }) => failed.count(code),
      alertsTold: ({ to, count }) => told.inc({ to }, count),
      tellingFailed: ({ to }) => untold.inc({ to }),
    },
  };
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

const OF_EACH_LOG: readonly (readonly [Name, (log: LogStatus) => number | undefined])[] = [
  ["bristlecone_monitor_log_alarms", ({ alarms }) => alarms.length],
  ["bristlecone_monitor_log_head_entries", ({ treeSize }) => treeSize],
  ["bristlecone_monitor_log_read_entries", ({ readSize }) => readSize],
  ["bristlecone_monitor_log_head_timestamp_seconds", ({ headSeenAtMs }) => seconds(headSeenAtMs)],
  ["bristlecone_monitor_log_quorum_timestamp_seconds", ({ quorum }) => quorum.cosignedAtSeconds],
  ["bristlecone_monitor_log_quorum_margin", ({ quorum }) => quorum.margin],
  ["bristlecone_monitor_log_checked_timestamp_seconds", ({ checkedAtMs }) => seconds(checkedAtMs)],
];

function ofEach(logs: readonly LogStatus[], numberOf: (log: LogStatus) => number | undefined): Samples {
  return logs.slice(0, MAX_MONITORED_SHOWN).flatMap((log) => {
    const value = numberOf(log);
    return value === undefined ? [] : [{ labels: { origin: log.origin }, value }];
  });
}

function sum(logs: readonly LogStatus[], numberOf: (log: LogStatus) => number): number {
  return logs.reduce((total, log) => total + numberOf(log), 0);
}

function configured(name: Name) {
  const row = MONITOR_METRICS.find((metric) => metric.name === name);
  const labels: readonly string[] = row !== undefined && "labels" in row ? row.labels : [];
  return { name, help: row?.help ?? "", labelNames: [...labels] };
}
