/** Ways to tell somebody alerts through a program. spec/monitor.md */
import { spawn } from "node:child_process";
import { TlogError } from "../errors.ts";
import type { AlertSink } from "../monitor/delivery.ts";
import { mailText } from "../monitor/mail.ts";
import { messageText } from "../monitor/message-json.ts";
import { messageOf } from "./errno.ts";

/** Runs a program, without a shell, with the alerts as JSON on its standard input; it told them when it ends with 0. */
export function commandSink(
  name: string,
  options: { readonly command: readonly string[]; readonly timeoutMs?: number; readonly now: () => number },
): AlertSink {
  const { command, timeoutMs = 60_000, now } = options;
  return {
    name,
    tell: (message, signal) =>
      runProgram({
        name,
        command,
        timeoutMs,
        signal,
        stdin: messageText(message, now()),
      }),
  };
}

/** Hands a mail to a program that takes one on its standard input, as sendmail does. */
export function mailSink(
  name: string,
  options: {
    readonly to: string;
    readonly from: string;
    readonly sendmail: readonly string[];
    readonly timeoutMs?: number;
    readonly now: () => number;
  },
): AlertSink {
  const { to, from, sendmail, timeoutMs = 60_000, now } = options;
  return {
    name,
    tell: (message, signal) => {
      const stdin = mailText(message, { to, from, nowMs: now() });
      return runProgram({ name, command: sendmail, timeoutMs, signal, stdin });
    },
  };
}

/** Most of what a program says that is kept. */
const MAX_WORDS = 300;

async function runProgram(run: {
  readonly name: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly stdin: string;
}): Promise<void> {
  const { name, command, timeoutMs, signal, stdin } = run;
  const [program = "", ...args] = command;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "ignore", "pipe"],
      signal: limit,
      killSignal: "SIGKILL",
    });
    let words = ""; // owned by the listener
    child.stderr.on("data", (chunk) => {
      words = `${words}${chunk}`.slice(0, MAX_WORDS);
    });
    // A program that does not read to the end says with its exit code whether that matters.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.on("error", (cause) => reject(untold(`${name}: ${reasonOf(cause)}`, cause)));
    // Not "close": a child of the child may hold the pipe for ever.
    child.on("exit", (code, killer) => {
      child.stderr.destroy();
      if (code === 0) resolve();
      else reject(untold(`${name} ended with ${code ?? killer}${words === "" ? "" : `: ${words.trim()}`}`));
    });
  });
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? ` (${messageOf(cause.cause)})` : "";
  return `${messageOf(cause)}${inner}`;
}

function untold(message: string, cause?: unknown): TlogError {
  return new TlogError("ALERT_NOT_TOLD", message, { cause });
}
