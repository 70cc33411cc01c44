/** A log as its monitor was told to watch it. */
import type { Trust } from "../../client/policy.ts";
import type { BatchMatcher, Matcher } from "./matchers.ts";

export interface MonitoredLog {
  /** Where it is read. */
  readonly url: string;
  readonly trust: Trust;
  /** Other places that show its heads. */
  readonly places: readonly WatchedPlace[];
  /** The first entry that matchers see, where nothing was read yet; "now": only what is new. */
  readonly from: number | "now";
  readonly matchers: readonly (Matcher | BatchMatcher)[];
  /** Whether it is listened to, where it tells by itself what is new. spec/push.md */
  readonly isHeard: boolean;
  readonly patience: Patience;
}

/** Another place that shows heads of the log. */
export interface WatchedPlace {
  /** For people. */
  readonly name: string;
  readonly url: string;
  /** "mirror": `<url>/checkpoint`, with tiles beside it. "witness": `<url>/<origin hash>/checkpoint`, which it may not have. */
  readonly role: "mirror" | "witness";
}

/** How long something may be wrong before it is told, in milliseconds. */
export interface Patience {
  /** A head that no quorum cosigned; bytes that are no checkpoint of the log. */
  readonly badHeadMs: number;
  /** No answer; entries or tiles that are not served. */
  readonly unreachableMs: number;
  /** An older head than was shown before, or elsewhere; a head elsewhere that nobody can prove. */
  readonly behindMs: number;
  /** A mirror or witness that does not answer, or does not move on. */
  readonly placeMs: number;
  /** Age of the quorum's cosignatures, or of the head itself where nobody cosigns; undefined: any age will do. */
  readonly staleMs: number | undefined;
}

export const DEFAULT_PATIENCE: Patience = Object.freeze({
  badHeadMs: 60_000,
  unreachableMs: 600_000,
  behindMs: 600_000,
  placeMs: 3_600_000,
  staleMs: undefined,
});

/** Of a log with witnesses: a day, after which whoever asks for fresh heads should have one. */
export const STALE_WITH_WITNESSES_MS = 86_400_000;
