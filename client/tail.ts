/** Following a log: every new entry, verified, in order, for as long as the caller listens. */
import { TlogError } from "../src/errors.ts";
import { assertSize } from "../src/merkle/sizes.ts";
import { TILE_WIDTH } from "../src/tlog/tile.ts";
import { isTransient } from "./backoff.ts";
import { type LogEntry, readEntries } from "./entries.ts";
import { RemoteRefusedError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Heads } from "./heads.ts";
import type { TileSource, TreeHead } from "./tile-source.ts";

export interface FollowOptions {
  /** First leaf index to yield. Default: the tree size when following begins, so only what is new. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  /** Pause between two looks at a growing log; idle logs are asked ever less often. Default 1,000. */
  readonly pollMs?: number;
  /** Longest pause. Default 15,000. */
  readonly maxPollMs?: number;
  /**
   * Default true: while the log grows by more than 200 entries between two looks, the entries after its last full bundle are
   * left to the next look, so that no bundle is fetched many times. They wait for one pause, no longer.
   */
  readonly skipPartialBundles?: boolean;
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
  if (options.from !== undefined) assertSize("from", options.from);
  let next = options.from;
  let previousSize: number | undefined;
  for (let quietRounds = 0; ; quietRounds++) {
    try {
      const head = await log.heads.fetch(signal);
      next ??= head.treeSize;
      const isRapid = head.treeSize - (previousSize ?? head.treeSize) > RAPID_GROWTH;
      previousSize = head.treeSize;
      const isHeld = isRapid && options.skipPartialBundles !== false;
      const end = isHeld ? await lastFullEnd(log.tiles, head, signal) : head.treeSize;
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
 * Where the last full bundle ends. What is behind it and left unread is committed to all the same: its partial tile is fetched
 * and checked against the head, and the next head must be consistent with this one.  c2sp.org/tlog-tiles, "Log entries"
 */
async function lastFullEnd(
  tiles: TileSource,
  head: TreeHead,
  signal: AbortSignal | undefined,
): Promise<number> {
  await tiles.readNodes({ head, nodes: [], signal });
  return head.treeSize - (head.treeSize % TILE_WIDTH);
}

/** Worth another try later. Unlike a single request, following also outlives a server that is broken for a while. */
function passes(problem: TlogError): boolean {
  return isTransient(problem) || (problem instanceof RemoteRefusedError && problem.status >= 500);
}
