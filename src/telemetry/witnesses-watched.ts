import { quorumMargin } from "../../client/explain.ts";
import type { Log, Witnessing } from "../log/log.ts";
import type { MetricRegistry, Samples } from "./metric-registry.ts";

/** What a log with witnesses says of them when somebody looks; as many labels as its policy has witnesses. */
export function witnessesWatched(registry: MetricRegistry, log: Pick<Log, "witnessing">): void {
  const each = (samples: (witnessing: Witnessing) => Samples) => () => {
    const witnessing = log.witnessing();
    return witnessing === undefined ? [] : samples(witnessing);
  };
  registry.gauge(
    "bristlecone_log_quorum_missing",
    each(({ isQuorumMissing }) => [{ value: isQuorumMissing ? 1 : 0 }]),
  );
  registry.gauge(
    "bristlecone_log_quorum_margin",
    each((witnessing) => {
      const margin = quorumMargin(witnessing.policy, working(witnessing));
      return margin === undefined ? [] : [{ value: margin }];
    }),
  );
  registry.gauge(
    "bristlecone_log_witness_up",
    each(({ witnesses }) =>
      witnesses.map(({ name, isFailing }) => ({ labels: { witness: name }, value: isFailing ? 0 : 1 })),
    ),
  );
  registry.gauge(
    "bristlecone_log_witness_cosigned_timestamp_seconds",
    each(({ witnesses }) =>
      witnesses.flatMap(({ name, lastCosigned }) =>
        lastCosigned === undefined
          ? []
          : [{ labels: { witness: name }, value: lastCosigned.timestampSeconds }],
      ),
    ),
  );
}

/** The policy's own names of those whose last answer counted; one that cannot be asked does not work. */
function working({ policy, witnesses }: Witnessing): readonly string[] {
  return policy.witnesses.flatMap(({ name, url }, at) => {
    const isFailing = witnesses[at]?.isFailing ?? true;
    return isFailing || url === undefined ? [] : [name];
  });
}
