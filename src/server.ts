/** The public door of `bristlecone/server`: a log inside any Node program, with or without HTTP in front of it. */
import { randomBytes } from "node:crypto";
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, resolve, sep } from "node:path";
import { TlogError } from "./errors.ts";
import { type LogEvents, shielded } from "./events.ts";
import { writeAccessFor } from "./http/access.ts";
import { createAdminApp, createLogApp } from "./http/app.ts";
import type { HttpLimits, ListenLimits } from "./http/limits.ts";
import { type ListenOptions, listen, type RunningListener } from "./http/listen.ts";
import type { OnError } from "./http/problem.ts";
import { type Guard, memoryGuard } from "./keys/guard.ts";
import { onSameVolume, openGuardFile } from "./keys/guard-file.ts";
import type { Log, LogLimits } from "./log/log.ts";
import { openLogEngine } from "./log/open-log.ts";
import { DEFAULT_LIMITS } from "./log/options.ts";
import { hasErrorCode, messageOf } from "./node/errno.ts";
import { packageVersion } from "./node/package-version.ts";
import { lockDirectory } from "./store/directory-lock.ts";
import { openLmdbStore } from "./store/lmdb.ts";
import type { LogStore } from "./store/store.ts";
import { encodeHex } from "./tlog/encoding.ts";
import type { NoteSigner } from "./tlog/key.ts";

export { type ErrorCode, TlogError } from "./errors.ts";
export type { LogEvents } from "./events.ts";
export type { Guard, GuardRecord } from "./keys/guard.ts";
export { openGuardFile } from "./keys/guard-file.ts";
export { readSigningKeyFile, writeSigningKeyFile } from "./keys/key-file.ts";
export type { Appended, Log, LogLimits, LogState, Publication } from "./log/log.ts";
export { openLmdbReader } from "./store/lmdb.ts";
export { openMemoryStore } from "./store/memory.ts";
export type { LogReader, LogStore } from "./store/store.ts";
export { formatSigningKey, generateSigningKey, type NoteSigner, openSigner } from "./tlog/key.ts";

/** How often an integrated entry gets a checkpoint when nobody waits for one. */
const DEFAULT_CHECKPOINT_INTERVAL_MS = 100;

export interface OpenLogOptions {
  /** Where the log lives; made when absent. Give this or `store`. */
  readonly directory?: string;
  /** A store of your own, for example `openMemoryStore`. Closed with the log. */
  readonly store?: LogStore;
  /** The log's key; its name is the origin. Give this or `signers`. */
  readonly signer?: NoteSigner;
  /** Several keys of one name, all of which sign; the first is Ed25519. */
  readonly signers?: readonly NoteSigner[];
  /** What was signed, kept outside the directory. Default: the file `<directory>.guard`; in memory for a `store`. */
  readonly guard?: Guard;
  /** The same bytes twice: "first" (default) gives the first index again, "allow" appends them again. */
  readonly duplicates?: "first" | "allow";
  /** Default 100 milliseconds. */
  readonly checkpointIntervalMs?: number;
  readonly limits?: Partial<LogLimits>;
  readonly events?: LogEvents;
  /** The most the data file may grow to, in bytes. Default: as the disk allows. */
  readonly maxStoreBytes?: number | undefined;
  /** See LogOptions.recreateGuard. Default false. */
  readonly recreateGuard?: boolean;
}

/**
 * Opens a log for writing, one process at a time.
 * @throws {TlogError} STORE_LOCKED | STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED |
 *   GUARD_MISSING | GUARD_AHEAD | GUARD_MISMATCH | GUARD_MALFORMED | GUARD_FAILED | SIGNER_FAILED | STORE_FAILED | STORE_FULL |
 *   ARGUMENT_INVALID
 */
export async function openLog(options: OpenLogOptions): Promise<Log> {
  const signers = options.signers ?? (options.signer === undefined ? [] : [options.signer]);
  const origin = signers[0]?.verifierKey.name;
  if (origin === undefined) throw new TlogError("ARGUMENT_INVALID", "want signer or signers, got neither");
  const events = shielded(options.events ?? {});
  const { store, guard } = await openDisks(options, { origin, events });
  try {
    return await openLogEngine({
      store,
      guard,
      signers,
      duplicates: options.duplicates ?? "first",
      checkpointIntervalMs: options.checkpointIntervalMs ?? DEFAULT_CHECKPOINT_INTERVAL_MS,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      events,
      now: () => performance.now(),
      randomToken: () => encodeHex(randomBytes(16)),
      recreateGuard: options.recreateGuard ?? false,
    });
  } catch (error) {
    await closeAll(store, guard);
    throw error;
  }
}

export interface ServeLogOptions {
  readonly log: Log;
  /** Port 0: any free port. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where `/healthz` and `/readyz` listen. Default: nowhere. */
  readonly adminListen?: { readonly host: string; readonly port: number } | undefined;
  /** SHA-256 of each write token, 64 lowercase hex digits. Empty: nobody may write. Absent: only programs on this machine may, on loopback. */
  readonly tokenHashes?: readonly string[];
  /** Let everybody write who can reach the port. Default false. */
  readonly openWrites?: boolean;
  readonly limits?: Partial<HttpLimits & ListenLimits>;
  /** Hears `requestFailed`. */
  readonly events?: LogEvents;
}

/** A log on a socket. Closing it leaves the log open. */
export interface RunningServer {
  readonly url: string;
  readonly adminUrl: string | undefined;
  /** Stops accepting, lets requests under way finish, and cuts those that have not by the deadline (default 10 s). */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/**
 * Serves a log over HTTP: spec/http-api.md.
 * @throws {TlogError} LISTEN_FAILED (the address is taken, or not ours) | HEX_MALFORMED (a token hash)
 */
export async function serveLog(options: ServeLogOptions): Promise<RunningServer> {
  const { log, limits = {} } = options;
  const events = shielded(options.events ?? {});
  const onError: OnError = ({ error, method, path }) => {
    events.requestFailed({ method, path, message: messageOf(error) });
  };
  const writeAccess = writeAccessFor({ host: options.listen.host, ...options });
  const app = createLogApp({ log, writeAccess, version: packageVersion(), limits, onError });
  const server = await listenOn({ app, ...options.listen, limits, onError });
  let isClosing = false; // owned by close()
  const admin = await listenAdmin(options, { onError, isClosing: () => isClosing }).catch(
    async (error: unknown) => {
      await server.close();
      throw error;
    },
  );
  return {
    url: server.url,
    adminUrl: admin?.url,
    async close(closing) {
      isClosing = true;
      // Health is answered to the end: whoever balances load must see the log go.
      await server.close(closing).finally(() => admin?.close(closing));
    },
  };
}

/** Nothing here may be forgotten when a later step fails: the lock, the store, the guard. */
async function openDisks(
  options: OpenLogOptions,
  { origin, events }: { readonly origin: string; readonly events: Required<LogEvents> },
): Promise<{ readonly store: LogStore; readonly guard: Guard }> {
  const { directory } = options;
  if (options.store !== undefined) return { store: options.store, guard: options.guard ?? memoryGuard() };
  if (directory === undefined)
    throw new TlogError("ARGUMENT_INVALID", "want directory or store, got neither");
  const store = await openLockedStore(directory, { origin, maxBytes: options.maxStoreBytes });
  let guard = options.guard;
  try {
    guard ??= await openGuardFile(`${resolve(directory)}.guard`);
    await checkGuardPlace(directory, guard, events);
    return { store, guard };
  } catch (error) {
    await closeAll(store, guard);
    throw error;
  }
}

/** What an opening that failed had open already. Its own error is the one to report, not one of these. */
async function closeAll(store: LogStore, guard: Guard | undefined): Promise<void> {
  await Promise.allSettled([store.close(), guard?.close()]);
}

/** The lock gives a second process a friendly word; the writer epoch in the store is what keeps it out. */
async function openLockedStore(
  directory: string,
  options: { readonly origin: string; readonly maxBytes: number | undefined },
): Promise<LogStore> {
  const lock = await lockDirectory(directory);
  try {
    const store = await openLmdbStore({ directory, ...options });
    return { ...store, close: () => store.close().finally(() => lock.release()) };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function checkGuardPlace(directory: string, guard: Guard, events: Required<LogEvents>): Promise<void> {
  const [data, place] = await Promise.all([realPath(directory), realPath(dirname(guard.location))]);
  if (isAbsolute(guard.location) && `${place}${sep}`.startsWith(`${data}${sep}`)) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `the guard ${guard.location} lies in the data directory, and would be restored together with it`,
    );
  }
  if (!(await onSameVolume(directory, guard.location))) return;
  events.warning({
    code: "GUARD_ON_SAME_VOLUME",
    message: `the guard ${guard.location} lies on the volume of the data directory: a restored volume would take both back`,
  });
}

/** Without symbolic links, where there is something; else as it is. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}

async function listenAdmin(
  { log, adminListen }: ServeLogOptions,
  { onError, isClosing }: { readonly onError: OnError; readonly isClosing: () => boolean },
): Promise<RunningListener | undefined> {
  if (adminListen === undefined) return undefined;
  return await listenOn({ app: createAdminApp({ log, isClosing, onError }), ...adminListen, onError });
}

async function listenOn(options: ListenOptions): Promise<RunningListener> {
  try {
    return await listen(options);
  } catch (error) {
    const reason = hasErrorCode(error, "EADDRINUSE") ? "another program listens there" : messageOf(error);
    throw new TlogError("LISTEN_FAILED", `cannot listen on ${options.host}:${options.port}: ${reason}`, {
      cause: error,
    });
  }
}
