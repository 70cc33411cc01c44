import type { WitnessEvents } from "../events.ts";
import { counted, type LogLineOptions, lineWriter, onceASecond } from "./line-writer.ts";

type Warning = Parameters<Required<WitnessEvents>["warning"]>[0];

/** Turns what a witness reports into log lines. */
export function witnessLines(options: LogLineOptions): Required<WitnessEvents> {
  const line = lineWriter(options, "witness");
  const warn = ({ code, message }: Warning, count = 1) => line("warn", message, { code, ...counted(count) });
  // The one warning that anybody's request can cause.
  const clockBehind = onceASecond(options.now, warn);
  return {
    cosigned: (event) => line("debug", "checkpoint cosigned", event),
    refused: onceASecond(options.now, ({ origin, code, message }, count) =>
      line("warn", `not cosigned: ${message}`, { origin, code, ...counted(count) }),
    ),
    headCompared({ origin, source, verdict, bySize, sinceSeconds }) {
      const since = sinceSeconds === undefined ? {} : { sinceSeconds };
      if (verdict === "consistent") line("debug", "heads agree", { origin, source });
      else if (verdict === "behind")
        line("info", "an old head is shown", { origin, source, bySize, ...since });
      else if (verdict === "evidence") line("error", "a head that contradicts ours", { origin, source });
      else line("warn", "a head nobody can prove or disprove", { origin, source });
    },
    evidenceStored: ({ origin, id, kind }) =>
      line("error", `${origin} broke its word, and this witness holds the evidence`, { origin, kind, id }),
    warning: (event) => (event.code === "CLOCK_BEHIND" ? clockBehind(event) : warn(event)),
    requestFailed: ({ method, path, message, requestId }) =>
      line("error", `request failed: ${message}`, { requestId, method, path }),
    turnedReadOnly: ({ code, message }) => line("error", `the witness signs no more: ${message}`, { code }),
  };
}
