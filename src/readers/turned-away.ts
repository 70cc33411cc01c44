/** What a reader tells its writer of entries it turned away. */
import type { FromReader } from "./messages.ts";

export type PoolFull = Extract<FromReader, { readonly kind: "poolFull" }>;
/** What waited when an entry was turned away. */
export type Held = Pick<PoolFull, "pendingEntries" | "pendingBytes">;

/**
 * Counts, and has one message under way at a time: entries are turned away when the writer is behind, and may not hear anything.
 * @param send - calls `onSent` when the message is no longer held in this process, or cannot be sent.
 * @returns to be called for each entry.
 */
export function countTurnedAway(send: (message: PoolFull, onSent: () => void) => void): (held: Held) => void {
  let count = 0; // owned by the returned function and tell()
  let isUnderWay = false; // owned by tell()
  let newest: Held = { pendingEntries: 0, pendingBytes: 0 }; // owned by the returned function
  const tell = (): void => {
    if (isUnderWay || count === 0) return;
    isUnderWay = true;
    const message: PoolFull = { kind: "poolFull", count, ...newest };
    count = 0;
    send(message, () => {
      isUnderWay = false;
      tell();
    });
  };
  return (held) => {
    count += 1;
    newest = held;
    tell();
  };
}
