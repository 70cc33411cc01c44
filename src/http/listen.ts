import { setMaxListeners } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { TlogError } from "../errors.ts";
import type { Answer, HotRoute } from "./exchange.ts";
import { type PlainRequest, PlainRequests } from "./exchange-router.ts";
import { SocketExchange, sendAnswer } from "./exchange-socket.ts";
import { NOT_STORED } from "./headers.ts";
import { DEFAULT_LISTEN_LIMITS, type ListenLimits } from "./limits.ts";
import { type HttpEnv, untilQuery } from "./path.ts";
import { type OnError, problemAnswer, problemFrom } from "./problem.ts";
import {
  AskedRequest,
  REQUEST_ID_HEADER,
  type RequestWatch,
  recordAnswer,
  withRequestId,
} from "./request-log.ts";
import { talliedRoute } from "./request-tally.ts";
import { trackSilent } from "./silent-sockets.ts";
import { readTls, type TlsFiles, watchTls } from "./tls.ts";
import { inTurn } from "./turns.ts";

/** What a listener serves: an app, and those of its routes that plain requests reach without hono. */
export interface ServedApp extends Pick<Hono<HttpEnv>, "fetch"> {
  readonly hotRoutes?: readonly HotRoute[];
}

/** What a process serves that cannot answer everything: plain requests of its routes. Another process answers the rest. */
export interface PartialApp {
  readonly hotRoutes: readonly HotRoute[];
  /** Gets what is not plain, of other routes, or about what this process does not know to be published. */
  readonly passOn: RequestListener;
}

/** What a {@link PartialApp} passes on is counted and told where it is answered. */
export interface ListenOptions extends RequestWatch {
  readonly app: ServedApp | PartialApp;
  /** Host name or IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Instead of host and port: a Unix socket for what other processes pass on, and what makes their requests the clients' again. */
  readonly passedOn?: { readonly socketPath: string; restore(incoming: IncomingMessage): void };
  /** With TLS. Files that are wrong when they are read again go to `onError`, and change nothing. */
  readonly tls?: TlsFiles | undefined;
  readonly limits?: Partial<ListenLimits>;
  readonly onError?: OnError;
}

export interface RunningListener {
  /** "http://127.0.0.1:6962", with the port that was bound; with TLS "https://…". */
  readonly url: string;
  /** Tells requests that only wait for a receipt, now and from now on, to answer at once. `close` does it too. */
  answerWaiting(): void;
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
 * @throws {TlogError} FILE_UNREADABLE | CONFIG_INVALID: the files of TLS
 */
export async function listen(options: ListenOptions): Promise<RunningListener> {
  const limits = { ...DEFAULT_LISTEN_LIMITS, ...options.limits };
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // Each waiting request listens.
  const server = createLimitedServer(options, { limits, closing: closing.signal });
  const isTls = "setSecureContext" in server;
  const closeSilent = trackSilent(server, { isTls });
  // What decides on the scheme of a request's URL, and with it whether a page is of the same origin.
  if (options.tls !== undefined && !isTls) {
    server.on("connection", (socket: Socket) => Reflect.set(socket, "encrypted", true));
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const { host, port, passedOn } = options;
    const address = passedOn === undefined ? { host, port } : { path: passedOn.socketPath };
    server.listen({ ...address, backlog: limits.backlog }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  let closed: Promise<void> | undefined; // owned by close()
  const endRenewing = renewTls(server, options);
  return {
    url: urlOf(server, options),
    answerWaiting: () => closing.abort(),
    close({ deadlineMs = 10_000 } = {}) {
      closing.abort();
      endRenewing();
      closed ??= drain(server, closeSilent, deadlineMs);
      return closed;
    },
  };
}

function createLimitedServer(
  options: ListenOptions,
  { limits, closing }: { readonly limits: ListenLimits; readonly closing: AbortSignal },
): Server | TlsServer {
  const settings = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
    maxHeaderSize: limits.maxHeaderBytes,
    // Passed on as HTTP/1.1 is also what came as HTTP/1.0, which needs no Host.
    requireHostHeader: options.passedOn === undefined,
  };
  const listener = inTurn(requestListener(options, closing), {
    maxPipelined: limits.maxPipelinedRequests,
    maxServed: limits.maxRequestsPerConnection,
  });
  const { tls, passedOn } = options;
  // What readers pass on came over TLS to them, and lies between processes here.
  const server =
    tls === undefined || passedOn !== undefined
      ? createServer(settings, listener)
      : createTlsServer(
          { ...settings, ...readTls(tls), handshakeTimeout: limits.headersTimeoutMs },
          listener,
        );
  // Node would drop the headers after the 2,000th unseen; maxHeaderBytes bounds them already.
  server.maxHeadersCount = 0;
  server.timeout = limits.inactivityTimeoutMs;
  server.maxConnections = limits.maxConnections;
  return server;
}

/** @returns a function that ends it. */
function renewTls(server: Server | TlsServer, { tls, onError }: ListenOptions): () => void {
  if (tls === undefined || !("setSecureContext" in server)) return () => {};
  return watchTls(tls, {
    onRenewed: (material) => server.setSecureContext(material),
    onFailed: (error) => onError?.({ error, method: "TLS", path: tls.certFile }),
  });
}

/** Serves plain requests of hot routes straight, all others through hono or in another process. */
function requestListener(options: ListenOptions, closing: AbortSignal): RequestListener {
  const { app, onError, passedOn, tls, requests, requestLog } = options;
  const hotRoutes = app.hotRoutes ?? [];
  for (const { openStreams } of hotRoutes) if (openStreams !== undefined) requests?.countStreams(openStreams);
  const plainRequests = new PlainRequests(hotRoutes, tls === undefined ? "http" : "https");
  const passOn = "passOn" in app ? app.passOn : undefined;
  const on = {
    closing,
    onError,
    passOn,
    watch: { requests, requestLog },
    isPassedOn: passedOn !== undefined,
  };
  const serve = "passOn" in app ? app.passOn : honoListener(app, on);
  return (incoming, outgoing) => {
    passedOn?.restore(incoming);
    const plain = plainRequests.recognise(incoming);
    if (plain !== undefined) {
      void servePlain(plain, on, { incoming, outgoing });
      return;
    }
    // No protocol is upgraded to, and Node's parser may stop behind a request that asks for one.
    if (incoming.headers.upgrade !== undefined) outgoing.shouldKeepAlive = false;
    void serve(incoming, outgoing);
  };
}

function honoListener(app: ServedApp, { closing, onError, watch, isPassedOn }: Serving): RequestListener {
  const serve = getRequestListener(
    async (request, env) => {
      const { incoming, outgoing } = env;
      assertOneHost(incoming);
      const asked = new AskedRequest(incoming, { isPassedOn });
      let added: Answer["added"]; // owned by onAdded()
      const onAdded = (what: Answer["added"]): void => {
        added = what;
      };
      const response = await app.fetch(request, { ...env, closing, asked, onAdded });
      const route = talliedRoute(untilQuery(incoming.url ?? ""));
      if (response.headers.get("Cache-Control") === NOT_STORED) {
        outgoing.setHeader(REQUEST_ID_HEADER, asked.id);
      }
      const { status, headers } = response;
      recordAnswer(watch, asked, { route, answer: { status, headers, added } });
      return response;
    },
    { errorHandler: (error) => answerUnrouted(error, onError) },
  );
  return (incoming, outgoing) => void serve(incoming, outgoing);
}

async function servePlain(
  { handle, route, site }: PlainRequest,
  { closing, onError, passOn, watch, isPassedOn }: Serving,
  { incoming, outgoing }: Connection,
): Promise<void> {
  const asked = new AskedRequest(incoming, { isPassedOn });
  let answer: Answer;
  try {
    answer = await handle(new SocketExchange({ incoming, outgoing, asked, site, closing }));
  } catch (error) {
    if (passOn !== undefined && isUnknownYet(error)) {
      passOn(incoming, outgoing);
      return;
    }
    const { method = "", url = "" } = incoming;
    const requestId = asked.id;
    answer = problemAnswer(error, { method }, { requestId });
    if (answer.status === 500) onError?.({ error, method, path: untilQuery(url), requestId });
  }
  recordAnswer(watch, asked, { route, answer });
  sendAnswer(incoming, outgoing, withRequestId(answer, asked));
}

function isUnknownYet(error: unknown): boolean {
  return error instanceof TlogError && (error.code === "NOT_PUBLISHED" || error.code === "ENTRY_UNKNOWN");
}

interface Serving {
  readonly closing: AbortSignal;
  readonly onError: OnError | undefined;
  readonly passOn: RequestListener | undefined;
  readonly watch: RequestWatch;
  /** Requests come from another process of this program. */
  readonly isPassedOn: boolean;
}

interface Connection {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** RFC 9112 §3.2: two Host headers are an error; Node would hide the second, which a proxy may have looked at. */
function assertOneHost({ rawHeaders }: { readonly rawHeaders: readonly string[] }): void {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
  if (hosts > 1) throw new TlogError("ARGUMENT_INVALID", `Host: want one, got ${hosts}`);
}

/** A request that never became one for the app: a malformed Host or target, or a failure outside every handler. */
function answerUnrouted(error: unknown, onError: OnError | undefined): Response {
  const failure = error instanceof RequestError ? new TlogError("ARGUMENT_INVALID", error.message) : error;
  const response = problemFrom(failure, new Request("http://localhost/"));
  if (response.status === 500) onError?.({ error, method: "", path: "" });
  return response;
}

async function drain(server: Server | TlsServer, closeSilent: () => void, deadlineMs: number): Promise<void> {
  // Requests that still arrive on open connections are answered, and are the last there.
  server.prependListener("request", (_incoming, outgoing: ServerResponse) =>
    outgoing.setHeader("Connection", "close"),
  );
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // close() closes what is idle now; a connection that becomes idle later would be kept until its keep-alive time is over.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    closeSilent();
  }, 50);
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(deadline);
  }
}

function urlOf(server: Server | TlsServer, { host, tls }: ListenOptions): string {
  const address = server.address();
  const port = isAddressInfo(address) ? address.port : 0;
  return `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
