/** Servers as no HTTP library makes them, and probes of them, both closed after each test. */
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import { type HttpProbe, type HttpProbeOptions, openHttpProbe } from "../../src/node/http-probe.ts";

/** Has `probe` closed after the test. */
export function closeLater(probe: HttpProbe): HttpProbe {
  onTestFinished(() => probe.close());
  return probe;
}

/** Closed, with its connections, after the test. @returns its URL. */
export async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {})));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (typeof address === "string" || address === null) return expect.unreachable("no port");
  return `http://127.0.0.1:${address.port}`;
}

export function serveHttp(listener: RequestListener): Promise<string> {
  return listening(createServer(listener));
}

/** Answers each request of each connection, by their numbers from 0, with bytes; undefined: closes instead. */
export function serveBytes(
  answer: (connection: number, request: number) => string | undefined,
): Promise<string> {
  let connections = 0;
  return listening(
    createTcpServer((socket) => {
      const connection = connections++;
      let requests = 0;
      socket.on("data", () => {
        const bytes = answer(connection, requests++);
        if (bytes === undefined) socket.destroy();
        else socket.write(bytes);
      });
    }),
  );
}

/** A probe without a pace, closed after the test. */
export function probeOf(url: string, options: Partial<HttpProbeOptions> = {}): HttpProbe {
  const probe = openHttpProbe({
    url,
    ratePerSecond: 1000,
    timeoutMs: 5000,
    maxRequests: 100,
    maxBytes: 1_000_000,
    maxAnswerBytes: 100_000,
    signal: new AbortController().signal,
    ...options,
  });
  return closeLater(probe);
}

/** The bytes of a short answer. */
export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
