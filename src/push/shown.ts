import type { LogView } from "../log/log.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import { encodeEvent } from "./event-text.ts";

/** A checkpoint as it is told. */
export interface Shown {
  readonly treeSize: number;
  readonly checkpoint: Uint8Array;
  readonly text: string;
  /** For those who want no entries. */
  readonly event: Uint8Array;
}

/** What a log shows now: the same object as long as it is the same checkpoint. */
export function shownBy(log: Pick<LogView, "published">): () => Shown {
  let shown: Shown | undefined; // owned by the returned function
  return () => {
    const { treeSize, checkpoint } = log.published();
    if (shown !== undefined && bytesEqual(shown.checkpoint, checkpoint)) return shown;
    const text = decodeUtf8(checkpoint);
    const event = encodeEvent({ event: "checkpoint", id: treeSize, data: text });
    shown = { treeSize, checkpoint: checkpoint.slice(), text, event };
    return shown;
  };
}
