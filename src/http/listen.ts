import { setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { TlogError } from "../errors.ts";
import { DEFAULT_LISTEN_LIMITS, type ListenLimits } from "./limits.ts";
import type { HttpEnv } from "./path.ts";
import { type OnError, problemFrom } from "./problem.ts";

export interface ListenOptions {
  readonly app: Hono<HttpEnv>;
  /** Host name or IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly limits?: Partial<ListenLimits>;
  readonly onError?: OnError;
}

export interface RunningListener {
  /** "http://127.0.0.1:6962", with the port that was bound. */
  readonly url: string;
  /**
   * Stops accepting, closes idle connections, lets requests under way finish, and cuts those that have not by the deadline.
   * Requests that only wait for a receipt are told to answer now.
   * Idempotent. @param options.deadlineMs - default 10 s.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/**
 * Serves an app on a socket.
 * @throws {Error} what node:net reports when the address cannot be bound (EADDRINUSE, EACCES, …), as it is.
 */
export async function listen(options: ListenOptions): Promise<RunningListener> {
  const limits = { ...DEFAULT_LISTEN_LIMITS, ...options.limits };
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // Each waiting request listens.
  const server = createLimitedServer(options, { limits, closing: closing.signal });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port, backlog: limits.backlog }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  let closed: Promise<void> | undefined; // owned by close()
  return {
    url: urlOf(server, options.host),
    close({ deadlineMs = 10_000 } = {}) {
      closing.abort();
      closed ??= drain(server, deadlineMs);
      return closed;
    },
  };
}

function createLimitedServer(
  { app, onError }: ListenOptions,
  { limits, closing }: { readonly limits: ListenLimits; readonly closing: AbortSignal },
): Server {
  const serve = getRequestListener((request, env) => app.fetch(request, { ...env, closing }), {
    errorHandler: (error) => answerUnrouted(error, onError),
  });
  const pipeline = pipelineLimit(limits.maxPipelinedRequests);
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
      maxHeaderSize: limits.maxHeaderBytes,
    },
    (incoming, outgoing) => {
      if (pipeline(incoming, outgoing)) void serve(incoming, outgoing);
    },
  );
  server.timeout = limits.inactivityTimeoutMs;
  server.maxConnections = limits.maxConnections;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  return server;
}

/**
 * Node starts every request it finds in a packet, so one packet of a client that does not read could start a thousand.
 * @returns false when the request must not be served; its connection is closed then.
 */
function pipelineLimit(maxRequests: number) {
  const underWay = new WeakMap<Socket, number>(); // owned by the returned function
  return ({ socket }: IncomingMessage, outgoing: ServerResponse): boolean => {
    const requests = (underWay.get(socket) ?? 0) + 1;
    if (requests > maxRequests) {
      socket.destroy();
      return false;
    }
    underWay.set(socket, requests);
    outgoing.once("close", () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    return true;
  };
}

/** A request that never became one for the app: a malformed Host or target, or a failure outside every handler. */
function answerUnrouted(error: unknown, onError: OnError | undefined): Response {
  const request = new Request("http://localhost/");
  if (error instanceof RequestError) {
    return problemFrom(new TlogError("ARGUMENT_INVALID", error.message), request);
  }
  onError?.({ error, method: "", path: "" });
  return problemFrom(error, request);
}

async function drain(server: Server, deadlineMs: number): Promise<void> {
  // Requests that still arrive on open connections are answered, and are the last there.
  server.prependListener("request", (_incoming, outgoing: ServerResponse) =>
    outgoing.setHeader("Connection", "close"),
  );
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // close() closes what is idle now; a connection that becomes idle later would be kept until its keep-alive time is over.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(deadline);
  }
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = isAddressInfo(address) ? address.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
