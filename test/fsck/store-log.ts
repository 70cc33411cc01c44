/** A log in a directory, made once, and copies of it whose bytes are changed. */
import { cpSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { inject } from "vitest";
import { type CheckReport, checkLog } from "../../src/fsck/check-log.ts";
import { openInlineCrew } from "../../src/fsck/inline-crew.ts";
import { openLog } from "../../src/server.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { published, testSigner } from "../log/harness.ts";

const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

/** Entries of 20 bytes, but for bundle 1, whose are of 1,500: it is kept in parts. */
export function entryAt(index: number): Uint8Array {
  const text = `entry number ${String(index).padStart(7)}`;
  return encodeUtf8(index >= 256 && index < 512 ? text.repeat(75) : text);
}

/**
 * Makes a log of that many entries. @param batch - how many at a time: many leave few pages unused in the file.
 * @returns its data directory, beside which its guard is.
 */
export async function makeLog(entries: number, batch = 500): Promise<string> {
  const directory = join(mkdtempSync(join(inject("scratch"), "fsck-")), "data");
  await using log = await openLog({ directory, signer: await testSigner() });
  const all = Array.from({ length: entries }, (_, index) => entryAt(index));
  for (let at = 0; at < entries; at += batch) await log.addBatch(all.slice(at, at + batch));
  await published(log, entries - 1);
  return directory;
}

/** A copy of it, and of its guard. */
export function copyOf(directory: string): string {
  const copy = join(mkdtempSync(join(inject("scratch"), "fsck-")), "data");
  cpSync(directory, copy, { recursive: true, filter: (path) => !/\.(sock)$|lock\.mdb$/.test(path) });
  cpSync(`${directory}.guard`, `${copy}.guard`);
  return copy;
}

export async function check(directory: string): Promise<CheckReport> {
  const crew = openInlineCrew({ kind: "store", directory });
  try {
    return await checkLog({ crew, copy: directory, maxFindings: 100 });
  } finally {
    await crew.close();
  }
}

/** Rewrites a row, which `change` may return undefined for: then it is gone. A row that is not there is made. */
export async function changeRow(
  directory: string,
  table: "meta" | "tiles" | "bundles" | "tail",
  key: string | Uint8Array,
  change: (row: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  const root = open({ path: directory, noSubdir: false, ...BINARY });
  const rows = root.openDB<Uint8Array, Uint8Array>({ name: table, ...BINARY });
  const bytes = typeof key === "string" ? Buffer.from(key, "hex") : key;
  const next = change(new Uint8Array(rows.get(bytes) ?? []));
  if (next === undefined) await rows.remove(bytes);
  else await rows.put(bytes, Buffer.from(next));
  await root.flushed;
  await root.close();
}

/** The same row with one bit flipped. */
export function flipped(at: number): (row: Uint8Array) => Uint8Array {
  return (row) => row.map((byte, index) => (index === at ? byte ^ 1 : byte));
}
