import { TlogError } from "../errors.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Exchange } from "./exchange.ts";

/**
 * A large answer (a bundle may have 16 MiB) may be taken slowly or never: all that wait for their readers share one budget.
 * @param bytes - those of the answer, or what is thought of them before it is read.
 * @returns a function that puts the right number in place of the one that was thought. It throws SERVER_BUSY too.
 * @throws {TlogError} SERVER_BUSY
 */
export function holdUntilSent(
  bytes: number,
  budget: ByteBudget,
  outgoing: Exchange["outgoing"],
): (bytes: number) => void {
  if (outgoing === undefined) return () => {}; // No socket: the caller has the bytes already.
  let heldBytes = 0; // owned by hold() and the handler of "close"
  const hold = (wantedBytes: number): void => {
    if (outgoing.closed) return;
    if (!budget.take(wantedBytes - heldBytes)) {
      throw new TlogError("SERVER_BUSY", "too many large answers are on their way");
    }
    heldBytes = wantedBytes;
  };
  hold(bytes);
  outgoing.once("close", () => {
    budget.give(heldBytes);
    heldBytes = 0;
  });
  return hold;
}
