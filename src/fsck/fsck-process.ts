/**
 * A process of a check: does one job after the other. Reading a damaged LMDB file may end it with a signal, which is why it is one;
 * its parent sees that, and says so.
 */
import { TlogError } from "../errors.ts";
import { messageOf } from "../node/errno.ts";
import { type Checker, openChecker } from "./checker.ts";
import type { Done } from "./jobs.ts";
import { type FromProcess, isToProcess, type ToProcess } from "./messages.ts";
import { pace } from "./pace.ts";
import type { BeforeReading } from "./source.ts";

/** A terminal sends it to all processes: the parent hears it too, and says what to do. */
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
if (process.platform !== "win32") process.on("SIGUSR2", () => {}); // For the process that writes log lines.
process.once("disconnect", () => process.exit(1));

let checker: Checker | undefined; // owned by take()

process.on("message", (message: unknown) => {
  if (isToProcess(message)) void take(message).catch(tellFailure);
});

async function take(message: ToProcess): Promise<void> {
  if (message.kind === "open") {
    const onProgress = (done: Done) => void tell({ kind: "progress", done });
    const onRest = () => onProgress({ entries: 0, bytes: 0 });
    const { bytesPerSecond } = message;
    const otherWork = bytesPerSecond === undefined ? undefined : pace({ bytesPerSecond, onRest });
    checker = openChecker(message.target, { onProgress, otherWork });
    await tell({ kind: "opened" });
    return;
  }
  const { job, announces, avoid } = message;
  const answer = await checker?.run(job, announces ? announcer(avoid) : undefined);
  if (answer !== undefined) await tell({ kind: "answer", answer });
}

function announcer(avoid: ReadonlyMap<string, string>): BeforeReading {
  return async (name) => {
    const reason = avoid.get(name);
    if (reason !== undefined) throw new TlogError("STORE_DAMAGED", `the store is damaged: ${reason}`);
    await tell({ kind: "before", name });
  };
}

function tellFailure(error: unknown): Promise<void> {
  const code = error instanceof TlogError ? error.code : undefined;
  const message =
    code === undefined && error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  return tell({ kind: "failed", code, message });
}

/** Resolves when the parent's end has it: what comes next may be the last this process does. */
function tell(message: FromProcess): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}
