/**
 * Following a log: every new entry, verified, in order, for as long as the caller listens. Loaded at its first use, apart from the client,
 * so at run time it imports nothing of it, and is handed what it needs: a second TlogError would be another class.
 */
import type { TlogError } from "../src/errors.ts";
import type { LogEntry, readEntries } from "./entries.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Heads } from "./heads.ts";
import { listen, type Push } from "./push.ts";
import type { TileSource, TreeHead } from "./tile-source.ts";
import type { linkedController, orAborted } from "./waiting.ts";

export interface FollowOptions {
  /** First leaf index to yield. Default: the tree size when following begins, so only what is new. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  /**
   * Default true: where the log has GET /events it is listened to, and tells of new entries as they come. Where it has not, or while that
   * fails, it is asked again and again. The connection stays open until `break`, `return()` or the signal ends following.
   */
  readonly push?: boolean;
  /** Pause between two looks at a growing log that does not tell by itself; idle logs are asked ever less often. Default 1,000. */
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
/** Leaves of a full tile. */
const TILE_WIDTH = 256;

/** A client's log, and what of the client is needed here. */
export interface Followed {
  readonly fetcher: Fetcher;
  readonly heads: Heads;
  readonly tiles: TileSource;
  readonly tools: {
    readonly readEntries: typeof readEntries;
    readonly linkedController: typeof linkedController;
    readonly orAborted: typeof orAborted;
    /** Worth another try later. */
    readonly passes: (error: unknown) => error is TlogError;
    /** For a stream on which nothing comes. */
    readonly late: TlogError;
  };
}

/**
 * Ends only by an error or with the caller: `break`, or ABORTED when the signal aborts.
 * @throws {TlogError} LOG_FORKED | ABORTED | whatever else shows that the log is wrong; not what passes by itself.
 */
export async function* followEntries(
  log: Followed,
  options: FollowOptions,
): AsyncGenerator<LogEntry, void, void> {
  const { pollMs = 1_000, maxPollMs = 15_000 } = options;
  const { fetcher, heads, tools } = log;
  const { controller, release } = tools.linkedController(options.signal);
  const { signal } = controller;
  let next = options.from;
  let head: TreeHead | undefined; // the largest that was shown
  let push: Push | undefined;
  try {
    for (let quietRounds = 0; ; quietRounds++) {
      let isHeld = false;
      const startedAt = fetcher.now();
      try {
        const told = push?.take();
        const shown = await (told === undefined ? heads.fetch(signal) : heads.judge(told, signal));
        // A stream may tell the past: what was known and is not read yet is read all the same.
        const previous = head ?? shown;
        head = shown.treeSize < previous.treeSize ? previous : shown;
        next ??= head.treeSize;
        const isRapid = head.treeSize - previous.treeSize > RAPID_GROWTH;
        isHeld = isRapid && options.skipPartialBundles !== false;
        const end = isHeld ? await lastFullEnd(log.tiles, head, signal) : head.treeSize;
        for await (const entry of tools.readEntries(log, { head, start: next, end, signal })) {
          next = entry.leafIndex + 1;
          quietRounds = 0;
          yield entry;
        }
      } catch (error) {
        if (!tools.passes(error)) throw error;
        options.onProblem?.(error);
        isHeld = true;
      }
      if (options.push !== false)
        push ??= listen({ fetcher, knownSize: () => head?.treeSize, signal, late: tools.late });
      // Half of it is chance: followers that started together spread out.
      const jitter = (1 + fetcher.random()) / 2;
      if (push?.isLive && !isHeld) {
        await tools.orAborted(push.news(), signal);
        const sinceMs = Math.max(0, fetcher.now() - startedAt);
        if (sinceMs < pollMs / 4) await fetcher.pause(Math.ceil(pollMs / 4 - sinceMs), signal);
        quietRounds = 0;
      } else {
        const ceiling = Math.min(maxPollMs, pollMs * 2 ** quietRounds);
        await fetcher.pause(Math.ceil(ceiling * jitter), signal);
      }
    }
  } finally {
    release();
    controller.abort();
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
