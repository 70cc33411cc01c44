import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What one connection waits for: the answer under way, and the requests behind it. */
interface Line {
  isServing: boolean;
  /** Requests that were begun, the one under way among them. */
  served: number;
  readonly waiting: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }[];
}

/**
 * Serves the requests of one connection one after the other. Node starts every request it finds in a packet, and when the
 * reader leaves it tells only the answer whose turn it was: begun together, a thousand answers could wait for a reader, and
 * what those behind the first hold would never come back. What waits here was not begun and goes with its connection.
 * RFC 9112 §9.3.2 wants turns for writes in any case.
 * @param limits.maxPipelined - a connection with more that are not answered is cut.
 * @param limits.maxServed - after so many answers a connection is closed; 0: never.
 */
export function inTurn(
  serve: RequestListener,
  { maxPipelined, maxServed }: { readonly maxPipelined: number; readonly maxServed: number },
): RequestListener {
  const lines = new WeakMap<Socket, Line>(); // owned by the two functions below
  /** Once for all requests: a closure for each would cost more than the turn. */
  function serveNext(this: ServerResponse): void {
    const { socket } = this.req;
    // A socket that is closing takes no answer: what came after the last request it answers is not served.
    if (!socket.writable) return;
    const line = lines.get(socket);
    const next = line?.waiting.shift();
    if (line === undefined) return;
    if (next !== undefined) begin(line, next.incoming, next.outgoing);
    else line.isServing = false;
  }
  function begin(line: Line, incoming: IncomingMessage, outgoing: ServerResponse): void {
    line.served += 1;
    // Node ends the connection after this answer. Its own limit would answer all that come later with 503, and keep it open.
    if (line.served === maxServed) outgoing.shouldKeepAlive = false;
    serve(incoming, outgoing);
  }
  return (incoming, outgoing) => {
    const { socket } = incoming;
    let line = lines.get(socket);
    if (line === undefined) {
      line = { isServing: false, served: 0, waiting: [] };
      lines.set(socket, line);
    }
    if (line.isServing && line.waiting.length + 1 >= maxPipelined) {
      socket.destroy();
      return;
    }
    outgoing.on("close", serveNext);
    if (line.isServing) {
      line.waiting.push({ incoming, outgoing });
      return;
    }
    line.isServing = true;
    begin(line, incoming, outgoing);
  };
}
