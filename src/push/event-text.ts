/** "event: checkpoint\nid: 20852163\ndata: example.com/log\ndata: 20852163\ndata: …\n\n".  WHATWG HTML §9.2 */
import { encodeUtf8, formatDecimal } from "../tlog/encoding.ts";

/** One event of a stream. `data` is text without carriage returns, as notes and JSON are. */
export interface PushedEvent {
  readonly event: "checkpoint" | "entry";
  /** The tree size up to which the reader has all once it has this event: where it goes on after a break. */
  readonly id: number;
  readonly data: string;
}

export function encodeEvent({ event, id, data }: PushedEvent): Uint8Array {
  return encodeUtf8(
    `event: ${event}\nid: ${formatDecimal(id)}\ndata: ${data.replaceAll("\n", "\ndata: ")}\n\n`,
  );
}

/** A comment: it says that the connection is alive, and is no event. */
export const HEARTBEAT = encodeUtf8(":\n\n");

/** How long a browser waits before it connects again. */
export function encodeRetry(ms: number): Uint8Array {
  return encodeUtf8(`retry: ${formatDecimal(ms)}\n\n`);
}
