/** A reader's half of adding, in this process: its listener, its link, and the writer's end of that. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WriteAccess } from "../../src/http/access.ts";
import { listen } from "../../src/http/listen.ts";
import type { Log, LogLimits } from "../../src/log/log.ts";
import { addHere } from "../../src/readers/add-here.ts";
import { FrameLink } from "../../src/readers/frame-link.ts";
import { takeFrames } from "../../src/readers/take-frames.ts";

/** What says in tests that a request was passed on. */
export const PASSED_ON = 299;

/** A path for a Unix socket, short enough for one. */
export function newSocketPath(): string {
  return join(mkdtempSync(join(tmpdir(), "frames-")), "s");
}

export function linkTo(socketPath: string, limits: LogLimits) {
  const turnedAway: object[] = [];
  const onPoolFull = (held: object) => void turnedAway.push(held);
  return { link: new FrameLink({ socketPath, limits, onPoolFull }), turnedAway };
}

/** Listens as a reader of `log` does. */
export async function readerOf(log: Log, access: WriteAccess) {
  const socketPath = newSocketPath();
  const failures: unknown[] = [];
  const frames = await takeFrames({ log, socketPath });
  const { link } = linkTo(socketPath, log.limits);
  const passOn = addHere({
    access,
    maxEntryBytes: log.limits.maxEntryBytes,
    add: (entry) => link.add(entry),
    onError: ({ error }) => failures.push(error),
    passOn: (_incoming, outgoing) => void outgoing.writeHead(PASSED_ON).end(),
  });
  const listener = await listen({ app: { hotRoutes: [], passOn }, host: "127.0.0.1", port: 0 });
  return {
    url: listener.url,
    failures,
    async close() {
      await listener.close({ deadlineMs: 0 });
      await frames.close();
    },
  };
}
