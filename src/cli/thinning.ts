import type { WitnessEvents } from "../events.ts";
import { messageOf } from "../node/errno.ts";
import type { Witness } from "../server.ts";

const EVERY_MS = 6 * 3_600_000;

/** What goes on until it is closed. */
export interface StartedWork {
  close(): Promise<void>;
}

/** Removes old rows of a witness's history, at once and then every few hours. @returns what ends it. */
export function startThinning(witness: Witness, events: Required<WitnessEvents>): StartedWork {
  const closing = new AbortController();
  let turn = Promise.resolve(); // owned by thin()
  function thin(): void {
    turn = turn.then(async () => {
      try {
        await witness.thin({ signal: closing.signal });
      } catch (error) {
        events.warning({ code: "THINNING_FAILED", message: `old rows stay for now: ${messageOf(error)}` });
      }
    });
  }
  thin();
  const timer = setInterval(thin, EVERY_MS);
  return {
    async close() {
      clearInterval(timer);
      closing.abort();
      await turn;
    },
  };
}
