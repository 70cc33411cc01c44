import { TlogError } from "../errors.ts";
import type { LogView } from "../log/log.ts";
import { EventStreams } from "../push/streams.ts";
import type { Exchange, HotRoute } from "./exchange.ts";
import { NOT_STORED, READ_HEADERS } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";
import { parseDecimalParameter, parseOptionalQuery } from "./parameters.ts";
import type { OnError } from "./problem.ts";

/** `GET /events`: new checkpoints, and entries with their receipts, as they are published.  spec/push.md */
export function eventsRoute(
  log: Pick<LogView, "published" | "readEntries" | "receiptBytes">,
  { limits, onError }: { readonly limits: HttpLimits; readonly onError: OnError | undefined },
): HotRoute {
  const streams = new EventStreams({
    log,
    limits,
    onError: (error) => onError?.({ error, method: "GET", path: "/events" }),
  });
  return {
    method: "GET",
    path: "/events",
    openStreams: () => streams.size,
    handle(exchange) {
      const asked = parseListening(exchange);
      const begin = streams.admit({ ...asked, address: exchange.address, closing: exchange.closing });
      const answer = { status: 200, headers: STREAM_HEADERS };
      return exchange.method === "HEAD" ? answer : { ...answer, stream: begin };
    },
  };
}

/** Last-Event-ID is what a browser sends when it comes back, to the URL it had at first: what it knows since then counts. */
function parseListening(exchange: Exchange) {
  const { from, entries } = parseOptionalQuery(exchange.query, ["from", "entries"]);
  const last = exchange.header("last-event-id");
  if (entries !== undefined && entries !== "1") {
    throw new TlogError("PARAMETER_INVALID", `entries: want 1, got ${JSON.stringify(entries.slice(0, 80))}`);
  }
  const size = from === undefined ? undefined : parseDecimalParameter("from", from);
  return {
    from: last === undefined ? size : parseDecimalParameter("Last-Event-ID", last),
    wantsEntries: entries !== undefined,
  };
}

const STREAM_HEADERS = {
  ...READ_HEADERS,
  "Content-Type": "text/event-stream",
  "Cache-Control": NOT_STORED,
  // nginx, and what took it over from there: send on what comes.
  "X-Accel-Buffering": "no",
} as const;
