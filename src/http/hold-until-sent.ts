import { TlogError } from "../errors.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Exchange } from "./exchange.ts";

/**
 * A large answer (a bundle may have 16 MiB) may be taken slowly or never: all that wait for their readers share one budget.
 * @throws {TlogError} SERVER_BUSY
 */
export function holdUntilSent(bytes: number, budget: ByteBudget, outgoing: Exchange["outgoing"]): void {
  if (outgoing === undefined) return; // No socket: the caller has the bytes already.
  if (!budget.take(bytes)) throw new TlogError("SERVER_BUSY", "too many large answers are on their way");
  if (outgoing.closed) budget.give(bytes);
  else outgoing.once("close", () => budget.give(bytes));
}
