#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { failCli, runCli } from "./run.ts";

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
// A closed terminal: whatever ran in it ends as cleanly.
process.on("SIGHUP", () => onSignal(129));

// Of a log that runs: to look closely without ending it, and back. Windows has no such signal, and SIGUSR1 is Node's own.
const verbosity = { isRaised: false };
if (process.platform !== "win32") {
  process.on("SIGUSR2", () => {
    verbosity.isRaised = !verbosity.isRaised;
  });
}

const world = {
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  now: () => performance.now(),
  verbosity,
};

process.stdout.on("error", (cause) => {
  const code = codeOf(cause);
  // A reader that has seen enough, such as `head`, closes the pipe: end like any Unix tool, 128 + SIGPIPE.
  if (code === "EPIPE") process.exit(141);
  process.exit(
    failCli(
      world,
      new TlogError("FILE_UNWRITABLE", `standard output cannot be written (${code})`, { cause }),
    ),
  );
});
process.stderr.on("error", () => {});

const exitCode = await runCli(world);

// Idle keep-alive sockets would hold the process; what was printed must be out first, or have failed, as said above.
process.stdout.write("", (error) => {
  if (error === null || error === undefined) process.exit(exitCode);
});
