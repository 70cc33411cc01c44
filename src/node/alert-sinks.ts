/** Ways to tell somebody alerts: an HTTP request, a program, a mail. spec/monitor.md */
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { TlogError } from "../errors.ts";
import { alertJson } from "../monitor/alert.ts";
import type { AlertMessage, AlertSink } from "../monitor/delivery.ts";
import { mailText } from "../monitor/mail.ts";
import { messageOf } from "./errno.ts";

/**
 * POSTs alerts as Standard Webhooks (standardwebhooks.com) has them.
 * @param options.secret - of the HMAC-SHA256 in `webhook-signature`; undefined: not signed.
 */
export function webhookSink(
  name: string,
  options: {
    readonly url: string;
    readonly secret: Uint8Array | undefined;
    readonly timeoutMs?: number;
    /** Milliseconds since 1970. */
    readonly now: () => number;
  },
): AlertSink {
  const { url, secret, timeoutMs = 10_000, now } = options;
  return {
    name,
    async tell(message, signal) {
      const body = `${JSON.stringify(messageJson(message, now()))}\n`;
      const timestamp = String(Math.floor(now() / 1000));
      const signature = secret && webhookSignature({ secret, id: message.id, timestamp, body });
      try {
        const answer = await fetch(url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            ...(signature !== undefined && { "webhook-signature": signature }),
          },
          body,
          redirect: "manual",
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        });
        await answer.body?.cancel();
        if (!answer.ok) throw untold(`${name} answered ${answer.status}`);
      } catch (cause) {
        if (cause instanceof TlogError) throw cause;
        throw untold(`${name}: ${reasonOf(cause)}`, cause);
      }
    },
  };
}

/** standardwebhooks.com, "Signature scheme": "v1,<base64 HMAC-SHA256 of id.timestamp.body>". */
export function webhookSignature(args: {
  readonly secret: Uint8Array;
  readonly id: string;
  readonly timestamp: string;
  readonly body: string;
}): string {
  const { secret, id, timestamp, body } = args;
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

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
        stdin: `${JSON.stringify(messageJson(message, now()))}\n`,
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

function messageJson({ alerts }: AlertMessage, nowMs: number): object {
  return {
    type: "bristlecone.alerts",
    timestamp: new Date(nowMs).toISOString(),
    data: { alerts: alerts.map(alertJson) },
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
