/** Looks for new heads while somebody looks at the page: the log tells of them where it can, else it is asked every few seconds. */
import { TlogError } from "../client/index.ts";
import { listen } from "../client/push.ts";
import type { Session } from "./session.ts";

const ASK_MS = 5_000;
/** A log may grow many times a second; nobody reads so fast. */
const LEAST_MS = 1_000;

/** A page that nobody sees asks nothing, and keeps no connection. */
export function watch(session: Session): void {
  let watching: AbortController | undefined; // owned by turn()
  const turn = () => {
    if (document.visibilityState !== "visible") {
      watching?.abort();
      watching = undefined;
      session.setLive(false);
    } else if (watching === undefined) {
      watching = new AbortController();
      // Ends when the signal aborts.
      look(session, watching.signal).catch(() => {});
    }
  };
  document.addEventListener("visibilitychange", turn);
  turn();
}

async function look(session: Session, signal: AbortSignal): Promise<void> {
  const { fetcher } = session;
  const late = new TlogError("REMOTE_TIMEOUT", "events: nothing comes");
  const push = listen({ fetcher, knownSize: () => session.state().head?.treeSize, signal, late });
  const gone = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  while (!signal.aborted) {
    // What was told is asked for again: it is judged as any head is.
    push.take();
    await session.refresh();
    session.setLive(push.isLive);
    await fetcher.pause(push.isLive ? LEAST_MS : ASK_MS, signal);
    session.setLive(push.isLive);
    if (push.isLive) await Promise.race([push.news(), gone]);
  }
}
