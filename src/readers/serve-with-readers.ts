import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvariantError, TlogError } from "../errors.ts";
import { type LogEvents, type ReaderEvents, shielded } from "../events.ts";
import { accessRecord, type WriteAccess, writeAccessFor } from "../http/access.ts";
import { createAdminApp, createLogApp } from "../http/app.ts";
import type { ExplorerFiles } from "../http/explorer.ts";
import type { ListenLimits } from "../http/limits.ts";
import type { RunningListener } from "../http/listen.ts";
import type { KeptHeads } from "../http/past-heads.ts";
import type { OnError } from "../http/problem.ts";
import type { RequestLog } from "../http/request-log.ts";
import type { ListenAt, MountedWitness, RunningServer, ServedMetrics } from "../http/running-server.ts";
import { listenOn } from "../http/serve-apps.ts";
import type { TlsFiles } from "../http/tls.ts";
import type { WriteTokens } from "../http/write-tokens.ts";
import type { Log } from "../log/log.ts";
import { messageOf } from "../node/errno.ts";
import { packageVersion } from "../node/package-version.ts";
import type { ReaderLines } from "./messages.ts";
import { restoreRequest } from "./passed-on.ts";
import { ReaderPool } from "./reader-pool.ts";
import { type FrameListener, takeFrames } from "./take-frames.ts";

export interface ServeWithReadersOptions {
  /** How readers write log lines; asked when one starts, and for the level every two seconds. Default: they write none. */
  readonly lines?: () => ReaderLines;
  /** Hears of requests that readers pass on. */
  readonly requestLog?: RequestLog | undefined;
  readonly log: Log;
  /** Where the log lies: readers open it themselves. */
  readonly directory: string;
  /** How many readers, at least one. */
  readonly count: number;
  readonly listen: ListenAt;
  readonly adminListen: ListenAt | undefined;
  readonly tokens?: WriteTokens | undefined;
  readonly tokenHashes?: readonly string[];
  readonly openWrites?: boolean;
  readonly tls?: TlsFiles | undefined;
  readonly witnesses: readonly MountedWitness[];
  readonly explorer?: ExplorerFiles | undefined;
  /** See ServeLogOptions.keptHeads. */
  readonly keptHeads?: KeptHeads | undefined;
  readonly events: LogEvents & ReaderEvents;
  /** What `GET /metrics` on the admin listener answers, and where answers are counted, those of readers every two seconds. */
  readonly metrics?: ServedMetrics | undefined;
}

/**
 * Serves a log as `serveLog` does, with further processes in front that hold all public connections. The log's own process takes
 * what they pass on over a Unix socket in a directory of its own that nobody else may enter.
 * @throws {TlogError} LISTEN_FAILED | STORE_FAILED (a reader cannot open the directory) | HEX_MALFORMED (a token hash)
 */
export async function serveLogWithReaders(options: ServeWithReadersOptions): Promise<RunningServer> {
  assertSockets();
  const { log, directory, count, adminListen, tls, metrics } = options;
  const onError = onErrorFor(options.events);
  const listen = await withPort(options.listen);
  const place = await makePlace();
  const socketPath = join(place, SOCKET_NAME);
  const framesPath = join(place, FRAMES_NAME);
  let isClosing = false; // owned by close()
  let writer: RunningListener | undefined; // owned by the next statements
  let frames: FrameListener | undefined; // owned by the next statements
  let pool: ReaderPool | undefined; // owned by the next statements
  let endTokens = () => {}; // owned by the next statements
  let endWithheld = () => {}; // owned by the next statements
  let admin: RunningListener | undefined; // owned by the next statements
  const close = async ({ deadlineMs = 10_000 }: { readonly deadlineMs?: number } = {}): Promise<void> => {
    isClosing = true;
    endTokens();
    endWithheld();
    writer?.answerWaiting();
    await pool?.close({ deadlineMs });
    await frames?.close();
    await writer?.close({ deadlineMs: 0 });
    await rm(place, { recursive: true, force: true });
    await admin?.close({ deadlineMs });
  };
  try {
    const access = writeAccessFor({ ...options, host: listen.host });
    writer = await listenForReaders({ ...options, listen, access }, { socketPath, onError });
    const { requestFailed: onRequestFailed, poolFull: onPoolFull } = shielded(options.events);
    frames = await takeFrames({ log, socketPath: framesPath });
    const { origin, vkeys, limits } = log;
    const start = () => ({
      ...{ directory, origin, vkeys, socketPath, framesPath, limits, listen, tls },
      isCounting: metrics !== undefined,
      lines: options.lines?.(),
      access: accessRecord(access),
      withheld: log.withheld?.ranges ?? [],
    });
    const onRequests = (changes: readonly number[]) => metrics?.requests.merge(changes);
    const told = { onRequestFailed, onPoolFull, onRequests };
    const logLevel = () => options.lines?.().level;
    pool = await ReaderPool.open({ count, start, logLevel, events: options.events, ...told });
    metrics?.requests.countStreams(() => pool?.streams ?? 0);
    if (access.mode === "token") endTokens = tellOf(access.tokens, pool);
    endWithheld = tellWithheld(log, pool);
    const readers = () => ({ wanted: count, up: pool?.up ?? 0 });
    const adminApp = createAdminApp({ log, isClosing: () => isClosing, readers, onError, metrics });
    if (adminListen !== undefined) admin = await listenOn({ app: adminApp, ...adminListen, onError });
  } catch (error) {
    await close({ deadlineMs: 0 });
    throw error;
  }
  return { url: urlOf(listen, tls), adminUrl: admin?.url, close };
}

/** Who was replaced before the readers were there is replaced with the first call. */
function tellOf(tokens: WriteTokens, pool: ReaderPool): () => void {
  const tell = () => pool.replaceTokens(tokens.current);
  tell();
  return tokens.onReplaced(tell);
}

function tellWithheld({ withheld }: Log, pool: ReaderPool): () => void {
  if (withheld === undefined) return () => {};
  const tell = () => pool.withhold(withheld.ranges);
  tell();
  return withheld.onReplaced(tell);
}

/** Readers keep the public limits; a request that one of them has begun to pass on is theirs to time. */
const PASSED_ON_LIMITS: Partial<ListenLimits> = Object.freeze({
  headersTimeoutMs: 0,
  requestTimeoutMs: 0,
  keepAliveTimeoutMs: 0,
  maxConnections: 1_000_000,
  // What readers add to the headers must not be too much.
  maxHeaderBytes: 32 * 1024,
});

async function listenForReaders(
  {
    log,
    listen,
    witnesses,
    access,
    tls,
    metrics,
    explorer,
    keptHeads,
    requestLog,
  }: ServeWithReadersOptions & { readonly access: WriteAccess },
  { socketPath, onError }: { readonly socketPath: string; readonly onError: OnError },
): Promise<RunningListener> {
  const version = packageVersion();
  const boundPort = () => listen.port;
  const page = { explorer, keptHeads };
  const app = createLogApp({ log, writeAccess: access, version, witnesses, ...page, boundPort, onError });
  const passedOn = { socketPath, restore: restoreRequest };
  const watch = { requests: metrics?.requests, requestLog };
  return await listenOn({ app, ...listen, passedOn, tls, limits: PASSED_ON_LIMITS, onError, ...watch });
}

/** Every reader is to listen on the same port, also one that is started again when no other is left to share with. */
async function withPort({ host, port }: ListenAt): Promise<ListenAt> {
  if (port !== 0) return { host, port };
  const server = createServer();
  const free = await new Promise<number>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new TlogError("LISTEN_FAILED", `cannot listen on ${host}:0: ${messageOf(error)}`)),
    );
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new InvariantError("a TCP server without an address"));
    });
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { host, port: free };
}

function urlOf({ host, port }: ListenAt, tls: TlsFiles | undefined): string {
  return `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function onErrorFor(events: LogEvents): OnError {
  const { requestFailed } = shielded(events);
  return ({ error, ...request }) => requestFailed({ ...request, message: messageOf(error) });
}

function assertSockets(): void {
  if (process.platform !== "win32") return;
  throw new TlogError("CONFIG_INVALID", "--readers: want 0 on Windows, where readers were never tried");
}

/** For what clients ask, as they wrote it; and for what readers say themselves, which nothing of a client's can reach. */
const SOCKET_NAME = "writer.sock";
const FRAMES_NAME = "frames.sock";
/** Of a Unix socket's path on macOS; Linux takes 4 more. A longer one is cut off without a word, and lies where others may enter. */
const MAX_SOCKET_PATH_BYTES = 103;

/** A new directory of mode 0700. */
async function makePlace(): Promise<string> {
  const prefix = join(tmpdir(), "bristlecone-");
  const bytes = Buffer.byteLength(join(`${prefix}XXXXXX`, SOCKET_NAME));
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw badPlace(`want a path of at most ${MAX_SOCKET_PATH_BYTES} bytes, got ${bytes}`);
  }
  return await mkdtemp(prefix).catch((error: unknown) => {
    throw badPlace(messageOf(error));
  });
}

function badPlace(reason: string): TlogError {
  return new TlogError(
    "LISTEN_FAILED",
    `cannot make a directory for the readers' socket in ${tmpdir()}: ${reason}; set TMPDIR`,
  );
}
