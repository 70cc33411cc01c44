/** The log under test: what was asked of it so far, and the tree of its first checkpoint. */
import { orUndefined, TlogError } from "../../errors.ts";
import { HASH_BYTES } from "../../merkle/hash.ts";
import { type Checkpoint, parseCheckpoint } from "../../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../../tlog/encoding.ts";
import { decodeBundle } from "../../tlog/entry-bundle.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import {
  type BundleCoordinate,
  formatBundlePath,
  formatTilePath,
  TILE_WIDTH,
  type Tile,
} from "../../tlog/tile.ts";
import type { ReadTile } from "../../tlog/tile-reader.ts";
import { headerOf, oneLine } from "../answer.ts";
import { InapplicableError } from "../inapplicable.ts";
import { isSilence, type Probe, type ProbeAnswer, type ProbeRequest } from "../probe.ts";
import { encodingOf, isStatus, showAnswer } from "./answers.ts";
import { decodeContent } from "./content-encoding.ts";
import type { LogWriter } from "./writer.ts";

/** How long a run may take and what it may use is the probe's; this remembers, and asks once more where there was no answer. */
export interface LogSubject {
  readonly url: string;
  readonly logKeys: readonly VerifierKey[];
  /** The origin to find, if one was given. */
  readonly origin: string | undefined;
  /** Which full tile is looked at besides the last one, in [0, 1): drawn once a run. */
  readonly sample: number;
  /** undefined: nothing may be added. */
  readonly writer: LogWriter | undefined;
  /** What was answered is not asked again. @throws {TlogError} as {@link Probe.exchange}, silence only when it came twice */
  ask(request: ProbeRequest): Promise<ProbeAnswer>;
  /** Sent whatever was asked before, and remembered in its stead. */
  askAnew(request: ProbeRequest): Promise<ProbeAnswer>;
  /** Forgets all answers but the first checkpoint: entries were added, and what was not there may be. */
  forget(): void;
}

/** Remembers answers, so that cases share them. A request that had no answer is not remembered. */
export function openSubject(
  probe: Probe,
  options: Pick<LogSubject, "logKeys" | "origin" | "sample" | "writer">,
): LogSubject {
  const answers = new Map<string, ProbeAnswer>(); // owned by askAnew() and forget()
  const subject: LogSubject = {
    url: probe.url,
    ...options,
    ask: async (request) => await (answers.get(keyOf(request)) ?? subject.askAnew(request)),
    async askAnew(request) {
      const answer = await probe.exchange(request).catch((error) => {
        if (!isSilence(error)) throw error;
        return probe.exchange(request);
      });
      answers.set(keyOf(request), answer);
      return answer;
    },
    forget() {
      const first = answers.get(keyOf(FIRST));
      answers.clear();
      if (first !== undefined) answers.set(keyOf(FIRST), first);
    },
  };
  return subject;
}

/** GET of a path, without headers. */
export function get(path: string, headers?: Readonly<Record<string, string>>): ProbeRequest {
  return headers === undefined ? { method: "GET", path } : { method: "GET", path, headers };
}

/** A note taken apart without judging it. */
export interface NoteParts {
  /** Up to and with the newline before the last empty line; all of it when there is none. */
  readonly text: string;
  /** The lines behind the last empty line; undefined when there is none. */
  readonly signatureLines: readonly string[] | undefined;
}

/** @returns undefined when the bytes are not UTF-8. */
export function noteParts(bytes: Uint8Array): NoteParts | undefined {
  const note = orUndefined(() => decodeUtf8(bytes));
  if (note === undefined) return undefined;
  const split = note.lastIndexOf("\n\n");
  if (split < 0) return { text: note, signatureLines: undefined };
  const lines = note.slice(split + 2).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return { text: note.slice(0, split + 1), signatureLines: lines };
}

/** What a checkpoint says, signatures aside; undefined when it is none. */
export async function readCheckpoint(answer: ProbeAnswer): Promise<Checkpoint | undefined> {
  const note = await contentOf(answer);
  const parts = note === undefined ? undefined : noteParts(note);
  return parts === undefined ? undefined : orUndefined(() => parseCheckpoint(parts.text));
}

/** The checkpoint that was fetched first. */
export async function firstCheckpoint(subject: LogSubject): Promise<Checkpoint | undefined> {
  return await readCheckpoint(await subject.ask(FIRST));
}

/**
 * The tree whose tiles are looked at, where all places are: that of the first checkpoint, or the largest seen since entries are added.
 * @throws {InapplicableError} when there is none
 */
export async function treeOf(subject: LogSubject): Promise<Checkpoint> {
  const checkpoint = subject.writer?.seen.at(-1) ?? (await firstCheckpoint(subject));
  if (checkpoint !== undefined) return checkpoint;
  throw new InapplicableError("needs a tree size up to 2^53 - 1: the checkpoint cannot be read");
}

/** The checkpoint as it is now. */
export async function fetchCheckpoint(subject: LogSubject): Promise<Checkpoint | undefined> {
  return await readCheckpoint(await subject.askAnew(LATEST));
}

export const FIRST: ProbeRequest = get("checkpoint");
/** The same request to the log, another one to the memory of answers. */
export const LATEST: ProbeRequest = { ...FIRST, headers: { "cache-control": "no-cache" } };

/** A body without its encoding, of an answer 200. */
export async function contentOf(answer: ProbeAnswer): Promise<Uint8Array | undefined> {
  return answer.status === 200 ? await decodeContent(answer.body, encodingOf(answer)) : undefined;
}

/**
 * The tile's bytes, or those of the full tile in a partial one's place, cut: a log may delete the partial one then.
 * tlog-tiles, "Partial Tiles"
 * @throws {TlogError} TILE_MALFORMED (not served, or of another length), and what the probe throws
 */
export async function readTile(subject: LogSubject, tile: Tile): Promise<Uint8Array> {
  const path = formatTilePath(tile);
  const answer = await askForThere(subject, path);
  const bytes = await contentOf(answer);
  if (bytes?.length === tile.width * HASH_BYTES) return bytes;
  if (tile.width < TILE_WIDTH && isRefusal(answer)) {
    const full = await contentOf(await askForThere(subject, formatTilePath({ ...tile, width: TILE_WIDTH })));
    if (full?.length === TILE_WIDTH * HASH_BYTES) return full.subarray(0, tile.width * HASH_BYTES);
  }
  throw new TlogError("TILE_MALFORMED", `${path}: ${showAnswer(answer)}`);
}

/** Entries, and how many bytes they came in. */
export interface ReadBundle {
  readonly entries: readonly Uint8Array[];
  readonly bytes: number;
}

/**
 * The bundle, or the beginning of the full one in a partial one's place, as {@link readTile}.
 * @returns undefined for a full bundle that is refused: it may be pruned.
 * @throws {TlogError} BUNDLE_MALFORMED (not served, or not these entries up to the last byte), and what the probe throws
 */
export async function readBundle(
  subject: LogSubject,
  bundle: BundleCoordinate,
): Promise<ReadBundle | undefined> {
  const path = formatBundlePath(bundle);
  const answer = await askForThere(subject, path);
  const bytes = await contentOf(answer);
  if (bytes !== undefined) {
    const entries = orUndefined(() => decodeBundle(bytes, bundle.width));
    if (entries !== undefined) return { entries, bytes: bytes.length };
  }
  if (isRefusal(answer)) {
    if (bundle.width === TILE_WIDTH) return undefined;
    const full = await readBundle(subject, { ...bundle, width: TILE_WIDTH });
    if (full !== undefined) return { ...full, entries: full.entries.slice(0, bundle.width) };
  }
  throw new TlogError("BUNDLE_MALFORMED", `${path}: ${showAnswer(answer)}`);
}

/** 4xx: not there, or not to be had. */
export function isRefusal({ status }: ProbeAnswer): boolean {
  return isStatus(status, ["4xx"]);
}

/**
 * No document speaks of redirections, and this follows none: what is behind one says nothing about the log.
 * @throws {InapplicableError} for 3xx
 */
export function assertNoRedirection(answer: ProbeAnswer): void {
  if (isStatus(answer.status, ["3xx"]))
    throw new InapplicableError(
      `redirects to ${oneLine(headerOf(answer, "location") || "another URL")}: test that URL`,
    );
}

/**
 * What was not there when it was asked for last may be there now; what was, does not change.
 * @throws {InapplicableError} for a redirection
 */
export async function askForThere(subject: LogSubject, path: string): Promise<ProbeAnswer> {
  const known = await subject.ask(get(path));
  const answer = known.status === 200 ? known : await subject.askAnew(get(path));
  assertNoRedirection(answer);
  return answer;
}

/** {@link readTile} as the tile readers take it. */
export function tileReader(subject: LogSubject): ReadTile {
  return async (tile) => await readTile(subject, tile);
}

function keyOf({ method, path, headers = {}, body }: ProbeRequest): string {
  return JSON.stringify([method, path, headers, body === undefined ? undefined : [...body]]);
}
