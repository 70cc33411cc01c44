import type { WitnessEvents } from "../events.ts";
import type { ServedMetrics } from "../http/running-server.ts";
import { MAX_LOGS_SHOWN } from "../signals/witness-metrics.ts";
import type { Witness } from "../witness/witness.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import {
  BoundedCounter,
  one,
  openServerMetrics,
  type ServerMetricsOptions,
  stateSet,
} from "./server-metrics.ts";

/** As LogMetrics, of a witness. */
export interface WitnessMetrics extends ServedMetrics {
  readonly events: WitnessEvents;
  /** From now on this witness is asked too. Once. */
  watch(witness: Witness): void;
}

export function openWitnessMetrics(options: ServerMetricsOptions): WitnessMetrics {
  const { registry, requests, warnings } = openServerMetrics(options);
  return {
    requests,
    page: () => registry.page(),
    watch: (witness) => watchWitness(registry, witness),
    events: witnessEvents(registry, { ...options, warnings }),
  };
}

/** Witnesses in a log's process, on its page: counted together, as what one operator runs beside the log. */
export interface LocalWitnessMetrics {
  readonly events: WitnessEvents;
  /** From now on these are asked too. Once. */
  watch(witnesses: readonly Witness[]): void;
}

export function localWitnessMetrics(
  registry: MetricRegistry,
  options: { readonly clock: () => number; readonly warnings: BoundedCounter },
): LocalWitnessMetrics {
  return {
    events: witnessEvents(registry, options),
    watch(witnesses) {
      registry.gauge("bristlecone_witness_info", () =>
        witnesses.map(({ name }) => ({ labels: { name }, value: 1 })),
      );
      registry.gauge("bristlecone_witness_state", () => {
        const states = witnesses.map((witness) => witness.state().status);
        return stateSet(
          STATES,
          ["read-only", "closing"].find((bad) => states.some((is) => is === bad)) ?? "ok",
        );
      });
      registry.gauge("bristlecone_witness_logs", () => one(1));
    },
  };
}

function witnessEvents(
  registry: MetricRegistry,
  { clock, warnings }: { readonly clock: () => number; readonly warnings: BoundedCounter },
): WitnessEvents {
  const cosigned = registry.counter("bristlecone_witness_cosigned_total");
  const took = registry.histogram("bristlecone_witness_cosign_duration_seconds");
  const refused = new BoundedCounter(registry.counter("bristlecone_witness_refused_total"));
  const compared = registry.counter("bristlecone_witness_heads_compared_total");
  for (const verdict of ["consistent", "behind", "unproven", "evidence"]) compared.inc({ verdict }, 0);
  const evidence = registry.counter("bristlecone_witness_evidence_total");
  let cosignedAtMs = 0; // owned by cosigned()
  registry.gauge("bristlecone_witness_last_cosigned_timestamp_seconds", () => one(cosignedAtMs / 1000));
  return {
    cosigned({ elapsedMs }) {
      cosigned.inc();
      took.observe(elapsedMs / 1000);
      cosignedAtMs = clock();
    },
    refused: ({ code }) => refused.count(code),
    headCompared: ({ verdict }) => compared.inc({ verdict }),
    evidenceStored: () => evidence.inc(),
    warning: ({ code }) => warnings.count(code),
  };
}

const STATES = ["ok", "read-only", "closing"];

function watchWitness(registry: MetricRegistry, witness: Witness): void {
  registry.gauge("bristlecone_witness_info", () => [{ labels: { name: witness.name }, value: 1 }]);
  registry.gauge("bristlecone_witness_state", () => stateSet(STATES, witness.state().status));
  registry.gauge("bristlecone_witness_logs", () => one(witness.roster.logs().length));
  registry.gauge("bristlecone_witness_log_cosigned_timestamp_seconds", async () => {
    const logs = witness.roster.logs().slice(0, MAX_LOGS_SHOWN);
    const states = await Promise.all(logs.map(({ origin }) => witness.logState(origin)));
    return states.flatMap((state) =>
      state?.head === undefined
        ? []
        : [{ labels: { origin: state.log.origin }, value: state.head.timestampSeconds }],
    );
  });
}
