/** Following a log: every new entry, verified, in order, for as long as the caller listens. */
import { TlogError } from "../src/errors.ts";
import { TILE_WIDTH } from "../src/tlog/tile.ts";
import { isTransient } from "./backoff.ts";
import { type LogEntry, readEntries } from "./entries.ts";
import { RemoteRefusedError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Heads, LogHead } from "./heads.ts";
import type { TileSource } from "./tile-source.ts";

export interface FollowOptions {
  /** First leaf index to yield. Default: the tree size when following begins, so only what is new. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  /** Pause between two looks at a growing log; idle logs are asked ever less often. Default 1,000. */
  readonly pollMs?: number;
  /** Longest pause. Default 15,000. */
  readonly maxPollMs?: number;
  /**
   * In a log that grows by more than 200 entries per checkpoint, how long the entries after the last full bundle may be held
   * back, so that not every bundle is fetched many times. Default 5,000; 0: never.
   */
  readonly holdPartialMs?: number;
  /** Told of a failure of the network or the server; following goes on after a pause. */
  readonly onProblem?: (problem: TlogError) => void;
}

/** c2sp.org/tlog-tiles, "Log entries": what "rapidly growing" means. */
const RAPID_GROWTH = 200;

interface Source {
  readonly fetcher: Fetcher;
  readonly heads: Heads;
  readonly tiles: TileSource;
}

/**
 * Ends only by an error or with the caller: `break`, or ABORTED when the signal aborts.
 * @throws {TlogError} LOG_FORKED | ABORTED | whatever else shows that the log is wrong; not what passes by itself.
 */
export async function* followEntries(
  log: Source,
  options: FollowOptions,
): AsyncGenerator<LogEntry, void, void> {
  const { signal, pollMs = 1_000, maxPollMs = 15_000 } = options;
  const hold = holder(log, options.holdPartialMs ?? 5_000);
  let next = options.from;
  for (let quietRounds = 0; ; quietRounds++) {
    try {
      const head = await log.heads.fetch(signal);
      next ??= head.treeSize;
      const end = await hold({ head, next, signal });
      for await (const entry of readEntries(log, { head, start: next, end, signal })) {
        next = entry.leafIndex + 1;
        quietRounds = 0;
        yield entry;
      }
    } catch (error) {
      if (!(error instanceof TlogError) || !passes(error)) throw error;
      options.onProblem?.(error);
    }
    const ceiling = Math.min(maxPollMs, pollMs * 2 ** quietRounds);
    // Half of it is chance: followers that started together spread out.
    await log.fetcher.pause(Math.ceil((ceiling * (1 + log.fetcher.random())) / 2), signal);
  }
}

/**
 * Decides how far to read: to the head, or in a rapidly growing log to its last full bundle. What the second way leaves
 * unread is committed to all the same: the partial tile is fetched and checked against the head, and the next head must be
 * consistent with this one; and it is left unread only for so long.  c2sp.org/tlog-tiles, "Log entries"
 */
function holder(log: Source, holdPartialMs: number) {
  let previousSize: number | undefined; // these two are owned by the function below
  let held: { readonly bundle: number; readonly sinceMs: number } | undefined;
  return async (args: {
    readonly head: LogHead;
    readonly next: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<number> => {
    const { head, next, signal } = args;
    const growth = head.treeSize - (previousSize ?? head.treeSize);
    previousSize = head.treeSize;
    const bundle = Math.floor(head.treeSize / TILE_WIDTH);
    const fullEnd = bundle * TILE_WIDTH;
    const hasPartial = head.treeSize > Math.max(fullEnd, next);
    if (!hasPartial || growth <= RAPID_GROWTH) {
      held = undefined;
      return head.treeSize;
    }
    const nowMs = log.fetcher.now();
    if (held?.bundle !== bundle) held = { bundle, sinceMs: nowMs };
    if (nowMs - held.sinceMs >= holdPartialMs) return head.treeSize;
    await log.tiles.readNodes({ head, nodes: [], signal });
    return fullEnd;
  };
}

/** Worth another try later. Unlike a single request, following also outlives a server that is broken for a while. */
function passes(problem: TlogError): boolean {
  return isTransient(problem) || (problem instanceof RemoteRefusedError && problem.status >= 500);
}
