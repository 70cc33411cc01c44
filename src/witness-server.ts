/** A witness inside any Node program, with or without HTTP in front of it. */
import { randomBytes } from "node:crypto";
import { type MlDsa44, mlDsa44 } from "./crypto/ml-dsa.ts";
import { TlogError } from "./errors.ts";
import { shieldedWitness, type WitnessEvents } from "./events.ts";
import type { ListenLimits, WitnessHttpLimits } from "./http/limits.ts";
import type { OnError } from "./http/problem.ts";
import type { RequestLog } from "./http/request-log.ts";
import type { ListenAt, RunningServer, ServedMetrics } from "./http/running-server.ts";
import { serveApps } from "./http/serve-apps.ts";
import { createWitnessApp } from "./http/witness.ts";
import { createWitnessAdminApp } from "./http/witness-admin.ts";
import { type Guard, memoryGuard } from "./keys/guard.ts";
import { messageOf } from "./node/errno.ts";
import { packageVersion } from "./node/package-version.ts";
import { closeAll, type OpenDisks, openDisks } from "./open-disks.ts";
import { openLmdbWitnessStore } from "./store/witness-lmdb.ts";
import { DEFAULT_THINNING, type WitnessStore } from "./store/witness-store.ts";
import type { CosignerKey } from "./tlog/cosigner.ts";
import { encodeHex } from "./tlog/encoding.ts";
import { openWitnessEngine } from "./witness/open-witness.ts";
import type { OwnSignature, Roster, Witness } from "./witness/witness.ts";

export interface OpenWitnessOptions {
  /** Where the witness lives; made when absent. Give this or `store`. */
  readonly directory?: string;
  /** A store of your own, for example `openMemoryWitnessStore`. Closed with the witness. */
  readonly store?: WitnessStore;
  /** An Ed25519 key (0x04), and an ML-DSA-44 key (0x06) if there is one: of one name, the witness's, and of no log. */
  readonly keys: readonly CosignerKey[];
  /** Which logs it cosigns for; see `openRoster`. */
  readonly roster: Roster;
  /** What was signed, kept outside the directory. Default: the file `<directory>.guard`; in memory for a `store`. */
  readonly guard?: Guard;
  readonly events?: WitnessEvents;
  /** Who checks ML-DSA-44 signatures, some milliseconds each. Default: this thread. */
  readonly mlDsa44?: MlDsa44 | undefined;
  /** The most the data file may grow to, in bytes. Default: as the disk allows. */
  readonly maxStoreBytes?: number | undefined;
  /** Accept that the guard is lost, and start a new one from what the store says. Default false. */
  readonly recreateGuard?: boolean;
  /** The witness's own signatures, as others show them: one beyond its store refuses the opening. */
  readonly ownSignatures?: readonly OwnSignature[];
  /** Take such signatures over as what was cosigned last. Default false. */
  readonly adoptOwnSignatures?: boolean;
}

/**
 * Opens a witness for cosigning, one process at a time.
 * @throws {TlogError} STORE_LOCKED | STORE_DIRECTORY_FOREIGN | STORE_ORIGIN_MISMATCH (another witness's) | STORE_SCHEMA_UNKNOWN |
 *   STORE_DAMAGED | STORE_FAILED | STORE_FULL | GUARD_MISSING | GUARD_AHEAD | GUARD_MISMATCH | GUARD_MALFORMED | GUARD_FAILED |
 *   WITNESS_ROLLED_BACK | ARGUMENT_INVALID
 */
export async function openWitness(options: OpenWitnessOptions): Promise<Witness> {
  const name = options.keys[0]?.verifierKey.name;
  if (name === undefined) throw new TlogError("ARGUMENT_INVALID", "keys: want at least one, got none");
  const events = shieldedWitness(options.events ?? {});
  const { store, guard } = await openWitnessDisks(options, { name, events });
  try {
    return await openWitnessEngine({
      name,
      store,
      guard,
      keys: options.keys,
      roster: options.roster,
      events,
      now: Date.now,
      randomToken: () => encodeHex(randomBytes(16)),
      mlDsa44: options.mlDsa44 ?? mlDsa44,
      thinning: DEFAULT_THINNING,
      recreateGuard: options.recreateGuard ?? false,
      ownSignatures: options.ownSignatures ?? [],
      adoptOwnSignatures: options.adoptOwnSignatures ?? false,
    });
  } catch (error) {
    await closeAll([store, guard]);
    throw error;
  }
}

export interface ServeWitnessOptions {
  readonly witness: Witness;
  /** Port 0: any free port. */
  readonly listen: ListenAt;
  /** Where `/healthz`, `/readyz` and `/metrics` listen. Default: nowhere. */
  readonly adminListen?: ListenAt | undefined;
  /** What `/metrics` answers, and where answers are counted. Default: nothing. */
  readonly metrics?: ServedMetrics | undefined;
  readonly limits?: Partial<WitnessHttpLimits & ListenLimits>;
  /** Hears of requests, of each or of slow ones. Default: nobody does. */
  readonly requestLog?: RequestLog | undefined;
  /** Hears `requestFailed`. */
  readonly events?: WitnessEvents;
}

/**
 * Serves a witness over HTTP: spec/http-api.md, "A witness".
 * @throws {TlogError} LISTEN_FAILED (the address is taken, or not ours)
 */
export async function serveWitness(options: ServeWitnessOptions): Promise<RunningServer> {
  const { witness, listen, adminListen, limits = {}, metrics } = options;
  const events = shieldedWitness(options.events ?? {});
  const onError: OnError = ({ error, ...request }) => {
    events.requestFailed({ ...request, message: messageOf(error) });
  };
  const app = createWitnessApp({ witness, version: packageVersion(), limits, onError });
  const adminApp = (isClosing: () => boolean) =>
    createWitnessAdminApp({ witness, isClosing, onError, metrics });
  const watch = { requests: metrics?.requests, requestLog: options.requestLog };
  return await serveApps({ app, adminApp, listen, adminListen, limits, onError, ...watch });
}

async function openWitnessDisks(
  { directory, store, guard, maxStoreBytes }: OpenWitnessOptions,
  { name, events }: { readonly name: string; readonly events: Required<WitnessEvents> },
): Promise<OpenDisks<WitnessStore>> {
  if (store !== undefined) return { store, guard: guard ?? memoryGuard() };
  if (directory === undefined)
    throw new TlogError("ARGUMENT_INVALID", "want directory or store, got neither");
  const openStore = () => openLmdbWitnessStore({ directory, name, maxBytes: maxStoreBytes });
  return await openDisks(directory, { openStore, guard, warn: events.warning });
}
