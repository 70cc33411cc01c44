/** Where heads of a log are shown: by the log itself, at each of its URLs, and by other witnesses. Whatever comes from there is a claim. */
import { RemoteRefusedError } from "../../client/errors.ts";
import { type Fetcher, type FetcherOptions, openFetcher } from "../../client/fetcher.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { MAX_NOTE_BYTES } from "../tlog/note.ts";
import { originHash } from "../tlog/origin-hash.ts";
import type { WitnessedLog } from "./witness.ts";

/** Another witness, or anybody who shows checkpoints as a witness does, such as a distributor. */
export interface PeerWitness {
  /** For people. */
  readonly name: string;
  /** Its monitoring prefix.  c2sp.org/tlog-witness, "HTTP Interface" */
  readonly url: string;
  /** What it cosigns with, types 0x04 and 0x06: to say how old a head is, and to convict the peer itself. May be empty. */
  readonly keys: readonly VerifierKey[];
}

export interface HeadPlace {
  readonly origin: string;
  readonly url: string;
  /** Below `url`, without a leading slash. */
  readonly path: string;
  /** A witness that never cosigned for the log says 404, and rightly; a log always has a checkpoint. */
  readonly mayBeMissing: boolean;
}

/** One attempt of at most 10 s, unless said otherwise: who fails is asked again next time. */
const NETWORK: FetcherOptions = { timeoutMs: 10_000, retry: { maxAttempts: 1 } };

export function logPlaces(log: WitnessedLog): readonly HeadPlace[] {
  return log.urls.map((url) => logPlace(log, url));
}

/** At one of the log's URLs. */
export function logPlace({ origin }: WitnessedLog, url: string): HeadPlace {
  return { origin, url, path: "checkpoint", mayBeMissing: false };
}

/** `<monitoring prefix>/<origin hash>/checkpoint`.  c2sp.org/tlog-witness, "Monitor Retrieval Mechanism" */
export function peerPlace({ url }: PeerWitness, origin: string): HeadPlace {
  return { origin, url, path: `${originHash(origin)}/checkpoint`, mayBeMissing: true };
}

/** For people: the whole URL. */
export function sourceOf({ url, path }: HeadPlace): string {
  return `${url.replace(/\/$/, "")}/${path}`;
}

/** @throws {TlogError} ARGUMENT_INVALID (no http URL) */
export function fetcherFor(url: string, network: FetcherOptions): Fetcher {
  return openFetcher(url, { ...NETWORK, ...network });
}

/**
 * @returns the note, at most 128 KiB, nothing verified; undefined when the place shows none (404) and need not.
 * @throws {TlogError} as {@link Fetcher.request}, ARGUMENT_INVALID
 */
export async function fetchNote(
  place: HeadPlace,
  { network, signal }: { readonly network: FetcherOptions; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  try {
    const request = { path: place.path, maxBytes: MAX_NOTE_BYTES, signal };
    return (await fetcherFor(place.url, network).request(request)).body;
  } catch (error) {
    const isMissing = error instanceof RemoteRefusedError && error.status === 404;
    if (isMissing && place.mayBeMissing) return undefined;
    throw error;
  }
}
