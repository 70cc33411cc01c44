/** Metrics of a monitor of logs. */
import type { MetricRow } from "./metric.ts";

/** Of so many logs a monitor shows each by itself. */
export const MAX_MONITORED_SHOWN = 100;

const EACH = `of the first ${MAX_MONITORED_SHOWN} logs`;

export const MONITOR_METRICS = [
  {
    name: "bristlecone_monitor_logs",
    type: "gauge",
    help: "Logs that are followed.",
  },
  {
    name: "bristlecone_monitor_alarms",
    type: "gauge",
    help: "What is wrong with logs now, and was told, by its kind.",
    labels: ["kind"],
  },
  {
    name: "bristlecone_monitor_log_alarms",
    type: "gauge",
    help: `What is wrong with a log now, and was told, ${EACH}.`,
    labels: ["origin"],
  },
  {
    name: "bristlecone_monitor_log_head_entries",
    type: "gauge",
    help: `Entries of the largest head of a log that was verified, ${EACH}.`,
    labels: ["origin"],
  },
  {
    name: "bristlecone_monitor_log_read_entries",
    type: "gauge",
    help: `Entries of a log that were read, verified and matched, ${EACH}; what is missing to the head is still to be read.`,
    labels: ["origin"],
  },
  {
    name: "bristlecone_monitor_log_head_timestamp_seconds",
    type: "gauge",
    help: `When the largest head of a log was first seen, ${EACH}.`,
    labels: ["origin"],
    when: "a head was seen",
  },
  {
    name: "bristlecone_monitor_log_quorum_timestamp_seconds",
    type: "gauge",
    help: `When a quorum last cosigned the newest head of a log, ${EACH}.`,
    labels: ["origin"],
    when: "the policy asks for a quorum",
  },
  {
    name: "bristlecone_monitor_log_quorum_margin",
    type: "gauge",
    help: `How many witnesses of the newest head of a log could fall away and leave a quorum, ${EACH}.`,
    labels: ["origin"],
    when: "the policy asks for a quorum",
  },
  {
    name: "bristlecone_monitor_log_checked_timestamp_seconds",
    type: "gauge",
    help: `When a log was last asked for its head, whatever came of it, ${EACH}.`,
    labels: ["origin"],
    when: "it was asked",
  },
  {
    name: "bristlecone_monitor_entries_total",
    type: "counter",
    help: "Entries that were read, verified and matched.",
  },
  {
    name: "bristlecone_monitor_entry_bytes_total",
    type: "counter",
    help: "Bytes of these entries.",
  },
  {
    name: "bristlecone_monitor_matches_total",
    type: "counter",
    help: "Matches that were found.",
  },
  {
    name: "bristlecone_monitor_looks_failed_total",
    type: "counter",
    help: "Looks at a log, or readings of it, that failed, by the code of the reason.",
    labels: ["code"],
    when: "one failed",
  },
  {
    name: "bristlecone_monitor_pending_alerts",
    type: "gauge",
    help: "Alerts that somebody is still to be told.",
  },
  {
    name: "bristlecone_monitor_alerts_told_total",
    type: "counter",
    help: "Alerts that were told, by whom they were told to.",
    labels: ["to"],
    when: "one was told",
  },
  {
    name: "bristlecone_monitor_tellings_failed_total",
    type: "counter",
    help: "Attempts to tell alerts that failed, by whom they were to be told to.",
    labels: ["to"],
    when: "one failed",
  },
  {
    name: "bristlecone_monitor_state_saved",
    type: "gauge",
    help: "1 while the state of every log can be written down, else 0.",
  },
] as const satisfies readonly MetricRow[];
