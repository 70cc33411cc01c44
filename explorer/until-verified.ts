/** What a page shows that has no verified head to show anything of. */
import { h, put } from "./dom.ts";
import { livePart } from "./live-part.ts";
import { failure, waiting } from "./parts.ts";
import type { Page } from "./view.ts";

/** Waits, says what goes wrong, and calls `draw` once a head has verified. */
export function untilVerified({ session, main, signal }: Page, title: string, draw: () => void): void {
  const part = livePart();
  const seen = new AbortController();
  signal.addEventListener("abort", () => seen.abort());
  const look = () => {
    const { head, failure: error } = session.state();
    if (head !== undefined) {
      seen.abort();
      draw();
      return;
    }
    part.show(`${error?.code} ${error?.message}`, () =>
      error === undefined
        ? waiting("Asking the log for its newest head…")
        : failure("Nothing of this log is verified, so nothing is shown", error),
    );
  };
  put(main, h("h1", { tabindex: -1 }, title), part.element);
  session.onChange(look, seen.signal);
  look();
}
