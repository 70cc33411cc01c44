/** The log under test: what was asked of it so far, and the tree of its first checkpoint. */
import { orUndefined, TlogError } from "../../errors.ts";
import { HASH_BYTES } from "../../merkle/hash.ts";
import { type Checkpoint, parseCheckpoint } from "../../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../../tlog/encoding.ts";
import type { VerifierKey } from "../../tlog/key.ts";
import { formatTilePath, TILE_WIDTH, type Tile } from "../../tlog/tile.ts";
import type { ReadTile } from "../../tlog/tile-reader.ts";
import type { Probe, ProbeAnswer, ProbeRequest } from "../probe.ts";
import { encodingOf, showAnswer } from "./answers.ts";
import { decodeContent } from "./content-encoding.ts";
import type { LogWriter } from "./writer.ts";

/** How long a run may take and what it may use is the probe's; this only remembers. */
export interface LogSubject {
  readonly url: string;
  readonly logKeys: readonly VerifierKey[];
  /** The origin to find, if one was given. */
  readonly origin: string | undefined;
  /** Which full tile is looked at besides the last one, in [0, 1): drawn once a run. */
  readonly sample: number;
  /** undefined: nothing may be added. */
  readonly writer: LogWriter | undefined;
  /** The same request again is not sent again. @throws {TlogError} as {@link Probe.exchange} */
  ask(request: ProbeRequest): Promise<ProbeAnswer>;
  /** Sent whatever was asked before, and remembered in its stead. */
  askAnew(request: ProbeRequest): Promise<ProbeAnswer>;
}

/** Remembers answers, so that cases share them. */
export function openSubject(
  probe: Probe,
  options: Pick<LogSubject, "logKeys" | "origin" | "sample" | "writer">,
): LogSubject {
  const answers = new Map<string, Promise<ProbeAnswer>>(); // owned by askAnew()
  const subject: LogSubject = {
    url: probe.url,
    ...options,
    ask: async (request) => await (answers.get(keyOf(request)) ?? subject.askAnew(request)),
    async askAnew(request) {
      const answer = probe.exchange(request);
      answers.set(keyOf(request), answer);
      return await answer;
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
export function readCheckpoint({ status, body }: ProbeAnswer): Checkpoint | undefined {
  const parts = status === 200 ? noteParts(body) : undefined;
  return parts === undefined ? undefined : orUndefined(() => parseCheckpoint(parts.text));
}

/** The checkpoint that was fetched first: all places are places in its tree. */
export async function firstCheckpoint(subject: LogSubject): Promise<Checkpoint | undefined> {
  return readCheckpoint(await subject.ask(FIRST));
}

/** The checkpoint as it is now. */
export async function fetchCheckpoint(subject: LogSubject): Promise<Checkpoint | undefined> {
  return readCheckpoint(await subject.askAnew(LATEST));
}

/** The checkpoint that was fetched last, beside the first one. */
export async function latestCheckpoint(subject: LogSubject): Promise<Checkpoint | undefined> {
  return readCheckpoint(await subject.ask(LATEST));
}

const FIRST = get("checkpoint");
/** The same request to the log, another one to the memory of answers. */
const LATEST: ProbeRequest = { ...FIRST, headers: { "cache-control": "no-cache" } };

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
  if (tile.width < TILE_WIDTH && answer.status === 404) {
    const full = await contentOf(await askForThere(subject, formatTilePath({ ...tile, width: TILE_WIDTH })));
    if (full?.length === TILE_WIDTH * HASH_BYTES) return full.subarray(0, tile.width * HASH_BYTES);
  }
  throw new TlogError("TILE_MALFORMED", `${path}: ${showAnswer(answer)}`);
}

/** What was not there when it was asked for last may be there now; what was, does not change. */
export async function askForThere(subject: LogSubject, path: string): Promise<ProbeAnswer> {
  const answer = await subject.ask(get(path));
  return answer.status === 200 ? answer : await subject.askAnew(get(path));
}

/** {@link readTile} as the tile readers take it. */
export function tileReader(subject: LogSubject): ReadTile {
  return async (tile) => await readTile(subject, tile);
}

function keyOf({ method, path, headers = {}, body }: ProbeRequest): string {
  return JSON.stringify([method, path, headers, body === undefined ? undefined : [...body]]);
}
