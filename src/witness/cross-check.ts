/**
 * Holds what this witness cosigned against what other witnesses and the logs themselves show. Each peer has turns and places of
 * its own: one that hangs delays nobody else.
 */
import { TlogError } from "../errors.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { type HeadPlace, logPlace, type PeerWitness, peerPlace } from "./head-places.ts";
import type { HeadJudge, JudgedHead } from "./judge-head.ts";
import { type PollLoop, startPollLoop } from "./poll-loop.ts";
import type { LoopTiming } from "./pull.ts";
import { rosterKeys } from "./roster-keys.ts";
import type { Witness, WitnessedLog } from "./witness.ts";

export interface CrossCheckOptions extends LoopTiming {
  readonly witness: Witness;
  readonly judge: HeadJudge;
  readonly peers: readonly PeerWitness[];
  readonly onFailure: (place: string, subject: string, error: unknown) => void;
}

/** Looks at every URL of every log, and at every log at every peer, at least once an interval as long as they answer. */
export function startCrossCheck(options: CrossCheckOptions): PollLoop {
  const loops = [
    startLoop(options, { urlsOf: ({ urls }) => urls, placeAt: logPlace }),
    startSuspects(options),
    ...options.peers.map((peer) => {
      const places = {
        urlsOf: () => [peer.url],
        placeAt: ({ origin }: WitnessedLog) => peerPlace(peer, origin),
      };
      return startLoop(options, places, peer.name);
    }),
  ];
  const close = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.close()));
  };
  return { close, [Symbol.asyncDispose]: close };
}

/** Where a loop looks for heads of a log. */
interface Places {
  readonly urlsOf: (log: WitnessedLog) => readonly string[];
  readonly placeAt: (log: WitnessedLog, url: string) => HeadPlace;
}

/** @param peer - of a loop that asks one peer only. */
function startLoop(options: CrossCheckOptions, { urlsOf, placeAt }: Places, peer?: string): PollLoop {
  const { witness, judge, onFailure } = options;
  const { roster } = witness;
  return startPollLoop({
    ...options,
    keys: rosterKeys(roster, (log) => urlsOf(log).map((url) => keyOf(log, url))),
    poll: async (key, signal) => {
      const { origin, url } = placeOf(key);
      const log = roster.find(origin);
      if (log !== undefined && urlsOf(log).includes(url)) {
        await judge.judge(log, placeAt(log, url), signal);
      }
    },
    onFailure: (key, error) => {
      const { origin, url } = placeOf(key);
      onFailure(peer ?? key, `${origin} at ${peer ?? url}: not compared`, error);
    },
  });
}

/** Looks, with the log's tiles, at heads that were sent to be cosigned and were not: a request alone seldom convicts. */
function startSuspects(options: CrossCheckOptions): PollLoop {
  const { suspects } = options.witness;
  return startPollLoop({
    ...options,
    keys: () => suspects.origins(),
    poll: (origin, signal) => lookAtSuspects(origin, signal, options),
    onFailure: (origin, error) =>
      options.onFailure(origin, `${origin}: a request to cosign was not compared`, error),
  });
}

/** At all of a log's: one that cannot be looked at keeps its place, and is in nobody's way. */
async function lookAtSuspects(
  origin: string,
  signal: AbortSignal,
  { witness, judge }: CrossCheckOptions,
): Promise<void> {
  const { roster, suspects } = witness;
  const log = roster.find(origin);
  const [url] = log?.urls ?? [];
  if (log === undefined || url === undefined || log.isDisabled || (await witness.conviction(origin))) {
    suspects.settleAll(origin);
    return;
  }
  let failure: TlogError | undefined;
  for (const suspect of suspects.of(origin)) {
    suspects.putLast(suspect);
    const { signedNote, treeSize, rootHash } = suspect;
    const source = `a request to cosign size ${treeSize}, root ${encodeHex(rootHash)}`;
    try {
      const judged = await judge.judgeNote(log, { signedNote, source, url }, signal);
      if (isSettled(judged)) suspects.settle(suspect);
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      failure = error;
      // The key that signed it is the log's no more.
      if (error.code === "SIGNATURE_MISSING") suspects.settle(suspect);
    }
  }
  if (failure !== undefined) throw failure;
}

/** A log of which nothing is cosigned yet has no history to compare with. */
function isSettled(judged: JudgedHead | undefined): boolean {
  if (judged === undefined || judged.isConvicted) return true;
  return judged.comparison !== undefined && judged.comparison.verdict !== "unproven";
}

/** An origin is one line. */
function keyOf({ origin }: WitnessedLog, url: string): string {
  return `${origin}\n${url}`;
}

function placeOf(key: string): Pick<HeadPlace, "origin" | "url"> {
  const [origin = "", url = ""] = key.split("\n");
  return { origin, url };
}
