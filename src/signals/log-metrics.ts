/** Metrics of a log server. */
import { COUNTS, DURATIONS, type MetricRow } from "./metric.ts";

const WITNESSED = "the log has witnesses";
const READERS = "the log has readers";
const SCRUBBED = "the log is scrubbed (--scrub-bytes-per-second)";
const WEBHOOKS = "the log has webhooks";

export const LOG_METRICS = [
  {
    name: "bristlecone_log_info",
    type: "gauge",
    help: "1; the label says which log this is.",
    labels: ["origin"],
  },
  {
    name: "bristlecone_log_state",
    type: "gauge",
    help: "1 for the state the log is in (writable, space-low, signer-failed, read-only, frozen, closing), 0 for the others.",
    labels: ["state"],
  },
  {
    name: "bristlecone_log_read_only_info",
    type: "gauge",
    help: "1 when the log turned read-only until a restart; the label has the code of what happened first.",
    labels: ["code"],
    when: "the log turned read-only",
  },
  {
    name: "bristlecone_log_tree_size",
    type: "gauge",
    help: "Entries that are integrated (durable, with their index) and published (covered by a checkpoint that readers see).",
    labels: ["stage"],
  },
  {
    name: "bristlecone_log_entries_total",
    type: "counter",
    help: "Entries that were given a new index since the start.",
  },
  {
    name: "bristlecone_log_duplicates_total",
    type: "counter",
    help: "Entries that the log already had, answered with their first index.",
  },
  {
    name: "bristlecone_log_batch_entries",
    type: "histogram",
    help: "New entries in one commit.",
    buckets: COUNTS,
  },
  {
    name: "bristlecone_log_commit_duration_seconds",
    type: "histogram",
    help: "Integration: from taking a batch out of the pool to its being durable.",
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_log_pending_entries",
    type: "gauge",
    help: "Entries that wait for a commit.",
  },
  {
    name: "bristlecone_log_pending_entries_limit",
    type: "gauge",
    help: "How many may wait; more are turned away with 429.",
  },
  {
    name: "bristlecone_log_pending_bytes",
    type: "gauge",
    help: "Bytes of entries that wait for a commit.",
  },
  {
    name: "bristlecone_log_pending_bytes_limit",
    type: "gauge",
    help: "How many may wait; more are turned away with 429.",
  },
  {
    name: "bristlecone_log_pool_refused_entries_total",
    type: "counter",
    help: "Entries turned away because as many as may wait were waiting.",
  },
  {
    name: "bristlecone_log_sign_duration_seconds",
    type: "histogram",
    help: "How long the log's keys took to sign a head.",
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_log_signer_failures_total",
    type: "counter",
    help: "Heads that could not be signed; each is tried again.",
  },
  {
    name: "bristlecone_log_signer_up",
    type: "gauge",
    help: "0 from a head that could not be signed until one is signed again, else 1.",
  },
  {
    name: "bristlecone_log_publication_duration_seconds",
    type: "histogram",
    help: "Publication: from beginning to sign a head until readers see it, its witnesses' cosignatures included.",
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_log_publication_delay_seconds",
    type: "histogram",
    help: "Of each checkpoint, how long its oldest new entry had been integrated when readers saw it.",
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_log_unpublished_age_seconds",
    type: "gauge",
    help: "How long the oldest entry that is integrated and not published has been waiting; 0: there is none.",
  },
  {
    name: "bristlecone_log_last_published_timestamp_seconds",
    type: "gauge",
    help: "When readers last got a new checkpoint from this process; 0: not since the start.",
  },
  {
    name: "bristlecone_log_quorum_missing",
    type: "gauge",
    help: "1 while the last attempt to get a quorum of witnesses failed, or takes more than 10 seconds.",
    when: WITNESSED,
  },
  {
    name: "bristlecone_log_quorum_margin",
    type: "gauge",
    help: "How many more witnesses may fail before there is no quorum; -1: there is none now.",
    when: WITNESSED,
  },
  {
    name: "bristlecone_log_witness_up",
    type: "gauge",
    help: "1 while the last answer of a witness counted.",
    labels: ["witness"],
    when: WITNESSED,
  },
  {
    name: "bristlecone_log_witness_cosigned_timestamp_seconds",
    type: "gauge",
    help: "The time in a witness's newest cosignature, by its own clock.",
    labels: ["witness"],
    when: WITNESSED,
  },
  {
    name: "bristlecone_log_witness_duration_seconds",
    type: "histogram",
    help: "From asking a witness to its cosignature.",
    labels: ["witness"],
    buckets: DURATIONS,
    when: WITNESSED,
  },
  {
    name: "bristlecone_log_min_free_bytes",
    type: "gauge",
    help: "Entries are turned away while less than this is free on the log's disk (--min-free-bytes).",
  },
  {
    name: "bristlecone_log_scrub_verified_bytes_total",
    type: "counter",
    help: "Bytes of what is stored that the scrub read and found right.",
  },
  {
    name: "bristlecone_log_scrub_last_pass_timestamp_seconds",
    type: "gauge",
    help: "When the scrub last ended a pass over the whole log without findings; 0: never.",
    when: SCRUBBED,
  },
  {
    name: "bristlecone_log_scrub_began_timestamp_seconds",
    type: "gauge",
    help: "When the scrub began its first pass over this copy of the log, kept over restarts.",
    when: "it began",
  },
  {
    name: "bristlecone_log_scrub_findings",
    type: "gauge",
    help: "Places that the scrub found to be wrong and that were not right again when it last looked.",
    when: SCRUBBED,
  },
  {
    name: "bristlecone_log_served_check_timestamp_seconds",
    type: "gauge",
    help: "When every place of --served-at was last seen to show this log.",
    when: "--served-at is given",
  },
  {
    name: "bristlecone_log_readers_wanted",
    type: "gauge",
    help: "How many reader processes there should be.",
    when: READERS,
  },
  {
    name: "bristlecone_log_readers_up",
    type: "gauge",
    help: "How many reader processes listen.",
    when: READERS,
  },
  {
    name: "bristlecone_log_reader_restarts_total",
    type: "counter",
    help: "Reader processes that ended unasked.",
    when: READERS,
  },
  {
    name: "bristlecone_log_key_since_timestamp_seconds",
    type: "gauge",
    help: "Since when a key of the log has been in use: by the log's history of keys, else since its file was written.",
    labels: ["key"],
    when: "the key lies in a file, or the log changed its keys",
  },
  {
    name: "bristlecone_log_listeners",
    type: "gauge",
    help: "Streams of GET /events that are open; those of readers are counted every two seconds.",
  },
  {
    name: "bristlecone_log_webhook_up",
    type: "gauge",
    help: "0 from a message that a receiver did not take until it takes one, else 1.",
    labels: ["webhook"],
    when: WEBHOOKS,
  },
  {
    name: "bristlecone_log_webhook_deliveries_total",
    type: "counter",
    help: "Messages to receivers, by what became of them: delivered or failed. One that failed is sent again.",
    labels: ["webhook", "outcome"],
    when: WEBHOOKS,
  },
  {
    name: "bristlecone_log_webhook_told_entries",
    type: "gauge",
    help: "The tree size up to which a receiver has said since the start that it knows the log.",
    labels: ["webhook"],
    when: "a message was delivered",
  },
  {
    name: "bristlecone_log_webhook_duration_seconds",
    type: "histogram",
    help: "From sending a message to the answer that it was taken.",
    labels: ["webhook"],
    buckets: DURATIONS,
    when: "a message was delivered",
  },
] as const satisfies readonly MetricRow[];
