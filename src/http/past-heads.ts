import type { LogView } from "../log/log.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";

/** A checkpoint that was published, and when this process saw it. */
interface PastHead {
  readonly seconds: number;
  readonly treeSize: number;
  readonly checkpoint: string;
}

const LOOK_MS = 10_000;
const MAX_HEADS = 96;
/** In characters; notes with many large signatures are few. */
const MAX_CHARACTERS = 256 * 1024;

/**
 * Keeps checkpoints as they are published, in memory, for who wants to see how the log grew: readers verify their signatures like those of any
 * other. Beyond the limits every second one of the older half goes, so that old times get coarser and none are lost.
 * @param now - in milliseconds since 1970.
 * @returns what gives them as JSON, oldest first: [{ seconds, treeSize, checkpoint }].
 */
export function pastHeads(log: Pick<LogView, "published">, now: () => number = Date.now): () => string {
  let heads: readonly PastHead[] = []; // owned by look()
  const look = (from: Pick<LogView, "published">): void => {
    const { treeSize, checkpoint } = from.published();
    if (heads.at(-1)?.treeSize === treeSize) return;
    heads = thinned([
      ...heads,
      { seconds: Math.floor(now() / 1000), treeSize, checkpoint: decodeUtf8(checkpoint) },
    ]);
  };
  look(log);
  // Does not keep a log alive that nobody serves any more.
  const weak = new WeakRef(log);
  const timer = setInterval(() => {
    const served = weak.deref();
    if (served === undefined) clearInterval(timer);
    else look(served);
  }, LOOK_MS);
  timer.unref();
  return () => {
    look(log);
    return JSON.stringify(heads);
  };
}

function thinned(heads: readonly PastHead[]): readonly PastHead[] {
  const characters = heads.reduce((sum, { checkpoint }) => sum + checkpoint.length, 0);
  if (heads.length <= MAX_HEADS && (characters <= MAX_CHARACTERS || heads.length < 4)) return heads;
  const half = Math.floor(heads.length / 2);
  return heads.filter((_, at) => at >= half || at % 2 === 0);
}
