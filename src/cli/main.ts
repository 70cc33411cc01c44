#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import { runCli } from "./run.ts";

// Requests side by side each listen to the signal that ends them all: more than ten are no leak.
setMaxListeners(1000);

const interrupt = new AbortController();

/** The first signal asks the command to end, the second ends it. */
function onSignal(exitCode: number): void {
  if (interrupt.signal.aborted) process.exit(exitCode);
  interrupt.abort(exitCode);
}
process.on("SIGINT", () => onSignal(130));
process.on("SIGTERM", () => onSignal(143));

// A reader that has seen enough, such as `head`, closes the pipe: end like any Unix tool, 128 + SIGPIPE.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 141 : 70));
process.stderr.on("error", () => {});

const exitCode = await runCli({
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  now: () => performance.now(),
});

// Idle keep-alive sockets would hold the process; what was printed must be out first.
process.stdout.write("", () => process.exit(exitCode));
