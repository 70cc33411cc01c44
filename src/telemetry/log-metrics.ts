import type { LogEvents, ReaderEvents } from "../events.ts";
import type { ServedMetrics } from "../http/running-server.ts";
import type { Log, Scrubbing } from "../log/log.ts";
import { keyLabel, parseVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { isSameVerifierKey, type KeyChange } from "../tlog/key-change.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import { one, openServerMetrics, type ServerMetricsOptions, stateSet } from "./server-metrics.ts";
import { Unpublished } from "./unpublished.ts";
import { webhookEvents } from "./webhook-metrics.ts";
import { type LocalWitnessMetrics, localWitnessMetrics } from "./witness-metrics.ts";
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
  /** When each key's file was written, in milliseconds since 1970: what is known of keys that the log never changed. */
  readonly keys: readonly { readonly name: string; readonly sinceMs: number }[];
  /** Whether witnesses run in the log's process. */
  readonly hasLocalWitnesses: boolean;
  /** Names of receivers that the log tells. */
  readonly webhooks: readonly string[];
}

/** The metrics of one log: what its events tell, and what it says of itself when somebody looks. */
export interface LogMetrics extends ServedMetrics {
  readonly events: LogEvents & ReaderEvents;
  /** Undefined: the log has none in its process. */
  readonly localWitnesses: LocalWitnessMetrics | undefined;
  /** From now on this log is asked too. Once. */
  watch(log: Log): void;
}

export function openLogMetrics(options: LogMetricsOptions): LogMetrics {
  const { registry, requests, warnings } = openServerMetrics(options);
  const unpublished = new Unpublished();
  const pipeline = pipelineEvents(registry, unpublished, options);
  const upkeep = upkeepEvents(registry, options);
  const readers = options.readersWanted === 0 ? {} : readerEvents(registry, options.readersWanted);
  const signer = signerEvents(registry);
  registry.gauge("bristlecone_log_listeners", () => one(requests.openStreams));
  let readOnlyReason: string | undefined; // owned by turnedReadOnly()
  registry.gauge("bristlecone_log_read_only_info", () =>
    readOnlyReason === undefined ? [] : [{ labels: { code: readOnlyReason }, value: 1 }],
  );
  return {
    requests,
    page: () => registry.page(),
    localWitnesses: options.hasLocalWitnesses
      ? localWitnessMetrics(registry, { ...options, warnings })
      : undefined,
    watch(log) {
      unpublished.found(sizesOf(log), options.now());
      watchLog(registry, log, options);
    },
    events: {
      ...pipeline,
      ...upkeep,
      ...readers,
      ...webhookEvents(registry, options.webhooks),
      signerRecovered: signer.recovered,
      warning({ code }) {
        warnings.count(code);
        if (code === "SIGNER_FAILED") signer.failed();
      },
      turnedReadOnly({ reason }) {
        readOnlyReason ??= reason;
      },
    },
  };
}

/** From an entry to a checkpoint that readers see. */
function pipelineEvents(
  registry: MetricRegistry,
  unpublished: Unpublished,
  { now, clock }: LogMetricsOptions,
): LogEvents {
  const entries = registry.counter("bristlecone_log_entries_total");
  const duplicates = registry.counter("bristlecone_log_duplicates_total");
  const batches = registry.histogram("bristlecone_log_batch_entries");
  const commits = registry.histogram("bristlecone_log_commit_duration_seconds");
  const refused = registry.counter("bristlecone_log_pool_refused_entries_total");
  const signing = registry.histogram("bristlecone_log_sign_duration_seconds");
  const publishing = registry.histogram("bristlecone_log_publication_duration_seconds");
  const delay = registry.histogram("bristlecone_log_publication_delay_seconds");
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

function signerEvents(registry: MetricRegistry): { failed(): void; recovered(): void } {
  const failures = registry.counter("bristlecone_log_signer_failures_total");
  let isUp = true; // owned by failed() and recovered()
  registry.gauge("bristlecone_log_signer_up", () => one(isUp ? 1 : 0));
  return {
    failed() {
      failures.inc();
      isUp = false;
    },
    recovered() {
      isUp = true;
    },
  };
}

/** What a log does beside its entries. */
function upkeepEvents(registry: MetricRegistry, options: LogMetricsOptions): LogEvents {
  const { clock, minFreeBytes, isServedWatched } = options;
  const verified = registry.counter("bristlecone_log_scrub_verified_bytes_total");
  const asked = registry.histogram("bristlecone_log_witness_duration_seconds");
  let servedAtMs = clock(); // owned by servedHeadsChecked(): an opening looks before there is a log
  registry.gauge("bristlecone_log_min_free_bytes", () => one(minFreeBytes));
  if (isServedWatched) {
    registry.gauge("bristlecone_log_served_check_timestamp_seconds", () => one(servedAtMs / 1000));
  }
  return {
    scrubProgressed: ({ bytes }) => verified.inc(bytes),
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

const STATES = ["writable", "space-low", "signer-failed", "read-only", "frozen", "closing"];

function watchLog(registry: MetricRegistry, log: Log, { keys }: Pick<LogMetricsOptions, "keys">): void {
  const { maxPendingEntries, maxPendingBytes } = log.limits;
  registry.gauge("bristlecone_log_info", () => [{ labels: { origin: log.origin }, value: 1 }]);
  registry.gauge("bristlecone_log_state", () => stateSet(STATES, stateOf(log)));
  registry.gauge("bristlecone_log_tree_size", () =>
    Object.entries(sizesOf(log)).map(([stage, value]) => ({ labels: { stage }, value })),
  );
  registry.gauge("bristlecone_log_pending_entries", () => one(log.pending().pendingEntries));
  registry.gauge("bristlecone_log_pending_entries_limit", () => one(maxPendingEntries));
  registry.gauge("bristlecone_log_pending_bytes", () => one(log.pending().pendingBytes));
  registry.gauge("bristlecone_log_pending_bytes_limit", () => one(maxPendingBytes));
  const ownKeys = log.vkeys.map(parseVerifierKey);
  registry.gauge("bristlecone_log_key_since_timestamp_seconds", () =>
    keysSince(ownKeys, log.keyHistory?.changes ?? [], keys).map(({ name, sinceMs }) => ({
      labels: { key: name },
      value: sinceMs / 1000,
    })),
  );
  const ofScrub = (read: (scrubbing: Scrubbing) => number | undefined) => () => {
    const scrubbing = log.scrubbing?.();
    const value = scrubbing && read(scrubbing);
    return value === undefined ? [] : one(value);
  };
  registry.gauge(
    "bristlecone_log_scrub_findings",
    ofScrub(({ findings }) => findings),
  );
  registry.gauge(
    "bristlecone_log_scrub_last_pass_timestamp_seconds",
    ofScrub(({ lastPassedAtMs = 0 }) => lastPassedAtMs / 1000),
  );
  registry.gauge(
    "bristlecone_log_scrub_began_timestamp_seconds",
    ofScrub(({ beganAtMs }) => beganAtMs && beganAtMs / 1000),
  );
  if (log.witnessing() !== undefined) witnessesWatched(registry, log);
}

const sizesOf = (log: Log) => ({ integrated: log.integratedSize(), published: log.published().treeSize });

/** States that heal by themselves are one to who wants to write, and others to an operator than a failed write. */
const PASSING: Readonly<Record<string, string>> = { SPACE_LOW: "space-low", SIGNER_FAILED: "signer-failed" };

function stateOf(log: Log): string {
  const state = log.state();
  return state.status === "read-only" ? (PASSING[state.code] ?? state.status) : state.status;
}

/**
 * Since when keys have been in use. A change of the keys has its time and the log's signatures; of keys from the log's beginning only
 * their files are known.
 */
export function keysSince(
  keys: readonly VerifierKey[],
  changes: readonly Pick<KeyChange, "atSeconds" | "oldKeys" | "newKeys">[],
  inFiles: LogMetricsOptions["keys"],
): LogMetricsOptions["keys"] {
  return keys.flatMap((key) => {
    const isAmong = (others: readonly VerifierKey[] = []) =>
      others.some((other) => isSameVerifierKey(other, key));
    const came = changes.find(({ newKeys }) => isAmong(newKeys));
    const name = keyLabel(key);
    if (came !== undefined && !isAmong(changes[0]?.oldKeys))
      return [{ name, sinceMs: came.atSeconds * 1000 }];
    return inFiles.filter((known) => known.name === name);
  });
}
