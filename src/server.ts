/** The public door of `bristlecone/server`: a log, or a witness, inside any Node program, with or without HTTP in front of it. */
import { randomBytes } from "node:crypto";
import { TlogError } from "./errors.ts";
import { type LogEvents, shielded } from "./events.ts";
import { writeAccessFor } from "./http/access.ts";
import { createAdminApp, createLogApp } from "./http/app.ts";
import type { ExplorerFiles } from "./http/explorer.ts";
import type { HttpLimits, ListenLimits } from "./http/limits.ts";
import type { KeptHeads } from "./http/past-heads.ts";
import type { OnError } from "./http/problem.ts";
import type { RequestLog } from "./http/request-log.ts";
import type { ListenAt, MountedWitness, RunningServer, ServedMetrics } from "./http/running-server.ts";
import { serveApps } from "./http/serve-apps.ts";
import type { TlsFiles } from "./http/tls.ts";
import type { WriteTokens } from "./http/write-tokens.ts";
import { type Guard, memoryGuard } from "./keys/guard.ts";
import type { FreezeRequest } from "./log/freeze.ts";
import { DEFAULT_SERVED, type ServedPlaces } from "./log/head-sources.ts";
import type { Log, LogLimits } from "./log/log.ts";
import { openLogEngine } from "./log/open-log.ts";
import { DEFAULT_LIMITS } from "./log/options.ts";
import type { KeyChangeWish } from "./log/own-keys.ts";
import { SpaceFloor } from "./log/space-floor.ts";
import { type LogWitnesses, WITNESSED_INTERVAL_MS, witnessOptions } from "./log/witness-options.ts";
import { messageOf } from "./node/errno.ts";
import { freeBytes } from "./node/free-bytes.ts";
import { packageVersion } from "./node/package-version.ts";
import { closeAll, type OpenDisks, openDisks } from "./open-disks.ts";
import { LogScrub, type ScrubSettings } from "./scrub-log.ts";
import { openLmdbStore } from "./store/lmdb.ts";
import type { LogStore } from "./store/store.ts";
import { encodeHex } from "./tlog/encoding.ts";
import type { NoteSigner } from "./tlog/key.ts";

export { type ErrorCode, TlogError } from "./errors.ts";
export type { LogEvents, WitnessEvents } from "./events.ts";
export type { MetricsPage, MountedWitness, RunningServer, ServedMetrics } from "./http/running-server.ts";
export type { TlsFiles } from "./http/tls.ts";
export { type WriteToken, WriteTokens } from "./http/write-tokens.ts";
export type { Guard, GuardRecord } from "./keys/guard.ts";
export { openGuardFile } from "./keys/guard-file.ts";
export { readSigningKeyFile, writeSigningKeyFile } from "./keys/key-file.ts";
export { openCosigner, openLogSigner } from "./keys/open-signer.ts";
export type { FreezeRequest } from "./log/freeze.ts";
export type {
  Appended,
  Log,
  LogEnd,
  LogLimits,
  LogState,
  Publication,
  Witnessing,
  WitnessStatus,
} from "./log/log.ts";
export type { KeyChangeWish } from "./log/own-keys.ts";
export { LogRolledBackError } from "./log/shown-heads.ts";
export type { LogWitnesses, QuorumMode } from "./log/witness-options.ts";
export { readExplorerFiles } from "./node/explorer-files.ts";
export { openLmdbReader } from "./store/lmdb.ts";
export { openMemoryStore } from "./store/memory.ts";
export type { LogReader, LogStore } from "./store/store.ts";
export { type CosignerKey, openCosignerKey } from "./tlog/cosigner.ts";
export { formatSigningKey, generateSigningKey, type NoteSigner, openSigner } from "./tlog/key.ts";

export { parseLogArguments } from "./witness/log-argument.ts";
export { openRoster } from "./witness/roster.ts";
export type { Roster, Witness, WitnessedLog } from "./witness/witness.ts";
export {
  type OpenWitnessOptions,
  openWitness,
  type ServeWitnessOptions,
  serveWitness,
} from "./witness-server.ts";

/** How often an integrated entry gets a checkpoint when nobody waits for one. */
const DEFAULT_CHECKPOINT_INTERVAL_MS = 100;
/** Room for what may be pending, its tree and the pages copied for it, and as much again for runs of the leaf index and for heads. */
export const DEFAULT_MIN_FREE_BYTES = 268_435_456;

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
  /** Default 100 milliseconds; with witnesses 1,000, and never more often than that. */
  readonly checkpointIntervalMs?: number;
  /** Who has to cosign before readers see a checkpoint. Default: nobody. */
  readonly witnesses?: LogWitnesses | undefined;
  /** Where readers see the log: asked before anything is signed what was, as the witnesses are, and looked at every 10 seconds. */
  readonly served?: (Pick<ServedPlaces, "urls"> & Partial<ServedPlaces>) | undefined;
  /** End the log with this opening: it takes no more entries, for ever, and its last checkpoint says so. spec/frozen.md */
  readonly freeze?: FreezeRequest | undefined;
  /** Change the log's keys with this opening; `signers` are those from before, and go on signing beside the new ones. spec/key-history.md */
  readonly keyChange?: KeyChangeWish | undefined;
  /** Somebody else has the log's keys, which are about to change: what was signed with them elsewhere is told (`KEY_MISUSED`), and does not stop this opening. */
  readonly isKeyLeaked?: boolean | undefined;
  readonly limits?: Partial<LogLimits>;
  readonly events?: LogEvents;
  /** The most the data file may grow to, in bytes. Default: as the disk allows. */
  readonly maxStoreBytes?: number | undefined;
  /** While less than this is free on the disk of `directory`, in bytes, entries are turned away. Default 256 MiB; 0: nobody looks. */
  readonly minFreeBytes?: number | undefined;
  /** Go through the bytes of `directory` while the log is in service, over and over: what is wrong is told, and withheld. Default: nobody does. */
  readonly scrub?: ScrubSettings | undefined;
  /**
   * Other processes answer the same public with `openLmdbReader`: with true, nobody sees a checkpoint before they do. Default false:
   * they see it up to 50 ms after this process shows it.
   */
  readonly hasReaders?: boolean;
  /** See LogOptions.recreateGuard. Default false. */
  readonly recreateGuard?: boolean;
}

/**
 * Opens a log for writing, one process at a time.
 * @throws {TlogError} STORE_LOCKED | STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH | STORE_SCHEMA_UNKNOWN | STORE_DAMAGED |
 *   LOG_ROLLED_BACK ({@link LogRolledBackError}) | LOG_CONTRADICTED | GUARD_MISSING | GUARD_AHEAD | GUARD_MISMATCH |
 *   GUARD_MALFORMED | GUARD_FAILED | SIGNER_FAILED | STORE_FAILED | STORE_FULL | ARGUMENT_INVALID | NOT_PUBLISHED (`freeze`)
 */
export async function openLog(options: OpenLogOptions): Promise<Log> {
  const signers = options.signers ?? (options.signer === undefined ? [] : [options.signer]);
  const origin = signers[0]?.verifierKey.name;
  if (origin === undefined) throw new TlogError("ARGUMENT_INVALID", "want signer or signers, got neither");
  const { minFreeBytes = DEFAULT_MIN_FREE_BYTES } = options;
  if (!(minFreeBytes >= 0)) {
    throw new TlogError("ARGUMENT_INVALID", `minFreeBytes: want 0 or more, got ${minFreeBytes}`);
  }
  const events = shielded(options.events ?? {});
  const defaultIntervalMs =
    options.witnesses === undefined ? DEFAULT_CHECKPOINT_INTERVAL_MS : WITNESSED_INTERVAL_MS;
  const witnesses = options.witnesses && witnessOptions(options.witnesses);
  const scrub = openScrub(options, events);
  const { store: opened, guard } = await openLogDisks(options, { origin, events });
  let store = opened;
  try {
    const space = await openSpaceFloor(options, { minFreeBytes, events });
    store = closedWith(opened, [space, scrub]);
    const log = await openLogEngine({
      store,
      guard,
      signers,
      duplicates: options.duplicates ?? "first",
      checkpointIntervalMs: options.checkpointIntervalMs ?? defaultIntervalMs,
      witnesses,
      served: options.served && { ...DEFAULT_SERVED, ...options.served },
      freeze: options.freeze,
      keyChange: options.keyChange,
      isKeyLeaked: options.isKeyLeaked,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      events,
      space,
      scrub: scrub && { withheld: scrub.withheld, status: () => scrub.status() },
      now: () => performance.now(),
      randomToken: () => encodeHex(randomBytes(16)),
      hasReaders: options.hasReaders ?? false,
      recreateGuard: options.recreateGuard ?? false,
    });
    await scrub?.start(log);
    return log;
  } catch (error) {
    await closeAll([store, guard]);
    throw error;
  }
}

export interface ServeLogOptions {
  readonly log: Log;
  /** Port 0: any free port. */
  readonly listen: ListenAt;
  /** Where `/healthz`, `/readyz` and `/metrics` listen. Default: nowhere. */
  readonly adminListen?: ListenAt | undefined;
  /** What `/metrics` answers, and where answers are counted. Default: nothing. */
  readonly metrics?: ServedMetrics | undefined;
  /** SHA-256 of each write token, 64 lowercase hex digits. Empty: nobody may write. Absent: only programs on this machine may, on loopback. */
  readonly tokenHashes?: readonly string[];
  /** Instead: the tokens with all that is known of them, which may be replaced while the server runs. */
  readonly tokens?: WriteTokens | undefined;
  /** The public listener speaks TLS with these files, which are read again when they change. Default: without. */
  readonly tls?: TlsFiles | undefined;
  /** Let everybody write who can reach the port. Default false. */
  readonly openWrites?: boolean;
  readonly limits?: Partial<HttpLimits & ListenLimits>;
  /** Witnesses to serve on the same listener, each below `/witness/<path>/`. They stay open when the server closes. */
  readonly witnesses?: readonly MountedWitness[];
  /** The explorer, a web page that verifies the log in the reader's browser, for `/`: see {@link readExplorerFiles}. Default: no page. */
  readonly explorer?: ExplorerFiles | undefined;
  /** Where the heads for its picture of the log's growth outlive the process. Default: nowhere. */
  readonly keptHeads?: KeptHeads | undefined;
  /** Hears of requests, of each or of slow ones. Default: nobody does. */
  readonly requestLog?: RequestLog | undefined;
  /** Hears `requestFailed`. */
  readonly events?: LogEvents;
}

/**
 * Serves a log over HTTP: spec/http-api.md.
 * @throws {TlogError} LISTEN_FAILED (the address is taken, or not ours) | HEX_MALFORMED (a token hash) | FILE_UNREADABLE |
 *   CONFIG_INVALID (the files of TLS)
 */
export async function serveLog(options: ServeLogOptions): Promise<RunningServer> {
  const { log, limits = {}, listen, adminListen, witnesses = [], tls, metrics } = options;
  const events = shielded(options.events ?? {});
  const onError: OnError = ({ error, ...request }) => {
    events.requestFailed({ ...request, message: messageOf(error) });
  };
  const writeAccess = writeAccessFor({ host: listen.host, ...options });
  let url: string | undefined; // owned by this function
  const boundPort = () => (url === undefined ? undefined : portOf(url));
  const version = packageVersion();
  const app = createLogApp({
    log,
    writeAccess,
    version,
    limits,
    witnesses,
    explorer: options.explorer,
    keptHeads: options.keptHeads,
    boundPort,
    onError,
  });
  const adminApp = (isClosing: () => boolean) => createAdminApp({ log, isClosing, onError, metrics });
  const watch = { requests: metrics?.requests, requestLog: options.requestLog };
  const server = await serveApps({ app, adminApp, listen, adminListen, tls, limits, onError, ...watch });
  url = server.url;
  return server;
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/** Nothing here may be forgotten when a later step fails: the lock, the store, the guard. */
async function openLogDisks(
  options: OpenLogOptions,
  { origin, events }: { readonly origin: string; readonly events: Required<LogEvents> },
): Promise<OpenDisks<LogStore>> {
  const { directory, guard } = options;
  if (options.store !== undefined) return { store: options.store, guard: guard ?? memoryGuard() };
  if (directory === undefined)
    throw new TlogError("ARGUMENT_INVALID", "want directory or store, got neither");
  const onIndexing = ({ indexed, treeSize }: { readonly indexed: number; readonly treeSize: number }) =>
    events.warning({
      code: "LEAF_INDEX_BEHIND",
      message: `making the leaf index: ${indexed} of ${treeSize}`,
    });
  const onUpgrade = () =>
    events.warning({
      code: "STORE_UPGRADED",
      message: `${directory} is brought up to schema 2: earlier versions of this program will not open it any more`,
    });
  const onMergeFailed = (error: unknown) =>
    events.warning({ code: "LEAF_INDEX_UNMERGED", message: `${messageOf(error)}; will try again` });
  const maxBytes = options.maxStoreBytes;
  const told = { onIndexing, onUpgrade, onMergeFailed };
  const floorBytes = options.minFreeBytes ?? DEFAULT_MIN_FREE_BYTES;
  const openStore = () => openLmdbStore({ directory, origin, maxBytes, floorBytes, ...told });
  return await openDisks(directory, { openStore, guard, warn: events.warning });
}

async function openSpaceFloor(
  { directory, store }: OpenLogOptions,
  { minFreeBytes, events }: { readonly minFreeBytes: number; readonly events: LogEvents },
): Promise<SpaceFloor | undefined> {
  if (directory === undefined || store !== undefined || minFreeBytes === 0) return undefined;
  return await SpaceFloor.open({ minFreeBytes, freeBytes: () => freeBytes(directory) }, events);
}

/** Nobody looks any longer than there is a store to write to. */
function closedWith(
  store: LogStore,
  watchers: readonly ({ close(): void | Promise<void> } | undefined)[],
): LogStore {
  return {
    ...store,
    async close() {
      await Promise.allSettled(watchers.map((one) => one?.close()));
      await store.close();
    },
  };
}

/** Opens nothing yet. */
function openScrub({ directory, store, scrub }: OpenLogOptions, events: LogEvents): LogScrub | undefined {
  if (scrub === undefined || directory === undefined || store !== undefined) return undefined;
  const { bytesPerSecond } = scrub;
  if (bytesPerSecond >= 1) return new LogScrub({ ...scrub, directory, events });
  throw new TlogError("ARGUMENT_INVALID", `bytesPerSecond: want 1 or more, got ${bytesPerSecond}`);
}
