/** How old the word of the witnesses is. */
import { quorumMargin } from "../../client/explain.ts";
import type { VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { parseFrozen } from "../tlog/frozen.ts";
import { isQuorumMet, type Policy } from "../tlog/policy.ts";
import type { LogState } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";

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

/** For people: that the newest head is older than it may be; undefined: it is not, or it is the last one. */
export function staleness(
  head: VerifiedCheckpoint,
  { log, state, now }: { readonly log: MonitoredLog; readonly state: LogState; readonly now: () => number },
): string | undefined {
  const { patience, trust } = log;
  const { head: seen } = state;
  const isLast = parseFrozen(head.extensions) !== undefined;
  if (patience.staleMs === undefined || seen === undefined || head.treeSize === 0 || isLast) return undefined;
  const quorumAtSeconds = quorumSight(head, trust.policy).atSeconds;
  const sinceMs = quorumAtSeconds === undefined ? seen.seenAtMs : quorumAtSeconds * 1000;
  const ageMs = now() - sinceMs;
  if (ageMs <= patience.staleMs) return undefined;
  const age = `${Math.floor(ageMs / 1000)} seconds ago`;
  return quorumAtSeconds === undefined
    ? `the log has shown size ${head.treeSize} since ${age}, and nothing newer`
    : `a quorum cosigned the newest head, of size ${head.treeSize}, ${age}, and none since`;
}
