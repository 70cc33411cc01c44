/** What commands that run until Ctrl-C have in common. */
import { type Config, isColourless } from "../config.ts";
import { type ErrorCode, TlogError } from "../errors.ts";
import type { RequestLog } from "../http/request-log.ts";
import type { ReaderLines } from "../readers/messages.ts";
import type { LogLineOptions } from "../telemetry/line-writer.ts";
import { requestLines } from "../telemetry/request-lines.ts";
import type { Call } from "./command.ts";

/** The log that lines are about; its name may be learned after the first of them. */
export interface About {
  readonly origin?: string | undefined;
}

/** How log lines are written, as --log-level and --log-format say. */
export function lineOptions({ output, verbosity }: Call, config: Config, about: About = {}): LogLineOptions {
  const chosen = config.value("logFormat");
  const format = chosen === "auto" ? (output.isWatched ? "pretty" : "json") : chosen;
  const level = config.value("logLevel");
  return {
    write: output.logLine,
    format,
    get level() {
      return verbosity?.isRaised === true ? "debug" : level;
    },
    get origin() {
      return about.origin;
    },
    now: Date.now,
    isColoured: format === "pretty" && output.isTerminal && !isColourless(),
  };
}

/** What is logged of requests, as --log-level and --slow-request say. */
export function requestLog(call: Call, config: Config, about?: About): RequestLog {
  return requestLines(lineOptions(call, config, about), { slowMs: config.value("slowRequest") });
}

/** How readers write their lines now: beside this process's, where these go. */
export function readerLineOptions(
  { format, level, isColoured = false, origin }: LogLineOptions,
  config: Config,
): ReaderLines {
  return { format, level, isColoured, origin, slowMs: config.value("slowRequest") };
}

/** What a person can do about a refusal to start, by its code. */
export type WaysOut = Partial<Readonly<Record<ErrorCode, readonly string[]>>>;

/** A refusal to start is only half the message; what to do about it is the other half. */
export function withWaysOut(error: unknown, waysOut: WaysOut): unknown {
  const ways = error instanceof TlogError ? waysOut[error.code] : undefined;
  if (!(error instanceof TlogError) || ways === undefined) return error;
  const message = [`${error.message}. Ways out:`, ...ways.map((way) => `  - ${way}`)].join("\n");
  return new TlogError(error.code, message, { cause: error });
}

/** @param ways - for every way in which a guard and its store can disagree. */
export function guardWaysOut(ways: readonly string[]): WaysOut {
  return { GUARD_MISSING: ways, GUARD_AHEAD: ways, GUARD_MISMATCH: ways, GUARD_MALFORMED: ways };
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // A signal alone does not keep the process alive, the server's sockets do.
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
