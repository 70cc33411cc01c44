/** Metrics of a witness. */
import { DURATIONS, type MetricRow } from "./metric.ts";

/** Of so many logs a witness shows each by itself: a list of logs may name thousands. */
export const MAX_LOGS_SHOWN = 100;

export const WITNESS_METRICS = [
  {
    name: "bristlecone_witness_info",
    type: "gauge",
    help: "1; the label says which witness this is.",
    labels: ["name"],
  },
  {
    name: "bristlecone_witness_state",
    type: "gauge",
    help: "1 for the state the witness is in (ok, read-only, closing), 0 for the others.",
    labels: ["state"],
  },
  {
    name: "bristlecone_witness_logs",
    type: "gauge",
    help: "Logs that the witness knows.",
  },
  {
    name: "bristlecone_witness_cosigned_total",
    type: "counter",
    help: "Checkpoints that were cosigned.",
  },
  {
    name: "bristlecone_witness_cosign_duration_seconds",
    type: "histogram",
    help: "How long one took, from its verified request to a durable cosignature.",
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_witness_last_cosigned_timestamp_seconds",
    type: "gauge",
    help: "When the witness last cosigned anything; 0: not since the start.",
  },
  {
    name: "bristlecone_witness_log_cosigned_timestamp_seconds",
    type: "gauge",
    help: `The time of the newest cosignature for a log, of the first ${MAX_LOGS_SHOWN} logs.`,
    labels: ["origin"],
    when: "a log was cosigned",
  },
  {
    name: "bristlecone_witness_refused_total",
    type: "counter",
    help: "Heads that a known log signed and that were not cosigned, by the code of the reason.",
    labels: ["code"],
    when: "a head was refused",
  },
  {
    name: "bristlecone_witness_heads_compared_total",
    type: "counter",
    help: "Heads that others show, held against this witness's own: consistent, behind, unproven or evidence.",
    labels: ["verdict"],
  },
  {
    name: "bristlecone_witness_evidence_total",
    type: "counter",
    help: "Files of evidence against a log or a witness that were stored.",
  },
] as const satisfies readonly MetricRow[];
