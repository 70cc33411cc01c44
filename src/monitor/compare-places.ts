/** Holds the head that a log shows here against those that are shown elsewhere: by its mirrors, and by witnesses. */
import type { FetcherOptions } from "../../client/fetcher.ts";
import type { LogHead } from "../../client/log-head.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource, type TileSource } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { compareHeads, type HeadComparison } from "../witness/compare-heads.ts";
import { fetcherFor, fetchNote, type HeadPlace, peerPlace } from "../witness/head-places.ts";
import type { AlarmKind } from "./alert.ts";
import { type EvidenceShelf, keptFiles } from "./evidence-shelf.ts";
import type { MonitoredLog, WatchedPlace } from "./monitored-log.ts";

/** What the last look at a place came to. */
export interface PlaceSight {
  readonly place: WatchedPlace;
  readonly treeSize: number | undefined;
  /** "nothing": a witness that shows no head of this log. */
  readonly verdict: HeadComparison["verdict"] | "nothing" | "failed" | undefined;
  readonly atMs: number | undefined;
}

export type Observe = (found: {
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly message: string | undefined;
  readonly graceMs: number;
  readonly files?: readonly string[] | undefined;
}) => Promise<void>;

export interface PlaceWatchOptions {
  readonly log: MonitoredLog;
  /** Those that were chosen, and those that followed them. */
  readonly logKeys: () => readonly VerifierKey[];
  readonly network: FetcherOptions;
  readonly now: () => number;
  readonly shelf: EvidenceShelf;
  readonly observe: Observe;
  /** An operator should know, and the monitor goes on. */
  readonly warn: (error: TlogError) => void;
}

export class PlaceWatch {
  readonly #options: PlaceWatchOptions;
  readonly #tiles: readonly TileSource[];
  readonly #sights: Map<string, PlaceSight>; // owned by #look()
  /** By place: the largest head seen there that is larger than the log's own. Owned by #look(). */
  readonly #ahead = new Map<string, number>();
  /** By place: the size it shows since the log has shown a larger one. Owned by #look(). */
  readonly #behind = new Map<string, number>();

  constructor(options: PlaceWatchOptions) {
    this.#options = options;
    const { log, network } = options;
    const { origin } = log.trust;
    const urls = [log.url, ...log.places.flatMap(({ role, url }) => (role === "mirror" ? [url] : []))];
    const cache = memoryTiles({ maxBytes: 1024 * 1024 });
    this.#tiles = urls.map((url) => openTileSource({ origin, fetcher: fetcherFor(url, network), cache }));
    this.#sights = new Map(
      log.places.map((place) => [
        place.url,
        { place, treeSize: undefined, verdict: undefined, atMs: undefined },
      ]),
    );
  }

  sights(): readonly PlaceSight[] {
    return [...this.#sights.values()];
  }

  /** Looks at all places side by side. @param ours - the largest head that was verified. @throws {TlogError} ABORTED */
  async look(ours: LogHead, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.log.places.map((place) => this.#look(place, ours, signal)));
  }

  async #look(place: WatchedPlace, ours: LogHead, signal: AbortSignal): Promise<void> {
    const { log, logKeys, now } = this.#options;
    try {
      const shown = await this.#shownAt(place, signal);
      const treeSize = shown?.treeSize;
      if (shown === undefined) {
        this.#sights.set(place.url, { place, treeSize, verdict: "nothing", atMs: now() });
        await this.#observe(place, { kind: "place", message: undefined });
        return;
      }
      const comparison = await compareHeads(
        { ours: { ...ours, logNote: ours.signedNote }, shown, cosignedAtSeconds: undefined, nowSeconds: 0 },
        { origin: log.trust.origin, logKeys: logKeys(), tiles: this.#tiles, signal },
      );
      this.#sights.set(place.url, { place, treeSize, verdict: comparison.verdict, atMs: now() });
      await this.#judge(place, { ours, shown, comparison });
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      this.#sights.set(place.url, { place, treeSize: undefined, verdict: "failed", atMs: now() });
      await this.#observe(place, { kind: "place", message: `${place.name}: ${error.message}` });
    }
  }

  /** @throws {TlogError} as `fetchNote` and `openCheckpoint`: any one key of the log suffices, and no quorum is asked for. */
  async #shownAt(place: WatchedPlace, signal: AbortSignal) {
    const { trust } = this.#options.log;
    const signedNote = await fetchNote(headPlace(place, trust.origin), {
      network: this.#options.network,
      signal,
    });
    if (signedNote === undefined) return undefined;
    const expectedOrigin = trust.origin;
    const logKeys = this.#options.logKeys();
    const { treeSize, rootHash } = await openCheckpoint({ signedNote, logKeys, expectedOrigin });
    return { treeSize, rootHash, logNote: signedNote };
  }

  async #judge(
    place: WatchedPlace,
    found: {
      readonly ours: LogHead;
      readonly shown: { readonly treeSize: number; readonly logNote: Uint8Array };
      readonly comparison: HeadComparison;
    },
  ): Promise<void> {
    const { ours, shown, comparison } = found;
    const { shelf, warn, log } = this.#options;
    const { origin } = log.trust;
    if (comparison.verdict === "evidence") {
      const message = `${place.name} shows size ${shown.treeSize}, and the log size ${ours.treeSize}, of two different histories, both signed by the log`;
      const files = await keptFiles(() => shelf.keepEvidence(origin, comparison.evidence), warn);
      await this.#observe(place, { kind: "fork", message, files });
      return;
    }
    const unproven =
      comparison.verdict === "unproven"
        ? `${place.name} shows a head of size ${shown.treeSize} with the log's signature, and nobody serves the tree that would tell whether it is the same history: ${comparison.reason}`
        : undefined;
    const files =
      unproven === undefined
        ? undefined
        : await keptFiles(() => shelf.keepCheckpoint(origin, shown.logNote), warn);
    await this.#observe(place, { kind: "unproven", message: unproven, files });
    await this.#observe(place, { kind: "behind", message: this.#hidden(place, ours, shown.treeSize) });
    await this.#observe(place, { kind: "place", message: this.#lagging(place, ours, shown.treeSize) });
  }

  /** A head that was seen elsewhere at an earlier look, and that the log itself does not show yet. */
  #hidden({ name, url }: WatchedPlace, ours: LogHead, shownSize: number): string | undefined {
    const before = this.#ahead.get(url) ?? 0;
    if (shownSize > ours.treeSize) this.#ahead.set(url, Math.max(before, shownSize));
    else if (before <= ours.treeSize) this.#ahead.delete(url);
    if (before <= ours.treeSize) return undefined;
    return `${name} showed size ${before}, and the log itself shows no more than ${ours.treeSize}`;
  }

  /** A head that did not move since the log has shown a larger one at an earlier look. */
  #lagging({ name, url }: WatchedPlace, ours: LogHead, shownSize: number): string | undefined {
    const before = this.#behind.get(url);
    if (shownSize < ours.treeSize) this.#behind.set(url, shownSize);
    else this.#behind.delete(url);
    if (before !== shownSize || shownSize >= ours.treeSize) return undefined;
    return `${name} still shows size ${shownSize}, and the log shows ${ours.treeSize}`;
  }

  #observe(
    { url }: WatchedPlace,
    found: { kind: AlarmKind; message: string | undefined; files?: readonly string[] | undefined },
  ): Promise<void> {
    const { placeMs, behindMs } = this.#options.log.patience;
    const graceMs = found.kind === "fork" ? 0 : found.kind === "place" ? placeMs : behindMs;
    return this.#options.observe({ ...found, subject: url, graceMs });
  }
}

function headPlace({ role, url }: WatchedPlace, origin: string): HeadPlace {
  if (role === "witness") return peerPlace({ name: "", url, keys: [] }, origin);
  return { origin, url, path: "checkpoint", mayBeMissing: false };
}
