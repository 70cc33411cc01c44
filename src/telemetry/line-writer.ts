import { pino } from "pino";
import { coloured } from "./coloured.ts";
import type { LostLine } from "./held-lines.ts";
import { LOG_LEVELS, type LogLevel } from "./log-level.ts";
import { printableLine } from "./printable.ts";
import { withoutSecrets } from "./secrets.ts";

export interface LogLineOptions {
  /** One line at a time, newline included. `lostLine`: how to say that lines before it are missing. */
  readonly write: (line: string, lostLine: LostLine) => unknown;
  /** "json": one object a line with level, time, logger, the event's fields and message; "pretty": for people. */
  readonly format: "json" | "pretty";
  /** Events below this level are dropped. Asked for each line: it may change. */
  readonly level: LogLevel;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Colours, in pretty lines. Default: none. */
  readonly isColoured?: boolean | undefined;
  /** The log that lines are about which name none themselves. Asked for each line: it is known once the key is open. */
  readonly origin?: string | undefined;
  /** Of a process among several that write lines. */
  readonly pid?: number | undefined;
}

/** Who speaks. */
export type LoggerName = "log" | "http" | "readers" | "witness" | "monitor";

export type LineFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface LineWriter {
  (level: LogLevel, message: string, fields: LineFields): void;
  /** Whether lines of this level are written now. */
  isTold(level: LogLevel): boolean;
}

export function lineWriter(options: LogLineOptions, logger: LoggerName): LineWriter {
  const format = options.format === "json" ? jsonLines(options, logger) : prettyLines(options);
  const lineOf: Format = (level, message, fields) => {
    const clean = printableLine(withoutSecrets(format(level, message, rounded(fields))));
    return `${options.isColoured ? coloured(clean) : clean}\n`;
  };
  const lostLine: LostLine = (count) => lineOf("warn", LINES_LOST, { code: "LINES_LOST", count });
  const isTold = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(options.level);
  const line = (level: LogLevel, message: string, fields: LineFields): void => {
    if (isTold(level)) options.write(lineOf(level, message, fields), lostLine);
  };
  return Object.assign(line, { isTold });
}

const LINES_LOST = "log lines were lost before this one: whoever reads them did not keep up";

/** What others can cause as often as they like is told once a second: one line says as much as thousands. */
const TOLD_EVERY_MS = 1000;

/**
 * @param countOf - how many one event stands for.
 * @returns a function that calls `tell` at most once a second, with how many there were since. Those of a second are told with the next event: a
 * line more when it is over would need a timer for each of these.
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

/** How many one line stands for, where it is more than one. */
export function counted(count: number): { readonly count?: number } {
  return count > 1 ? { count } : {};
}

/** Microseconds are enough for anybody. */
function rounded(fields: LineFields): LineFields {
  const { elapsedMs } = fields;
  if (typeof elapsedMs !== "number") return fields;
  return { ...fields, elapsedMs: Math.round(elapsedMs * 1000) / 1000 };
}

/** Without a newline. */
type Format = (level: LogLevel, message: string, fields: LineFields) => string;

/** '{"level":"info","time":"2026-11-22T10:00:00.000Z","logger":"log","origin":"example.com/log",…,"message":"…"}' */
function jsonLines(options: LogLineOptions, logger: LoggerName): Format {
  const { now, pid } = options;
  let made = ""; // owned by the next statement: pino hands its lines on, and returns none
  const lines = pino(
    {
      level: "debug",
      messageKey: "message",
      base: pid === undefined ? { logger } : { pid, logger },
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line) => {
        made = line.slice(0, -1);
      },
    },
  );
  return (level, message, fields) => {
    const { origin } = options;
    lines[level](origin === undefined || "origin" in fields ? fields : { origin, ...fields }, message);
    return made;
  };
}

/** "12:03:04.120 warn   pool full, entries turned away  refused=3 pendingEntries=4096" */
function prettyLines({ now, pid }: LogLineOptions): Format {
  return (level, message, fields) => {
    const time = new Date(now()).toISOString().slice(11, 23);
    const shown = Object.entries(pid === undefined ? fields : { ...fields, pid })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`);
    return [`${time} ${level.padEnd(5)}`, message, shown.join(" ")].join("  ").trimEnd();
  };
}
