/** What a monitor has to show, for who was woken by it and for who looks for the cause. */
import { one, type Panel, PICK, plain, rate } from "./panel.ts";

export const MONITOR_ON_CALL: readonly Panel[] = [
  {
    title: "Monitor: alarms",
    text: "Of each log, and of which kind; anything but 0 is something wrong with a log.",
    unit: "short",
    series: [
      ...plain("bristlecone_monitor_log_alarms", "{{origin}}"),
      ...one(`bristlecone_monitor_alarms{${PICK}} > 0`, "{{kind}} {{instance}}"),
    ],
  },
  {
    title: "Monitor: untold",
    text: "Alerts that somebody is still to be told, and attempts a second that failed.",
    unit: "short",
    series: [
      ...plain("bristlecone_monitor_pending_alerts", "waiting {{instance}}"),
      ...one(rate("bristlecone_monitor_tellings_failed_total", "to"), "failed {{to}}"),
    ],
  },
];

export const MONITOR_DEBUG: readonly Panel[] = [
  {
    title: "Monitor: still to be read",
    text: "Entries of each log between its head and what was verified and matched.",
    unit: "short",
    series: one(
      `bristlecone_monitor_log_head_entries{${PICK}} - bristlecone_monitor_log_read_entries{${PICK}}`,
      "{{origin}}",
    ),
  },
  {
    title: "Monitor: entries",
    text: "Verified and matched, and matches among them.",
    unit: "reqps",
    series: [
      ...one(rate("bristlecone_monitor_entries_total", "instance"), "entries {{instance}}"),
      ...one(rate("bristlecone_monitor_matches_total", "instance"), "matches {{instance}}"),
    ],
  },
  {
    title: "Monitor: bytes",
    text: "Of entries, a second.",
    unit: "bytes",
    series: one(rate("bristlecone_monitor_entry_bytes_total", "instance"), "{{instance}}"),
  },
  {
    title: "Monitor: times of each log",
    text: "Since it was asked, since its head was new, since a quorum cosigned that.",
    unit: "s",
    series: [
      ...one(`time() - bristlecone_monitor_log_checked_timestamp_seconds{${PICK}}`, "asked {{origin}}"),
      ...one(`time() - bristlecone_monitor_log_head_timestamp_seconds{${PICK}}`, "head {{origin}}"),
      ...one(`time() - bristlecone_monitor_log_quorum_timestamp_seconds{${PICK}}`, "quorum {{origin}}"),
    ],
  },
  {
    title: "Monitor: quorum margin",
    text: "Witnesses of each log's newest head that could fall away.",
    unit: "short",
    series: plain("bristlecone_monitor_log_quorum_margin", "{{origin}}"),
  },
  {
    title: "Monitor: looks that failed",
    text: "A second, by code.",
    unit: "reqps",
    series: one(rate("bristlecone_monitor_looks_failed_total", "code"), "{{code}}"),
  },
  {
    title: "Monitor: alerts told",
    text: "A second, by whom they were told to.",
    unit: "reqps",
    series: one(rate("bristlecone_monitor_alerts_told_total", "to"), "{{to}}"),
  },
  {
    title: "Monitor: logs, and whether its state is kept",
    text: "How many it follows; 0 for state: what it knows would be lost by a restart.",
    kind: "number",
    unit: "short",
    series: [
      ...plain("bristlecone_monitor_logs", "logs {{instance}}"),
      ...plain("bristlecone_monitor_state_saved", "state {{instance}}"),
    ],
  },
];
