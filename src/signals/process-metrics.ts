/** Metrics that logs and witnesses share. */
import { DURATIONS, type MetricRow } from "./metric.ts";

export const SERVER_METRICS = [
  {
    name: "bristlecone_build_info",
    type: "gauge",
    help: "1; the label says which version runs.",
    labels: ["version"],
  },
  {
    name: "bristlecone_http_requests_total",
    type: "counter",
    help: "Answers on the public listener, by route and status; those of readers are counted every two seconds.",
    labels: ["route", "code"],
  },
  {
    name: "bristlecone_http_request_duration_seconds",
    type: "histogram",
    help: "From a request's head to its answer, of requests that were served (status below 400).",
    labels: ["route"],
    buckets: DURATIONS,
  },
  {
    name: "bristlecone_storage_bytes",
    type: "gauge",
    help: "Room that the data directory takes on its disk.",
  },
  {
    name: "bristlecone_storage_free_bytes",
    type: "gauge",
    help: "Room that is free on the disk of the data directory.",
  },
  {
    name: "bristlecone_warnings_total",
    type: "counter",
    help: "Warnings in the log lines, by code.",
    labels: ["code"],
    when: "a warning was told",
  },
] as const satisfies readonly MetricRow[];

/** Those of prom-client's own, of every process, that panels and rules use. */
export const PROCESS_METRICS = [
  { name: "process_cpu_seconds_total", type: "counter", help: "Processor time." },
  { name: "process_resident_memory_bytes", type: "gauge", help: "Memory that is resident." },
  { name: "process_start_time_seconds", type: "gauge", help: "When the process started." },
  { name: "process_open_fds", type: "gauge", help: "Open file descriptors." },
  { name: "process_max_fds", type: "gauge", help: "How many there may be." },
  { name: "nodejs_eventloop_lag_p99_seconds", type: "gauge", help: "What the event loop is late by." },
  { name: "nodejs_heap_size_used_bytes", type: "gauge", help: "JavaScript heap in use." },
  {
    name: "nodejs_gc_duration_seconds",
    type: "histogram",
    help: "Pauses of the garbage collector.",
    labels: ["kind"],
    when: "the collector ran",
  },
] as const satisfies readonly MetricRow[];
