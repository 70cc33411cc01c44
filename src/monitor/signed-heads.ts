/**
 * Judges every head that is shown with the log's signature, wherever, and whether or not the policy is met: two that contradict each other
 * convict the log. One that cannot be proven yet is kept in the state and looked at again, until it is of the log's history or evidence.
 */
import type { FetcherOptions } from "../../client/fetcher.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { openTileSource, type TileSource } from "../../client/tile-source.ts";
import { orUndefined, TlogError } from "../errors.ts";
import { openCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { bytesEqual, decodeUtf8 } from "../tlog/encoding.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import { type ComparedHead, compareHeads, type HeadComparison } from "../witness/compare-heads.ts";
import { fetcherFor } from "../witness/head-places.ts";
import type { AlarmKind } from "./alert.ts";
import { type EvidenceShelf, keptFiles } from "./evidence-shelf.ts";
import type { LogRecord } from "./log-record.ts";
import type { Suspect } from "./log-state.ts";
import type { MonitoredLog } from "./monitored-log.ts";

export type Observe = (found: {
  readonly kind: AlarmKind;
  /** A mirror or witness by its URL; "": the log itself. */
  readonly subject: string;
  readonly message: string | undefined;
  readonly graceMs: number;
  readonly files?: readonly string[] | undefined;
}) => Promise<void>;

export interface SignedHeadsOptions {
  readonly log: MonitoredLog;
  readonly record: LogRecord;
  /** Those that were chosen, and those that followed them. */
  readonly logKeys: () => readonly VerifierKey[];
  readonly network: FetcherOptions;
  readonly now: () => number;
  readonly shelf: EvidenceShelf;
  readonly observe: Observe;
  /** An operator should know, and the monitor goes on. */
  readonly warn: (error: TlogError) => void;
}

/** Unproven heads that are kept of a log. */
const MAX_SUSPECTS = 16;

export class SignedHeads {
  readonly #options: SignedHeadsOptions;
  readonly #tiles: readonly TileSource[];

  constructor(options: SignedHeadsOptions) {
    this.#options = options;
    const { log, network } = options;
    const { origin } = log.trust;
    const urls = [log.url, ...log.places.flatMap(({ role, url }) => (role === "mirror" ? [url] : []))];
    const cache = memoryTiles({ maxBytes: 1024 * 1024 });
    this.#tiles = urls.map((url) => openTileSource({ origin, fetcher: fetcherFor(url, network), cache }));
  }

  /** Any one key of the log suffices, and no quorum is asked for. @throws {TlogError} as openCheckpoint */
  async open(signedNote: Uint8Array): Promise<ComparedHead> {
    const expectedOrigin = this.#options.log.trust.origin;
    const logKeys = this.#options.logKeys();
    const { treeSize, rootHash } = await openCheckpoint({ signedNote, logKeys, expectedOrigin });
    return { treeSize, rootHash, logNote: signedNote };
  }

  /** Compares a head with the largest that was verified. @param subject - who shows it. @throws {TlogError} ABORTED */
  async judge(
    subject: string,
    heads: { readonly ours: ComparedHead; readonly shown: ComparedHead },
    signal: AbortSignal,
  ): Promise<HeadComparison> {
    const { log, logKeys } = this.#options;
    const comparison = await compareHeads(
      { ...heads, cosignedAtSeconds: undefined, nowSeconds: 0 },
      { origin: log.trust.origin, logKeys: logKeys(), tiles: this.#tiles, signal },
    );
    if (comparison.verdict === "evidence") await this.#convict(subject, heads, comparison.evidence);
    if (comparison.verdict === "unproven") await this.#suspect(subject, heads.shown.logNote);
    return comparison;
  }

  /**
   * Looks again at what could not be proven. @param isLogSeen - the log shows a verified head: what it showed before is no longer only
   * withheld. @throws {TlogError} ABORTED
   */
  async judgeAgain(
    ours: ComparedHead,
    { isLogSeen, signal }: { readonly isLogSeen: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { record, log, observe, shelf, warn } = this.#options;
    for (const suspect of record.state.suspects) {
      const shown = await this.#opened(suspect);
      const { verdict } =
        shown === undefined ? gone : await this.judge(suspect.subject, { ours, shown }, signal);
      if (verdict === "unproven") continue;
      await record.change((state) => ({
        ...state,
        suspects: state.suspects.filter((one) => one !== suspect),
      }));
      await keptFiles(() => shelf.dropCheckpoint(log.trust.origin, suspect.note), warn);
    }
    for (const subject of ["", ...log.places.map(({ url }) => url)]) {
      if (subject === "" && !isLogSeen) continue;
      const suspect = record.state.suspects.find((one) => one.subject === subject);
      const message =
        suspect &&
        `${this.#nameOf(subject)} showed a head of size ${sizeOf(suspect)} with the log's signature, and nobody serves the tree that would tell whether it is the same history`;
      const files = suspect && (await this.#file(suspect.note));
      await observe({ kind: "unproven", subject, message, graceMs: log.patience.behindMs, files });
    }
  }

  /** Keeps a head that nobody could prove, once. @returns where it lies */
  async #suspect(subject: string, note: Uint8Array): Promise<void> {
    const { record, warn } = this.#options;
    const { suspects } = record.state;
    if (suspects.some((one) => isSameHead(one.note, note))) return;
    if (suspects.length >= MAX_SUSPECTS) {
      const words = `${MAX_SUSPECTS} heads that nobody can prove are kept, and one more of ${this.#nameOf(subject)} is not`;
      return warn(new TlogError("EVIDENCE_FULL", words));
    }
    await record.change((state) => ({ ...state, suspects: [...state.suspects, { subject, note }] }));
    await this.#file(note);
  }

  #file(note: Uint8Array): Promise<readonly string[]> {
    const { shelf, log, warn } = this.#options;
    return keptFiles(() => shelf.keepCheckpoint(log.trust.origin, note), warn);
  }

  async #convict(
    subject: string,
    { ours, shown }: { readonly ours: ComparedHead; readonly shown: ComparedHead },
    evidence: string,
  ): Promise<void> {
    const { shelf, log, warn, observe } = this.#options;
    const message = `${this.#nameOf(subject)} shows size ${shown.treeSize}, and the log ${subject === "" ? "showed" : "shows"} size ${ours.treeSize}, of two different histories, both signed by the log`;
    const files = await keptFiles(() => shelf.keepEvidence(log.trust.origin, evidence), warn);
    await observe({ kind: "fork", subject, message, graceMs: 0, files });
  }

  async #opened({ note }: Suspect): Promise<ComparedHead | undefined> {
    try {
      return await this.open(note);
    } catch (error) {
      // Other keys were chosen since.
      if (error instanceof TlogError) return undefined;
      throw error;
    }
  }

  #nameOf(subject: string): string {
    return (
      this.#options.log.places.find(({ url }) => url === subject)?.name ??
      (subject === "" ? "the log" : subject)
    );
  }
}

const gone = { verdict: "consistent" } as const;

function isSameHead(one: Uint8Array, other: Uint8Array): boolean {
  return bytesEqual(parseNote(one).text, parseNote(other).text);
}

function sizeOf({ note }: Suspect): number {
  return orUndefined(() => parseCheckpoint(decodeUtf8(parseNote(note).text)).treeSize) ?? 0;
}
