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

export type LineWriter = (
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, string | number>>,
) => void;

const SEVERITY: Readonly<Record<LogLevel, number>> = Object.freeze({ debug: 0, info: 1, warn: 2 });

export function lineWriter(options: LogLineOptions): LineWriter {
  const text = options.format === "json" ? jsonLine : prettyLine;
  return (level, message, fields) => {
    if (SEVERITY[level] < SEVERITY[options.level]) return;
    const time = new Date(options.now()).toISOString();
    options.write(`${printableLine(text(time, level, message, fields))}\n`);
  };
}

/** What others can cause as often as they like is told once a second: one line says as much as thousands. */
const TOLD_EVERY_MS = 1000;

/**
 * @param countOf - how many one event stands for.
 * @returns a function that calls `tell` at most once a second, with how many there were since.
 */
export function onceASecond<Event>(
  now: () => number,
  tell: (event: Event, count: number) => void,
  countOf: (event: Event) => number = () => 1,
): (event: Event) => void {
  let toldAtMs = Number.NEGATIVE_INFINITY; // owned by the returned function
  let count = 0; // owned by the returned function
  return (event) => {
    count += countOf(event);
    if (now() - toldAtMs < TOLD_EVERY_MS) return;
    toldAtMs = now();
    tell(event, count);
    count = 0;
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
