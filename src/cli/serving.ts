/** What commands that run until Ctrl-C have in common. */
import type { Config } from "../config.ts";
import { type ErrorCode, TlogError } from "../errors.ts";
import type { LogLineOptions } from "../telemetry/line-writer.ts";
import type { Call } from "./command.ts";

/** How log lines are written, as --log-level and --log-format say. */
export function lineOptions({ output }: Call, config: Config): LogLineOptions {
  const chosen = config.value("logFormat");
  const format = chosen === "auto" ? (output.isWatched ? "pretty" : "json") : chosen;
  return { write: output.logLine, format, level: config.value("logLevel"), now: Date.now };
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
