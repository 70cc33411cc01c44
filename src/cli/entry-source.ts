import { stat } from "node:fs/promises";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { MAX_ENTRY_BYTES } from "../tlog/entry-bundle.ts";
import { readChunks } from "./files.ts";
import { openSplitter, type SplitRule, type TooLarge } from "./split-entries.ts";

/** An entry on its way into the log, and where it came from. */
export interface SourceEntry {
  readonly entry: Uint8Array;
  /** A path, or "-" for standard input. */
  readonly source: string;
  /** The entry's first line in its source, from 1; undefined when the whole source is the entry. */
  readonly line: number | undefined;
}

/** What to read, and how to cut it. */
export interface EntrySources {
  /** Paths; "-" is standard input. */
  readonly paths: readonly string[];
  /** "whole": each path is one entry. */
  readonly rule: SplitRule | "whole";
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Told of an entry above 65,535 bytes, which is then left out; when undefined it is an error. */
  readonly onTooLarge: TooLarge | undefined;
}

/** Sizes found by a first pass; they may change before the second. */
export interface SourceTotals {
  /** Undefined when a source cannot be read twice (standard input, a pipe). */
  readonly bytes: number | undefined;
}

/**
 * Reads every regular file once before anything is sent, so that an entry that cannot be added is found while nothing
 * has been. Standard input and pipes are checked only as they are sent.
 * @throws {TlogError} ENTRY_TOO_LARGE | FILE_UNREADABLE
 */
export async function checkSources(sources: EntrySources): Promise<SourceTotals> {
  let bytes: number | undefined = 0;
  for (const path of sources.paths) {
    if (!(await isRegularFile(path))) {
      bytes = undefined;
      continue;
    }
    if (sources.onTooLarge === undefined) for await (const entries of entriesOf(path, sources)) void entries;
    if (bytes !== undefined) bytes += (await stat(path)).size;
  }
  return { bytes };
}

/** The entries of all sources in order, as many at a time as one read completes. Holds one chunk and one entry. */
export async function* readSources(sources: EntrySources): AsyncGenerator<readonly SourceEntry[]> {
  for (const path of sources.paths) yield* entriesOf(path, sources);
}

/**
 * Groups entries for POST /add-batch, in order.
 * @param limits.maxBytes - of the bundle encoding: two bytes and the entry, each.
 */
export async function* inBatches(
  entries: AsyncIterable<readonly SourceEntry[]>,
  limits: { readonly maxEntries: number; readonly maxBytes: number },
): AsyncGenerator<readonly SourceEntry[]> {
  let batch: SourceEntry[] = [];
  let bytes = 0;
  for await (const some of entries) {
    for (const item of some) {
      const size = item.entry.length + 2;
      if (batch.length > 0 && (batch.length >= limits.maxEntries || bytes + size > limits.maxBytes)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(item);
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

/** "notes.txt" or "-, line 7", for messages. */
export function placeOf({ source, line }: SourceEntry): string {
  return line === undefined ? source : `${source}, line ${line}`;
}

async function* entriesOf(
  path: string,
  { rule, stdin, onTooLarge }: EntrySources,
): AsyncGenerator<readonly SourceEntry[]> {
  const chunks = path === "-" ? stdin : readChunks(path);
  if (rule === "whole") {
    const entry = await wholeEntry(chunks);
    if (entry !== undefined) yield [{ entry, source: path, line: undefined }];
    else if (onTooLarge === undefined) throw wholeTooLarge(path);
    else onTooLarge(path);
    return;
  }
  const splitter = openSplitter(rule, path, onTooLarge);
  for await (const chunk of chunks) {
    yield splitter.push(chunk).map(({ entry, line }) => ({ entry, source: path, line }));
  }
  yield splitter.end().map(({ entry, line }) => ({ entry, source: path, line }));
}

/** @returns undefined when there is more than an entry can hold. */
async function wholeEntry(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > MAX_ENTRY_BYTES) return undefined;
    parts.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(parts, length));
}

function wholeTooLarge(path: string): TlogError {
  const hint = "cut it with --lines or --paragraphs, add its hash, or leave it out with --skip-large";
  return new TlogError(
    "ENTRY_TOO_LARGE",
    `${path}: want at most ${MAX_ENTRY_BYTES} bytes, got more; ${hint}`,
  );
}

async function isRegularFile(path: string): Promise<boolean> {
  if (path === "-") return false;
  const kind = await stat(path).catch((cause: unknown) => {
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  });
  if (kind.isDirectory()) throw new TlogError("FILE_UNREADABLE", `${path}: want a file, got a directory`);
  return kind.isFile();
}
