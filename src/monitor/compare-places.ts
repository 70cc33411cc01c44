/** Holds the head that a log shows here against those that are shown elsewhere: by its mirrors, and by witnesses. */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { TlogError } from "../errors.ts";
import type { ComparedHead, HeadComparison } from "../witness/compare-heads.ts";
import { fetchNote, type HeadPlace, peerPlace } from "../witness/head-places.ts";
import type { LogRecord } from "./log-record.ts";
import type { MonitoredLog, WatchedPlace } from "./monitored-log.ts";
import type { Observe, SignedHeads } from "./signed-heads.ts";

/** What the last look at a place came to. */
export interface PlaceSight {
  readonly place: WatchedPlace;
  readonly treeSize: number | undefined;
  /** "nothing": a witness that shows no head of this log. */
  readonly verdict: HeadComparison["verdict"] | "nothing" | "failed" | undefined;
  readonly atMs: number | undefined;
}

export interface PlaceWatchOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  readonly network: FetcherOptions;
  readonly now: () => number;
  readonly signedHeads: SignedHeads;
  readonly observe: Observe;
}

/** What is known of the log when its places are looked at. */
export interface OwnHead {
  /** The largest head that was verified; undefined: none yet. */
  readonly ours: ComparedHead | undefined;
  /** The log showed it just now: a place that is ahead of a log that is silent does not show what the log hides. */
  readonly isShown: boolean;
}

export class PlaceWatch {
  readonly #options: PlaceWatchOptions;
  readonly #sights: Map<string, PlaceSight>; // owned by #look()

  constructor(options: PlaceWatchOptions) {
    this.#options = options;
    this.#sights = new Map(
      options.log.places.map((place) => [
        place.url,
        { place, treeSize: undefined, verdict: undefined, atMs: undefined },
      ]),
    );
  }

  sights(): readonly PlaceSight[] {
    return [...this.#sights.values()];
  }

  /** Looks at all places side by side. @throws {TlogError} ABORTED */
  async look(own: OwnHead, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.log.places.map((place) => this.#look(place, own, signal)));
  }

  async #look(place: WatchedPlace, own: OwnHead, signal: AbortSignal): Promise<void> {
    const { now, signedHeads } = this.#options;
    const see = (treeSize: number | undefined, verdict: PlaceSight["verdict"]) =>
      this.#sights.set(place.url, { place, treeSize, verdict, atMs: now() });
    try {
      const shown = await this.#shownAt(place, signal);
      if (shown === undefined || own.ours === undefined) {
        see(shown?.treeSize, shown === undefined ? "nothing" : undefined);
        return await this.#observe(place, { kind: "place", message: undefined });
      }
      const { ours } = own;
      const { verdict } = await signedHeads.judge(place.url, { ours, shown }, signal);
      see(shown.treeSize, verdict);
      if (verdict === "evidence" || !own.isShown) return;
      await this.#remember(place, ours.treeSize, shown.treeSize);
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      see(undefined, "failed");
      await this.#observe(place, { kind: "place", message: `${place.name}: ${error.message}` });
    }
  }

  /** @throws {TlogError} as `fetchNote` and {@link SignedHeads.open} */
  async #shownAt(place: WatchedPlace, signal: AbortSignal): Promise<ComparedHead | undefined> {
    const { network, signedHeads, log } = this.#options;
    const note = await fetchNote(headPlace(place, log.trust.origin), { network, signal });
    return note && (await signedHeads.open(note));
  }

  /** Told of what the place showed at an earlier look, also of another run: between two requests the log may have grown. */
  async #remember({ name, url }: WatchedPlace, ourSize: number, shownSize: number): Promise<void> {
    const { record } = this.#options;
    const before = record.state.places.find((one) => one.url === url);
    const wasAhead = before?.ahead ?? 0;
    const hidden =
      wasAhead > ourSize
        ? `${name} showed size ${wasAhead}, and the log itself shows no more than ${ourSize}`
        : undefined;
    const lagging =
      shownSize < ourSize && before?.behind === shownSize
        ? `${name} still shows size ${shownSize}, and the log shows ${ourSize}`
        : undefined;
    const ahead = Math.max(wasAhead, shownSize);
    const memory = {
      url,
      ...(ahead > ourSize && { ahead }),
      ...(shownSize < ourSize && { behind: shownSize }),
    };
    if (before?.ahead !== memory.ahead || before?.behind !== memory.behind) {
      await record.change((state) => ({
        ...state,
        places: [...state.places.filter((one) => one.url !== url), memory],
      }));
    }
    await this.#observe({ url }, { kind: "behind", message: hidden });
    await this.#observe({ url }, { kind: "place", message: lagging });
  }

  #observe(
    { url }: Pick<WatchedPlace, "url">,
    found: { readonly kind: "place" | "behind"; readonly message: string | undefined },
  ): Promise<void> {
    const { placeMs, behindMs } = this.#options.log.patience;
    const graceMs = found.kind === "place" ? placeMs : behindMs;
    return this.#options.observe({ ...found, subject: url, graceMs });
  }
}

function headPlace({ role, url }: WatchedPlace, origin: string): HeadPlace {
  if (role === "witness") return peerPlace({ name: "", url, keys: [] }, origin);
  return { origin, url, path: "checkpoint", mayBeMissing: false };
}
