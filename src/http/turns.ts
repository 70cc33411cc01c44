import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What one connection waits for: the answer under way, and the requests behind it. */
interface Line {
  isServing: boolean;
  readonly waiting: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }[];
}

/**
 * Serves the requests of one connection one after the other. Node starts every request it finds in a packet, and when the
 * reader leaves it tells only the answer whose turn it was: begun together, a thousand answers could wait for a reader, and
 * what those behind the first hold would never come back. What waits here was not begun and goes with its connection.
 * RFC 9112 §9.3.2 wants turns for writes in any case.
 * @param maxRequests - a connection with more that are not answered is cut.
 */
export function inTurn(serve: RequestListener, maxRequests: number): RequestListener {
  const lines = new WeakMap<Socket, Line>(); // owned by the two functions below
  /** Once for all requests: a closure for each would cost more than the turn. */
  function serveNext(this: ServerResponse): void {
    const { socket } = this.req;
    // A socket that is closing takes no answer: what came after the last request it answers is not served.
    if (!socket.writable) return;
    const line = lines.get(socket);
    const next = line?.waiting.shift();
    if (next !== undefined) serve(next.incoming, next.outgoing);
    else if (line !== undefined) line.isServing = false;
  }
  return (incoming, outgoing) => {
    const { socket } = incoming;
    let line = lines.get(socket);
    if (line === undefined) {
      line = { isServing: false, waiting: [] };
      lines.set(socket, line);
    }
    if (line.isServing && line.waiting.length + 1 >= maxRequests) {
      socket.destroy();
      return;
    }
    outgoing.on("close", serveNext);
    if (line.isServing) {
      line.waiting.push({ incoming, outgoing });
      return;
    }
    line.isServing = true;
    serve(incoming, outgoing);
  };
}
