/**
 * A reader: a process that holds public connections beside the writer, answers reads of what is published from storage, has the writer
 * add entries, and passes everything else on. Started by `ReaderPool`; lives no longer than the writer does.
 */
import { rmSync } from "node:fs";
import type { RequestListener } from "node:http";
import { dirname } from "node:path";
import { TlogError } from "../errors.ts";
import { accessFrom, type WriteAccess } from "../http/access.ts";
import type { RunningListener } from "../http/listen.ts";
import type { OnError } from "../http/problem.ts";
import type { RequestLog } from "../http/request-log.ts";
import { RequestTally } from "../http/request-tally.ts";
import { listenOn } from "../http/serve-apps.ts";
import { openView } from "../log/view.ts";
import { Withheld } from "../log/withheld.ts";
import { messageOf } from "../node/errno.ts";
import { openLmdbReader } from "../store/lmdb.ts";
import { HeldLines } from "../telemetry/held-lines.ts";
import type { LogLineOptions } from "../telemetry/line-writer.ts";
import type { LogLevel } from "../telemetry/log-level.ts";
import { requestLines } from "../telemetry/request-lines.ts";
import { addHere } from "./add-here.ts";
import { FrameLink } from "./frame-link.ts";
import { type FromReader, isToReader, type ReaderStart } from "./messages.ts";
import { openPassage } from "./pass-on.ts";
import { readRoutes } from "./read-routes.ts";
import { countTurnedAway } from "./turned-away.ts";

/** What a terminal or a service manager sends to all processes: the writer hears it too, and says what to do. */
const FOR_THE_WRITER = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const;
/** Long-lived connections spread anew after so many requests: the processes that are less busy take the next ones. */
const MAX_REQUESTS_PER_CONNECTION = 1000;

for (const signal of FOR_THE_WRITER) process.on(signal, () => {});
// Without the writer there is no log to serve, and nobody to end this process, or to remove what a killed writer leaves behind: the
// directory of its sockets. Before cluster's own listener, which ends the process.
process.prependOnceListener("disconnect", () => {
  try {
    if (place !== undefined) rmSync(place, { recursive: true, force: true });
  } finally {
    process.exit(1);
  }
});

let place: string | undefined; // owned by open()
let listening: Promise<RunningListener> | undefined; // owned by the next statement
const withheld = new Withheld();
let access: WriteAccess | undefined; // owned by open()
let requests: RequestTally | undefined; // owned by open()
let level: LogLevel = "info"; // owned by hear() and open()
/** Where the writer's lines go too. */
const lines = new HeldLines(process.stdout);
process.stdout.on("error", () => {}); // Nobody reads lines any more, which is no reason to serve nobody.

process.on("message", (message: unknown) => {
  if (!isToReader(message)) return;
  if (message.kind === "ping") hear(message.logLevel);
  else if (message.kind === "start") listening ??= run(message.start);
  else if (message.kind === "drain") void end(message.deadlineMs);
  else if (message.kind === "withheld") withheld.replace(message.ranges);
  else if (access?.mode === "token") access.tokens.replace(message.tokens);
});
tell({ kind: "ready" });

function hear(logLevel: LogLevel | undefined): void {
  level = logLevel ?? level;
  tell(pong());
}

function pong(): FromReader {
  if (requests === undefined) return { kind: "pong" };
  return { kind: "pong", requests: requests.changes(), streams: requests.openStreams };
}

async function run(start: ReaderStart): Promise<RunningListener> {
  try {
    const listener = await open(start);
    tell({ kind: "listening" });
    return listener;
  } catch (error) {
    const code = error instanceof TlogError ? error.code : "STORE_FAILED";
    tell({ kind: "failed", code, message: messageOf(error) });
    throw error;
  }
}

async function open(start: ReaderStart): Promise<RunningListener> {
  const { directory, origin, vkeys, listen, tls } = start;
  access = accessFrom(start.access);
  requests = start.isCounting ? new RequestTally() : undefined;
  const requestLog = requestLogOf(start.lines);
  place = dirname(start.socketPath);
  const store = await openLmdbReader({ directory, origin });
  withheld.replace(start.withheld);
  const view = openView({ store, origin, vkeys, withheld });
  const limits = { maxRequestsPerConnection: MAX_REQUESTS_PER_CONNECTION };
  return await listenOn({
    app: { hotRoutes: readRoutes(view, onError), passOn: writesOf(start, { access, requestLog }) },
    ...listen,
    tls,
    limits,
    onError,
    requests,
    requestLog,
  });
}

function requestLogOf(wanted: ReaderStart["lines"]): RequestLog | undefined {
  if (wanted === undefined) return undefined;
  level = wanted.level;
  const options: LogLineOptions = {
    ...wanted,
    write: (line, lostLine) => lines.write(line, lostLine),
    get level() {
      return level;
    },
    now: Date.now,
    pid: process.pid,
  };
  return requestLines(options, wanted);
}

/** What is not read here. */
function writesOf(
  { socketPath, framesPath, limits }: ReaderStart,
  { access, requestLog }: { readonly access: WriteAccess; readonly requestLog: RequestLog | undefined },
): RequestListener {
  const { passOn } = openPassage(socketPath);
  const onPoolFull = countTurnedAway(tell);
  const link = new FrameLink({ socketPath: framesPath, limits, onPoolFull });
  const add = (entry: Uint8Array) => link.add(entry);
  const watch = { requests, requestLog };
  return addHere({ access, maxEntryBytes: limits.maxEntryBytes, add, onError, passOn, ...watch });
}

/** Ends the process; nothing here needs to be closed, since nothing is written. */
async function end(deadlineMs: number): Promise<void> {
  const listener = await listening?.catch(() => undefined);
  await listener?.close({ deadlineMs });
  await lines.end();
  tell(pong(), () => process.exit(0));
}

const onError: OnError = ({ error, ...request }) => {
  tell({ kind: "requestFailed", ...request, message: messageOf(error) });
};

/** @param onSent - the writer has it, or is gone: "disconnect" follows. */
function tell(message: FromReader, onSent: () => void = () => {}): void {
  process.send?.(message, undefined, undefined, () => onSent());
}
