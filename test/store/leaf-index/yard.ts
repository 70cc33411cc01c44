/** A log for the leaf index: leaves that are given as hashes, and the tiles above them. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TlogError } from "../../../src/errors.ts";
import { HASH_BYTES, nodeHash } from "../../../src/merkle/hash.ts";
import type { LeafIndex, TileHashes } from "../../../src/store/leaf-index/leaf-index.ts";
import { openLeafIndex } from "../../../src/store/leaf-index/open-leaf-index.ts";

export const RUN_LEAVES = 256;
export const STORE_ID = "5591a52b".repeat(4);

export class TileYard {
  readonly #levels: Uint8Array[][] = [[]];
  reads = 0;

  get size(): number {
    return this.#levels[0]?.length ?? 0;
  }

  /** @returns the leaves' hashes, concatenated. */
  add(hashes: readonly Uint8Array[]): Uint8Array {
    for (const hash of hashes) this.#push(0, hash);
    return Buffer.concat(hashes);
  }

  leaf(index: number): Uint8Array {
    return this.#levels[0]?.[index] as Uint8Array;
  }

  /** The smallest index of every hash, by its hex. */
  firsts(): Map<string, number> {
    const firsts = new Map<string, number>();
    for (const [index, hash] of (this.#levels[0] ?? []).entries()) {
      const hex = Buffer.from(hash).toString("hex");
      if (!firsts.has(hex)) firsts.set(hex, index);
    }
    return firsts;
  }

  readonly readHashes = ({ level, start, count }: TileHashes): Uint8Array => {
    this.reads += 1;
    const held = this.#levels[level] ?? [];
    const isOfOneTile = Math.floor(start / 256) === Math.floor((start + count - 1) / 256);
    if (!isOfOneTile || count < 1 || start + count > held.length) {
      throw new TlogError("STORE_DAMAGED", `no hashes [${start}, ${start + count}) at level ${level}`);
    }
    return new Uint8Array(Buffer.concat(held.slice(start, start + count)));
  };

  #push(level: number, hash: Uint8Array): void {
    this.#levels[level] ??= [];
    const held = this.#levels[level] as Uint8Array[];
    held.push(hash);
    if (held.length % 256 !== 0) return;
    let row = held.slice(-256);
    while (row.length > 1) {
      row = row
        .filter((_, at) => at % 2 === 0)
        .map((left, at) => nodeHash(left, row[2 * at + 1] as Uint8Array));
    }
    this.#push(level + 1, row[0] as Uint8Array);
  }
}

export function newDirectory(): string {
  return join(mkdtempSync(join(tmpdir(), "leaf-index-")), "leaves");
}

export function openIndex(
  yard: TileYard,
  directory: string,
  options: Partial<Parameters<typeof openLeafIndex>[0]> = {},
): Promise<LeafIndex> {
  return openLeafIndex({
    directory,
    storeId: STORE_ID,
    treeSize: yard.size,
    readHashes: yard.readHashes,
    readOnly: false,
    runLeaves: RUN_LEAVES,
    ...options,
  });
}

export function randomHashes(count: number): Uint8Array[] {
  const bytes = randomBytes(count * HASH_BYTES);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Adds leaves to the log and to its index. */
export async function grow(
  yard: TileYard,
  index: LeafIndex,
  hashes: readonly Uint8Array[],
  batch = 500,
): Promise<void> {
  for (let at = 0; at < hashes.length; at += batch) {
    await index.ready();
    index.append(yard.add(hashes.slice(at, at + batch)));
  }
}

interface Asked {
  readonly hash: Uint8Array;
  readonly wanted: number | undefined;
}

/** Which leaves the index answers for otherwise than the log: of all its hashes, and of as many that it does not have. */
export function wrongAnswers(yard: TileYard, index: LeafIndex): readonly string[] {
  const asked = questions(yard);
  return wrongOf(asked, index.find(hashesIn(asked)));
}

/** The same of who can wait. @param step - every so manyth hash only. */
export async function wrongPatientAnswers(
  yard: TileYard,
  index: LeafIndex,
  step = 1,
): Promise<readonly string[]> {
  const asked = questions(yard).filter((_, at) => at % step === 0);
  return wrongOf(asked, await index.findRepaired(hashesIn(asked)));
}

function questions(yard: TileYard): readonly Asked[] {
  const firsts = yard.firsts();
  const held = [...firsts].map(([hex, wanted]) => ({ hash: Buffer.from(hex, "hex"), wanted }));
  const absent = randomHashes(1000).map((hash) => ({ hash: Buffer.from(hash), wanted: undefined }));
  // Absent ones that share the key of a leaf.
  const near = held.slice(0, 1000).map(({ hash }) => {
    const other = Buffer.from(hash);
    other[31] = (other[31] ?? 0) ^ 1;
    return { hash: other, wanted: firsts.get(other.toString("hex")) };
  });
  return [...held, ...absent, ...near];
}

function hashesIn(asked: readonly Asked[]): Uint8Array {
  return new Uint8Array(Buffer.concat(asked.map(({ hash }) => hash)));
}

function wrongOf(asked: readonly Asked[], found: readonly (number | undefined)[]): readonly string[] {
  return asked
    .map(({ hash, wanted }, at) => ({ hash, wanted, got: found[at] }))
    .filter(({ wanted, got }) => wanted !== got)
    .map(({ hash, wanted, got }) => `${Buffer.from(hash).toString("hex")}: want ${wanted}, got ${got}`);
}

/** The directory's files, once they are these: in the order of their leaves. */
export async function filesAre(directory: string, wanted: readonly string[]): Promise<void> {
  while (filesIn(directory).join(" ") !== wanted.join(" ")) await nextTurn();
}

export function filesIn(directory: string): readonly string[] {
  return readdirSync(directory).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}
