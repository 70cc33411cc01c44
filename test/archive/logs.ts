/** Logs in directories, and what is done to them. */
import { mkdtempSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { exportLog } from "../../src/archive/export.ts";
import type { LogSource } from "../../src/archive/source.ts";
import { openStoreSource } from "../../src/archive/store-source.ts";
import { type Log, openLmdbReader, openLog } from "../../src/server.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { testSigner } from "../log/harness.ts";

/** Gone after the run. */
export function newFolder(): string {
  return mkdtempSync(join(inject("scratch"), "archive-"));
}

export const never: AbortSignal = new AbortController().signal;

export function entryText(index: number): string {
  return `entry number ${index} of this log`;
}

/** Opens the log in `directory` and appends until it has `size` entries, all of them published. */
export async function grow(
  directory: string,
  size: number,
  options: Partial<Parameters<typeof openLog>[0]> = {},
): Promise<Log> {
  const log = await openLog({ directory, signer: await testSigner(), ...options });
  while (log.integratedSize() < size) {
    const from = log.integratedSize();
    const count = Math.min(size - from, 16_384);
    await log.addBatch(Array.from({ length: count }, (_, at) => encodeUtf8(entryText(from + at))));
  }
  if (size > 0) await log.untilPublished(size - 1, { signal: never });
  return log;
}

/** A log of `size` entries that nobody has open. */
export async function makeLog(
  directory: string,
  size: number,
  options: Partial<Parameters<typeof openLog>[0]> = {},
): Promise<void> {
  await (await grow(directory, size, options)).close();
}

/** Exports a data directory. @param wrap - stands between it and the export. */
export async function exportOf(
  data: string,
  directory: string,
  options: Partial<Parameters<typeof exportLog>[0]> & {
    readonly wrap?: (source: LogSource) => LogSource;
  } = {},
) {
  const { wrap = (source: LogSource) => source, ...rest } = options;
  const reader = await openLmdbReader({ directory: data });
  try {
    return await exportLog({
      source: wrap(openStoreSource(reader, data)),
      directory,
      signal: never,
      ...rest,
    });
  } finally {
    await reader.close();
  }
}

export async function headOf(source: LogSource): Promise<VerifiedCheckpoint> {
  const { verifierKey } = await testSigner();
  return await openCheckpoint({ signedNote: await source.readCheckpoint(never), logKeys: [verifierKey] });
}

/** All entries of a data directory, as text. */
export async function entriesIn(directory: string): Promise<readonly string[]> {
  const log = await openLmdbReader({ directory });
  try {
    const { treeSize } = (await log.head()).integrated;
    const texts: string[] = [];
    for (let start = 0; start < treeSize; start += 256) {
      const bundle = await log.readEntries({ start, end: Math.min(start + 256, treeSize) });
      for (let at = 0; bundle !== undefined && at < bundle.length; ) {
        const end = at + 2 + (bundle[at] ?? 0) * 256 + (bundle[at + 1] ?? 0);
        texts.push(new TextDecoder().decode(bundle.subarray(at + 2, end)));
        at = end;
      }
    }
    return texts;
  } finally {
    await log.close();
  }
}

export function textsUpTo(size: number): readonly string[] {
  return Array.from({ length: size }, (_, index) => entryText(index));
}

/** Relative paths of the files below a directory. */
export async function filesIn(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(directory.length + 1))
    .sort();
}

/** Flips a bit of the byte at which `bytes` begins in a file, wherever it occurs. @returns how many places. */
export async function flipAt(path: string, bytes: Uint8Array): Promise<number> {
  const data = await readFile(path);
  let places = 0;
  for (let at = data.indexOf(bytes); at !== -1; at = data.indexOf(bytes, at + 1)) {
    data[at] = (data[at] ?? 0) ^ 1;
    places += 1;
  }
  await writeFile(path, data);
  return places;
}
