import type { LogView } from "../log/log.ts";
import { parseCheckpoint } from "../tlog/checkpoint.ts";
import { decodeUtf8, encodeUtf8 } from "../tlog/encoding.ts";
import { parseNote } from "../tlog/note.ts";

/** A checkpoint that was published, and when the server saw it. */
interface PastHead {
  readonly seconds: number;
  readonly treeSize: number;
  readonly checkpoint: string;
}

/** Where past heads outlive the process. For a picture: what cannot be read or written is done without. */
export interface KeptHeads {
  /** As {@link KeptHeads.save} was given it; undefined: nothing yet. */
  readonly text: string | undefined;
  /** Never rejects. */
  save(text: string): Promise<void>;
}

const LOOK_MS = 10_000;
const SAVE_MS = 60_000;
const MAX_HEADS = 96;
/** In characters; notes with many large signatures are few. */
const MAX_CHARACTERS = 256 * 1024;

export interface PastHeadsOptions {
  /** In milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
  /** Default: they are forgotten with the process. */
  readonly kept?: KeptHeads | undefined;
}

/**
 * Keeps checkpoints as they are published for who wants to see how the log grew: readers verify their signatures like those of any
 * other. Beyond the limits every second one of the older half goes, so that old times get coarser and none are lost.
 * @returns what gives them as JSON, oldest first: [{ seconds, treeSize, checkpoint }].
 */
export function pastHeads(
  log: Pick<LogView, "published" | "origin">,
  { now = Date.now, kept }: PastHeadsOptions = {},
): () => string {
  let heads = headsIn(kept?.text, log); // owned by look()
  let savedAtMs = Number.NEGATIVE_INFINITY; // owned by save()
  let saved = heads.at(-1); // as is this
  const look = (from: Pick<LogView, "published">): void => {
    const { treeSize, checkpoint } = from.published();
    if (heads.at(-1)?.treeSize === treeSize) return;
    heads = thinned([
      ...heads,
      { seconds: Math.floor(now() / 1000), treeSize, checkpoint: decodeUtf8(checkpoint) },
    ]);
  };
  const save = (): void => {
    if (kept === undefined || saved === heads.at(-1) || now() - savedAtMs < SAVE_MS) return;
    savedAtMs = now();
    saved = heads.at(-1);
    void kept.save(JSON.stringify(heads));
  };
  look(log);
  // Does not keep a log alive that nobody serves any more.
  const weak = new WeakRef(log);
  const timer = setInterval(() => {
    const served = weak.deref();
    if (served === undefined) clearInterval(timer);
    else {
      look(served);
      save();
    }
  }, LOOK_MS);
  timer.unref();
  return () => {
    look(log);
    save();
    return JSON.stringify(heads);
  };
}

/** Those of this log that its tree can begin with: of a file that is something else, or was cut, none. */
function headsIn(text: string | undefined, log: Pick<LogView, "published" | "origin">): readonly PastHead[] {
  try {
    const said: unknown = JSON.parse(text ?? "[]");
    const heads = Array.isArray(said) ? said.flatMap((one: unknown) => headOf(one, log.origin)) : [];
    const { treeSize } = log.published();
    const isInOrder = heads.every((head, at) => at === 0 || head.treeSize > (heads[at - 1]?.treeSize ?? 0));
    return isInOrder ? thinned(heads.filter((head) => head.treeSize <= treeSize)) : [];
  } catch {
    return [];
  }
}

/** @throws when its checkpoint is none. */
function headOf(one: unknown, origin: string): readonly PastHead[] {
  const { seconds, checkpoint }: Record<string, unknown> = { ...Object(one) };
  if (typeof checkpoint !== "string" || typeof seconds !== "number") return [];
  const head = parseCheckpoint(decodeUtf8(parseNote(encodeUtf8(checkpoint)).text));
  return head.origin === origin ? [{ seconds, treeSize: head.treeSize, checkpoint }] : [];
}

function thinned(heads: readonly PastHead[]): readonly PastHead[] {
  const characters = heads.reduce((sum, { checkpoint }) => sum + checkpoint.length, 0);
  if (heads.length <= MAX_HEADS && (characters <= MAX_CHARACTERS || heads.length < 4)) return heads;
  const half = Math.floor(heads.length / 2);
  return heads.filter((_, at) => at >= half || at % 2 === 0);
}
