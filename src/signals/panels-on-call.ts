/** For who was woken by it. */
import { burning, OBJECTIVES } from "./objectives.ts";
import { ADDS, type Dashboard, DURATION, one, PICK, plain, quantiles, REQUESTS, rate } from "./panel.ts";
import { MONITOR_ON_CALL } from "./panels-monitor.ts";

export const ON_CALL: Dashboard = {
  id: "on-call",
  title: "Bristlecone: on call",
  panels: [
    {
      title: "Firing",
      text: "Each has a page in deploy/runbooks.",
      kind: "number",
      unit: "short",
      series: one(
        `sum by (alertname, severity, instance) (ALERTS{alertstate="firing",${PICK}})`,
        "{{severity}} {{alertname}} {{instance}}",
      ),
    },
    {
      title: "State",
      text: "The one that is 1.",
      kind: "number",
      unit: "short",
      series: [
        ...one(`bristlecone_log_state{${PICK}} == 1`, "log {{state}}"),
        ...one(`bristlecone_witness_state{${PICK}} == 1`, "witness {{state}}"),
        ...plain("bristlecone_log_read_only_info", "because of {{code}}"),
      ],
    },
    {
      title: "Answers of adds by code",
      text: "200 and 202 are good; 429 asks to come again.",
      unit: "reqps",
      series: one(rate(REQUESTS, "code", ',route=~"/add|/add .receipt.|/add-batch"'), "{{code}}"),
    },
    {
      title: "Answers of reads by code",
      text: "All routes that only read.",
      unit: "reqps",
      series: one(rate(REQUESTS, "code", ',route!~"/add.*|/sign-subtree"'), "{{code}}"),
    },
    {
      title: "Add",
      text: "From the request to the durable answer.",
      unit: "s",
      series: quantiles(DURATION, ADDS),
    },
    {
      title: "Commit",
      text: "From the pool to the disk.",
      unit: "s",
      series: quantiles("bristlecone_log_commit_duration_seconds"),
    },
    {
      title: "Waiting for a checkpoint",
      text: "The oldest entry that is durable and not published.",
      unit: "s",
      series: plain("bristlecone_log_unpublished_age_seconds", "{{instance}}"),
    },
    {
      title: "Witnesses",
      text: "1: the last answer counted.",
      unit: "short",
      series: [
        ...plain("bristlecone_log_witness_up", "{{witness}}"),
        ...plain("bristlecone_log_quorum_missing", "quorum missing {{instance}}"),
      ],
    },
    {
      title: "Receivers",
      text: "Of webhooks; 1: the last message was taken.",
      unit: "short",
      series: plain("bristlecone_log_webhook_up", "{{webhook}} {{instance}}"),
    },
    {
      title: "Pending entries",
      text: "Against how many may wait.",
      unit: "percentunit",
      series: one(
        `bristlecone_log_pending_entries{${PICK}} / bristlecone_log_pending_entries_limit`,
        "{{instance}}",
      ),
    },
    {
      title: "Turned away",
      text: "Because the pool was full.",
      unit: "reqps",
      series: one(rate("bristlecone_log_pool_refused_entries_total", "instance"), "{{instance}}"),
    },
    {
      title: "Burning the month's allowance",
      text: "1: it lasts for a month; 14.4 wakes somebody.",
      unit: "short",
      series: OBJECTIVES.flatMap((objective) =>
        one(burning(objective, PICK), objective.id.replace("_", " ")),
      ),
    },
    {
      title: "Readers",
      text: "Up, and wanted.",
      unit: "short",
      series: [
        ...plain("bristlecone_log_readers_up", "up {{instance}}"),
        ...plain("bristlecone_log_readers_wanted", "wanted {{instance}}"),
      ],
    },
    {
      title: "Room above the floor",
      text: "At 0 entries are turned away.",
      unit: "bytes",
      series: one(
        `bristlecone_storage_free_bytes{${PICK}} - on (job, instance) bristlecone_log_min_free_bytes`,
        "{{instance}}",
      ),
    },
    {
      title: "Scrub findings",
      text: "Anything but 0 is damage.",
      kind: "number",
      unit: "short",
      series: plain("bristlecone_log_scrub_findings", "{{instance}}"),
    },
    {
      title: "Witness: evidence",
      text: "Anything new is somebody's broken word.",
      kind: "number",
      unit: "short",
      series: plain("bristlecone_witness_evidence_total", "{{instance}}"),
    },
    {
      title: "Witness: refused",
      text: "Heads of known logs, by reason.",
      unit: "reqps",
      series: one(rate("bristlecone_witness_refused_total", "code"), "{{code}}"),
    },
    ...MONITOR_ON_CALL,
  ],
};
