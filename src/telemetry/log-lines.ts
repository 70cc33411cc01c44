import type { LogEvents } from "../events.ts";
import { printableLine } from "./printable.ts";

/** Least serious first. */
export type LogLevel = "debug" | "info" | "warn";

export interface LogLineOptions {
  /** One line at a time, newline included. */
  readonly write: (line: string) => void;
  /** "json": one object a line with time, level, message and the event's fields; "pretty": for people. */
  readonly format: "json" | "pretty";
  /** Events below this level are dropped. */
  readonly level: LogLevel;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = Object.freeze({ debug: 0, info: 1, warn: 2 });
/** A full pool turns away thousands of entries a second; one line a second says as much. */
const POOL_FULL_EVERY_MS = 1000;

/** Turns what the log engine reports into log lines. */
export function logLines(options: LogLineOptions): Required<LogEvents> {
  const { now } = options;
  let poolFullAtMs = Number.NEGATIVE_INFINITY; // owned by poolFull()
  let refused = 0; // owned by poolFull()

  function line(level: LogLevel, message: string, fields: Readonly<Record<string, string | number>>): void {
    if (SEVERITY[level] < SEVERITY[options.level]) return;
    const time = new Date(now()).toISOString();
    const text = options.format === "json" ? jsonLine : prettyLine;
    options.write(`${printableLine(text(time, level, message, fields))}\n`);
  }

  return {
    batchIntegrated: (event) => line("debug", "batch integrated", event),
    checkpointPublished: (event) => line("debug", "checkpoint published", event),
    quorumMissing: ({ treeSize, missing }) =>
      line("warn", "no quorum of witnesses: the last published checkpoint stays", {
        treeSize,
        missing: missing.map(({ name, reason }) => `${name} (${reason})`).join(", "),
      }),
    quorumRecovered: (event) => line("info", "the quorum of witnesses is back", event),
    witnessFailed: ({ name, code, message }) =>
      line("warn", `no cosignature from witness ${name}: ${message}`, { code }),
    witnessRecovered: (event) => line("info", "a witness cosigns again", event),
    cosignaturesMerged: (event) => line("debug", "cosignatures added", event),
    poolFull(event) {
      refused += 1;
      if (now() - poolFullAtMs < POOL_FULL_EVERY_MS) return;
      poolFullAtMs = now();
      line("warn", "pool full, entries turned away", { refused, ...event });
      refused = 0;
    },
    warning: ({ code, message }) => line("warn", message, { code }),
    requestFailed: ({ method, path, message }) =>
      line("warn", `request failed: ${message}`, { method, path }),
    turnedReadOnly: ({ code, message }) => line("warn", `the log is read-only now: ${message}`, { code }),
  };
}

function jsonLine(time: string, level: LogLevel, message: string, fields: object): string {
  return JSON.stringify({ time, level, message, ...fields });
}

/** "12:03:04.120 warn  pool full, entries turned away  refused=3 pendingEntries=4096" */
function prettyLine(time: string, level: LogLevel, message: string, fields: object): string {
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return [`${time.slice(11, 23)} ${level.padEnd(5)}`, message, shown.join(" ")].join("  ").trimEnd();
}
