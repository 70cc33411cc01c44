/** Logs that do not push: their checkpoint is fetched, the proof made from their tiles, and what continues our head cosigned. */
import type { AddCheckpointRequest } from "../tlog/add-checkpoint.ts";
import { logPlaces } from "./head-places.ts";
import type { HeadJudge, JudgedHead } from "./judge-head.ts";
import { type PollLoop, type PollLoopOptions, startPollLoop } from "./poll-loop.ts";
import { rosterKeys } from "./roster-keys.ts";
import { SizeConflictError, type Witness } from "./witness.ts";

export type LoopTiming = Pick<PollLoopOptions, "random" | "sleep"> & {
  readonly monotonicMs: () => number;
  readonly intervalMs: number;
};

export interface PullOptions extends LoopTiming {
  readonly witness: Witness;
  readonly judge: HeadJudge;
  /** A log that does not grow is cosigned anew this often, so that its cosignatures stay fresh. */
  readonly refreshIntervalMs: number;
  readonly onFailure: (place: string, subject: string, error: unknown) => void;
}

/** Polls the first URL of every log that has one and is not disabled. */
export function startPull(options: PullOptions): PollLoop {
  const { witness, onFailure, monotonicMs, refreshIntervalMs } = options;
  const { roster } = witness;
  const cosignedAtMs = new Map<string, number>(); // owned by pull(), one turn of a log at a time

  async function pull(origin: string, signal: AbortSignal): Promise<void> {
    const log = roster.find(origin);
    const [place] = log === undefined ? [] : logPlaces(log);
    if (log === undefined || place === undefined || log.isDisabled) return;
    const judged = await options.judge.judge(log, place, signal);
    if (judged === undefined || judged.isConvicted) return;
    const isFresh = monotonicMs() - (cosignedAtMs.get(origin) ?? -refreshIntervalMs) < refreshIntervalMs;
    const request = requestFor(judged, isFresh);
    if (request === undefined) return;
    await submit(witness, request);
    cosignedAtMs.set(origin, monotonicMs());
  }

  return startPollLoop({
    ...options,
    keys: rosterKeys(roster, ({ origin, urls }) => (urls.length > 0 ? [origin] : [])),
    poll: pull,
    onFailure: (origin, error) => onFailure(origin, `${origin}: not pulled`, error),
  });
}

/** @returns undefined when there is nothing to cosign, or nothing that may be. */
function requestFor({ head, comparison }: JudgedHead, isFresh: boolean): AddCheckpointRequest | undefined {
  const checkpoint = head.logNote;
  if (comparison === undefined) return { oldSize: 0, proof: [], checkpoint };
  if (comparison.verdict !== "consistent") return undefined;
  const { fromSize: oldSize, proof } = comparison;
  return oldSize === head.treeSize && isFresh ? undefined : { oldSize, proof, checkpoint };
}

async function submit(witness: Witness, request: AddCheckpointRequest): Promise<void> {
  try {
    await witness.submit(request);
  } catch (error) {
    // Somebody pushed meanwhile: the next turn starts from there.
    if (!(error instanceof SizeConflictError)) throw error;
  }
}
