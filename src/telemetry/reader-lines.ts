import type { ReaderEvents } from "../events.ts";
import { type LogLineOptions, lineWriter } from "./line-writer.ts";

/** Turns what is told of readers into log lines. */
export function readerLines(options: LogLineOptions): Required<ReaderEvents> {
  const line = lineWriter(options, "readers");
  return {
    readerStarted: (event) => line("info", "a reader listens", event),
    readerEnded: ({ pid, message }) =>
      line("warn", `a reader ended, and is started again: ${message}`, { pid }),
  };
}
