/** How old the word of the witnesses is. */
import { quorumMargin } from "../../client/explain.ts";
import type { VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { isQuorumMet, type Policy } from "../tlog/policy.ts";

export interface QuorumSight {
  /** The latest moment by which a quorum had cosigned the head, POSIX seconds; undefined: no quorum is asked for, or none says when. */
  readonly atSeconds: number | undefined;
  /** How many of the witnesses that cosigned could fall away, whichever they are, and leave a quorum. */
  readonly margin: number | undefined;
}

/** @param head - whose quorum is met. */
export function quorumSight({ cosignatures }: VerifiedCheckpoint, policy: Policy): QuorumSight {
  if (policy.quorum === "none") return { atSeconds: undefined, margin: undefined };
  const latest = new Map<string, number>();
  for (const { name, timestampSeconds } of cosignatures) {
    latest.set(name, Math.max(timestampSeconds, latest.get(name) ?? 0));
  }
  const newestFirst = [...latest].filter(([, at]) => at > 0).sort(([, one], [, other]) => other - one);
  const names = newestFirst.map(([name]) => name);
  const last = names.findIndex((_name, at) => isQuorumMet(policy, names.slice(0, at + 1)));
  const margin = isQuorumMet(policy, latest.keys()) ? quorumMargin(policy, [...latest.keys()]) : undefined;
  return { atSeconds: newestFirst[last]?.[1], margin };
}
