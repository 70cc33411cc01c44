import type { LogEvents, ReaderEvents } from "../events.ts";
import type { ServedMetrics } from "../http/running-server.ts";
import type { Log } from "../log/log.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import { one, openServerMetrics, type ServerMetricsOptions, stateSet } from "./server-metrics.ts";
import { Unpublished } from "./unpublished.ts";
import { witnessesWatched } from "./witnesses-watched.ts";

export interface LogMetricsOptions extends ServerMetricsOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** How many readers there should be. */
  readonly readersWanted: number;
  /** See OpenLogOptions; 0: none. */
  readonly minFreeBytes: number;
  /** Whether places are looked at where readers see the log. */
  readonly isServedWatched: boolean;
  /** When each key began to be used, in milliseconds since 1970, as far as that is known. */
  readonly keys: readonly { readonly name: string; readonly sinceMs: number }[];
}

/** The metrics of one log: what its events tell, and what it says of itself when somebody looks. */
export interface LogMetrics extends ServedMetrics {
  readonly events: LogEvents & ReaderEvents;
  /** From now on this log is asked too. Once. */
  watch(log: Log): void;
}

export function openLogMetrics(options: LogMetricsOptions): LogMetrics {
  const { registry, requests, warnings } = openServerMetrics(options);
  const pipeline = pipelineEvents(registry, options);
  const upkeep = upkeepEvents(registry, options);
  const readers = options.readersWanted === 0 ? {} : readerEvents(registry, options.readersWanted);
  const failures = registry.counter("bristlecone_log_signer_failures_total");
  let readOnlyReason: string | undefined; // owned by turnedReadOnly()
  registry.gauge("bristlecone_log_read_only_info", () =>
    readOnlyReason === undefined ? [] : [{ labels: { code: readOnlyReason }, value: 1 }],
  );
  return {
    requests,
    page: () => registry.page(),
    watch: (log) => watchLog(registry, log),
    events: {
      ...pipeline,
      ...upkeep,
      ...readers,
      warning({ code }) {
        warnings.count(code);
        if (code === "SIGNER_FAILED") failures.inc();
      },
      turnedReadOnly({ reason }) {
        readOnlyReason ??= reason;
      },
    },
  };
}

/** From an entry to a checkpoint that readers see. */
function pipelineEvents(registry: MetricRegistry, { now, clock }: LogMetricsOptions): LogEvents {
  const entries = registry.counter("bristlecone_log_entries_total");
  const duplicates = registry.counter("bristlecone_log_duplicates_total");
  const batches = registry.histogram("bristlecone_log_batch_entries");
  const commits = registry.histogram("bristlecone_log_commit_duration_seconds");
  const refused = registry.counter("bristlecone_log_pool_refused_entries_total");
  const signing = registry.histogram("bristlecone_log_sign_duration_seconds");
  const publishing = registry.histogram("bristlecone_log_publication_duration_seconds");
  const delay = registry.histogram("bristlecone_log_publication_delay_seconds");
  const unpublished = new Unpublished();
  let publishedAtMs = 0; // owned by checkpointPublished()
  registry.gauge("bristlecone_log_unpublished_age_seconds", () => one(unpublished.ageMs(now()) / 1000));
  registry.gauge("bristlecone_log_last_published_timestamp_seconds", () => one(publishedAtMs / 1000));
  return {
    batchIntegrated({ treeSize, count, duplicates: known, elapsedMs }) {
      entries.inc(count);
      if (known > 0) duplicates.inc(known);
      batches.observe(count);
      commits.observe(elapsedMs / 1000);
      unpublished.integrated({ treeSize, count }, now());
    },
    checkpointSigned: ({ elapsedMs }) => signing.observe(elapsedMs / 1000),
    checkpointPublished({ treeSize, elapsedMs }) {
      publishing.observe(elapsedMs / 1000);
      publishedAtMs = clock();
      const waitedMs = unpublished.published(treeSize, now());
      if (waitedMs !== undefined) delay.observe(waitedMs / 1000);
    },
    poolFull: ({ count }) => refused.inc(count),
  };
}

/** What a log does beside its entries. */
function upkeepEvents(registry: MetricRegistry, options: LogMetricsOptions): LogEvents {
  const { clock, minFreeBytes, isServedWatched, keys } = options;
  const verified = registry.counter("bristlecone_log_scrub_verified_bytes_total");
  const findings = registry.counter("bristlecone_log_scrub_findings_total");
  const asked = registry.histogram("bristlecone_log_witness_duration_seconds");
  let passedAtMs = 0; // owned by scrubProgressed() and scrubPassed()
  let servedAtMs = clock(); // owned by servedHeadsChecked(): an opening looks before there is a log
  registry.gauge("bristlecone_log_scrub_last_pass_timestamp_seconds", () => one(passedAtMs / 1000));
  registry.gauge("bristlecone_log_min_free_bytes", () => one(minFreeBytes));
  registry.gauge("bristlecone_log_key_since_timestamp_seconds", () =>
    keys.map(({ name, sinceMs }) => ({ labels: { key: name }, value: sinceMs / 1000 })),
  );
  if (isServedWatched) {
    registry.gauge("bristlecone_log_served_check_timestamp_seconds", () => one(servedAtMs / 1000));
  }
  return {
    scrubProgressed({ bytes, lastPassedAtMs }) {
      verified.inc(bytes);
      passedAtMs = lastPassedAtMs ?? passedAtMs;
    },
    scrubPassed({ findings: found, endedAtMs }) {
      if (found === 0) passedAtMs = endedAtMs;
    },
    scrubFound: () => findings.inc(),
    witnessCosigned: ({ name, elapsedMs }) => asked.observe({ witness: name }, elapsedMs / 1000),
    servedHeadsChecked({ silent }) {
      if (silent === 0) servedAtMs = clock();
    },
  };
}

function readerEvents(registry: MetricRegistry, wanted: number): ReaderEvents {
  const restarts = registry.counter("bristlecone_log_reader_restarts_total");
  let up = 0; // owned by the two events
  registry.gauge("bristlecone_log_readers_wanted", () => one(wanted));
  registry.gauge("bristlecone_log_readers_up", () => one(up));
  return {
    readerStarted() {
      up += 1;
    },
    readerEnded({ pid }) {
      restarts.inc();
      if (pid !== 0) up -= 1; // 0: one that did not even start
    },
  };
}

const STATES = ["writable", "space-low", "read-only", "frozen", "closing"];

function watchLog(registry: MetricRegistry, log: Log): void {
  const { maxPendingEntries, maxPendingBytes } = log.limits;
  registry.gauge("bristlecone_log_info", () => [{ labels: { origin: log.origin }, value: 1 }]);
  registry.gauge("bristlecone_log_state", () => stateSet(STATES, stateOf(log)));
  registry.gauge("bristlecone_log_tree_size", () => [
    { labels: { stage: "integrated" }, value: log.integratedSize() },
    { labels: { stage: "published" }, value: log.published().treeSize },
  ]);
  registry.gauge("bristlecone_log_pending_entries", () => one(log.pending().pendingEntries));
  registry.gauge("bristlecone_log_pending_entries_limit", () => one(maxPendingEntries));
  registry.gauge("bristlecone_log_pending_bytes", () => one(log.pending().pendingBytes));
  registry.gauge("bristlecone_log_pending_bytes_limit", () => one(maxPendingBytes));
  if (log.witnessing() !== undefined) witnessesWatched(registry, log);
}

/** A disk that is nearly full heals by itself, a failed write does not: two states for an operator, one for who wants to write. */
function stateOf(log: Log): string {
  const state = log.state();
  return state.status === "read-only" && state.code === "SPACE_LOW" ? "space-low" : state.status;
}
