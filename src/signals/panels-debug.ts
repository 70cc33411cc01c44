/** For who looks for the cause. */
import { type Dashboard, DURATION, one, PICK, plain, quantiles, REQUESTS, rate } from "./panel.ts";
import { MONITOR_DEBUG } from "./panels-monitor.ts";

export const DEBUG: Dashboard = {
  id: "debug",
  title: "Bristlecone: debug",
  panels: [
    {
      title: "Requests by route",
      text: "Answers a second.",
      unit: "reqps",
      series: one(rate(REQUESTS, "route"), "{{route}}"),
    },
    {
      title: "Read",
      text: "Time to the answer, of the slowest hundredth, by route.",
      unit: "s",
      series: quantiles(DURATION, ',route!~"/add.*"', ", route").slice(1),
    },
    {
      title: "Entries in a commit",
      text: "Grows with the load: that is how the disk is hidden.",
      unit: "short",
      series: quantiles("bristlecone_log_batch_entries"),
    },
    {
      title: "Publication",
      text: "Signing, witnesses and showing together.",
      unit: "s",
      series: quantiles("bristlecone_log_publication_duration_seconds"),
    },
    {
      title: "Signing",
      text: "The log's keys alone.",
      unit: "s",
      series: quantiles("bristlecone_log_sign_duration_seconds"),
    },
    {
      title: "Signer failures",
      text: "Each is tried again. Up: 0 from a failure to the next signature.",
      unit: "short",
      series: [
        ...one(rate("bristlecone_log_signer_failures_total", "instance"), "failures a second {{instance}}"),
        ...plain("bristlecone_log_signer_up", "up {{instance}}"),
      ],
    },
    {
      title: "Webhooks",
      text: "Messages a second by receiver, and what became of them.",
      unit: "reqps",
      series: one(
        rate("bristlecone_log_webhook_deliveries_total", "webhook, outcome"),
        "{{webhook}} {{outcome}}",
      ),
    },
    {
      title: "Webhooks: answers",
      text: "99 % of those of each receiver that took the message.",
      unit: "s",
      series: quantiles("bristlecone_log_webhook_duration_seconds", "", ", webhook").slice(1),
    },
    {
      title: "Webhooks: entries that a receiver does not know",
      text: "Published, and not told there.",
      unit: "short",
      series: one(
        `bristlecone_log_tree_size{${PICK},stage="published"} - on (job, instance) group_right bristlecone_log_webhook_told_entries{${PICK}}`,
        "{{webhook}} {{instance}}",
      ),
    },
    {
      title: "Listeners",
      text: "Streams of GET /events.",
      unit: "short",
      series: plain("bristlecone_log_listeners", "{{instance}}"),
    },
    {
      title: "Integrated to published",
      text: "The oldest new entry of each checkpoint.",
      unit: "s",
      series: quantiles("bristlecone_log_publication_delay_seconds"),
    },
    {
      title: "Integrated and published",
      text: "The distance is what has no receipt yet.",
      unit: "short",
      series: plain("bristlecone_log_tree_size", "{{stage}} {{instance}}"),
    },
    {
      title: "Witness answers",
      text: "99 % of each.",
      unit: "s",
      series: quantiles("bristlecone_log_witness_duration_seconds", "", ", witness").slice(1),
    },
    {
      title: "Age of cosignatures",
      text: "By each witness's own clock.",
      unit: "s",
      series: one(`time() - bristlecone_log_witness_cosigned_timestamp_seconds{${PICK}}`, "{{witness}}"),
    },
    {
      title: "Time since a checkpoint",
      text: "An idle log publishes nothing.",
      unit: "s",
      series: one(`time() - (bristlecone_log_last_published_timestamp_seconds{${PICK}} > 0)`, "{{instance}}"),
    },
    {
      title: "Time since --served-at was seen",
      text: "Every ten seconds when all is well.",
      unit: "s",
      series: one(`time() - bristlecone_log_served_check_timestamp_seconds{${PICK}}`, "{{instance}}"),
    },
    {
      title: "Pending bytes",
      text: "Against how many may wait.",
      unit: "bytes",
      series: [
        ...plain("bristlecone_log_pending_bytes", "pending {{instance}}"),
        ...plain("bristlecone_log_pending_bytes_limit", "limit {{instance}}"),
      ],
    },
    {
      title: "Scrub",
      text: "Bytes a second that were found right.",
      unit: "bytes",
      series: one(rate("bristlecone_log_scrub_verified_bytes_total", "instance"), "{{instance}}"),
    },
    {
      title: "Warnings",
      text: "By code; the log lines say more.",
      unit: "reqps",
      series: one(rate("bristlecone_warnings_total", "code"), "{{code}}"),
    },
    {
      title: "Reader restarts",
      text: "Processes that ended unasked.",
      unit: "reqps",
      series: one(rate("bristlecone_log_reader_restarts_total", "instance"), "{{instance}}"),
    },
    {
      title: "Processor",
      text: "Of the writing process; 1 is a whole core.",
      unit: "percentunit",
      series: one(rate("process_cpu_seconds_total", "instance"), "{{instance}}"),
    },
    {
      title: "Memory",
      text: "Resident, and JavaScript's part of it.",
      unit: "bytes",
      series: [
        ...plain("process_resident_memory_bytes", "resident {{instance}}"),
        ...plain("nodejs_heap_size_used_bytes", "heap {{instance}}"),
      ],
    },
    {
      title: "Event loop lag",
      text: "What 99 % of turns are late by at most.",
      unit: "s",
      series: plain("nodejs_eventloop_lag_p99_seconds", "{{instance}}"),
    },
    {
      title: "Garbage collection",
      text: "Seconds of each second.",
      unit: "percentunit",
      series: one(rate("nodejs_gc_duration_seconds_sum", "kind"), "{{kind}}"),
    },
    {
      title: "File descriptors",
      text: "Open, and how many there may be.",
      unit: "short",
      series: [
        ...plain("process_open_fds", "open {{instance}}"),
        ...plain("process_max_fds", "limit {{instance}}"),
      ],
    },
    {
      title: "Starts",
      text: "When the process started.",
      kind: "number",
      unit: "dateTimeFromNow",
      series: one(`process_start_time_seconds{${PICK}} * 1000`, "{{instance}}"),
    },
    {
      title: "Witness: cosigning",
      text: "From the verified request to a durable cosignature.",
      unit: "s",
      series: quantiles("bristlecone_witness_cosign_duration_seconds"),
    },
    {
      title: "Witness: heads compared",
      text: "By verdict.",
      unit: "reqps",
      series: one(rate("bristlecone_witness_heads_compared_total", "verdict"), "{{verdict}}"),
    },
    {
      title: "Witness: age of each log's cosignature",
      text: "Of the first hundred logs.",
      unit: "s",
      series: one(`time() - bristlecone_witness_log_cosigned_timestamp_seconds{${PICK}}`, "{{origin}}"),
    },
    {
      title: "Witness: logs",
      text: "That it knows.",
      kind: "number",
      unit: "short",
      series: plain("bristlecone_witness_logs", "{{instance}}"),
    },
    {
      title: "Witness: time since a cosignature",
      text: "Of any log.",
      unit: "s",
      series: one(
        `time() - (bristlecone_witness_last_cosigned_timestamp_seconds{${PICK}} > 0)`,
        "{{instance}}",
      ),
    },
    ...MONITOR_DEBUG,
  ],
};
