/** How the end of a log looks on a terminal. */
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { type Frozen, parseFrozen } from "../tlog/frozen.ts";

/** What a checkpoint's text says of the log's end; undefined: nothing. */
export function frozenAt(checkpointText: Uint8Array): Frozen | undefined {
  return parseFrozen(parseCheckpoint(decodeUtf8(checkpointText)).extensions);
}

/** In the columns of the other lines about a checkpoint. */
export function frozenLines({ atSeconds, successor }: Frozen): readonly string[] {
  const at = new Date(atSeconds * 1000).toISOString().replace(".000Z", "Z");
  const next =
    successor === undefined ? [] : [successor.vkey, successor.url].filter((part) => part !== undefined);
  return [
    `frozen       ${at}: it grows no more`,
    ...(next.length === 0 ? [] : [`successor    ${next.join(" ")}`]),
  ];
}
