/** Everything a witness does of its own accord: pulling logs, and holding its heads against what others show. */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { startCrossCheck } from "./cross-check.ts";
import { openFailureEvents } from "./failure-events.ts";
import { type HeadJudgeOptions, openHeadJudge } from "./judge-head.ts";
import type { PollLoop } from "./poll-loop.ts";
import { type LoopTiming, startPull } from "./pull.ts";

export interface PollerOptions
  extends HeadJudgeOptions,
    Pick<LoopTiming, "random" | "sleep">,
    Partial<Pick<LoopTiming, "monotonicMs">> {
  /** How often a log is pulled. Default 60,000. */
  readonly pullIntervalMs?: number;
  /** How often each place is looked at: a fork that somebody shows is found within it. Default 60,000. */
  readonly crossCheckIntervalMs?: number;
  /** How often a log that does not grow is cosigned anew. Default 300,000. */
  readonly refreshIntervalMs?: number;
}

export function startPollers(options: PollerOptions): PollLoop {
  const { witness, peers, events, pullIntervalMs = 60_000, crossCheckIntervalMs = 60_000 } = options;
  const { monotonicMs = () => performance.now(), refreshIntervalMs = 300_000 } = options;
  const judge = openHeadJudge(options);
  const onFailure = openFailureEvents({ events, monotonicMs });
  const timing = { ...timingOf(options), monotonicMs };
  const loops = [
    startPull({ ...timing, witness, judge, onFailure, refreshIntervalMs, intervalMs: pullIntervalMs }),
    startCrossCheck({ ...timing, witness, judge, peers, onFailure, intervalMs: crossCheckIntervalMs }),
  ];
  const close = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.close()));
  };
  return { close, [Symbol.asyncDispose]: close };
}

function timingOf({ random, sleep }: PollerOptions): Pick<FetcherOptions, "random" | "sleep"> {
  return { ...(random === undefined ? {} : { random }), ...(sleep === undefined ? {} : { sleep }) };
}
