/** What a log has promised to the outside, and how a log is held to it. */
import { openGuardFile } from "../../src/keys/guard-file.ts";
import { readSigningKeyFile } from "../../src/keys/key-file.ts";
import { appendHashes, emptyRange, rangeRoot } from "../../src/merkle/compact-range.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { type Log, openLog, openSigner } from "../../src/server.ts";
import { openLmdbWitnessReader } from "../../src/store/witness-lmdb.ts";
import { decodeBase64, encodeBase64, encodeHex } from "../../src/tlog/encoding.ts";
import { decodeBundle } from "../../src/tlog/entry-bundle.ts";
import { check } from "../fsck/store-log.ts";

/** Everything the log said that must hold for ever. */
export interface Promised {
  /** Leaf hash in hex, by index: entries that were answered. */
  readonly entries: ReadonlyMap<number, string>;
  /** Root hash in base64, by tree size: every checkpoint and receipt that was shown. */
  readonly heads: ReadonlyMap<number, string>;
}

/** Collects promises from what left a log through its sockets. */
export class Heard implements Promised {
  readonly entries = new Map<number, string>();
  readonly heads = new Map<number, string>();
  readonly contradictions: string[] = [];
  readonly #origin: string;
  readonly #batches: ReadonlyMap<number, readonly string[]>;

  /** @param batches - leaf hashes of the batches that were sent, by their number of entries: answers to batches name no hashes. */
  constructor(origin: string, batches: ReadonlyMap<number, readonly string[]> = new Map()) {
    this.#origin = origin;
    this.#batches = batches;
  }

  /** @returns whether there was a promise in it. */
  hear(bytes: Buffer): boolean {
    const before = this.entries.size + this.heads.size;
    const text = bytes.toString("latin1");
    for (const [, index = "", hash = ""] of text.matchAll(/"leafIndex":(\d+),"leafHash":"([0-9a-f]{64})"/g)) {
      this.#put(this.entries, Number(index), hash);
    }
    for (const [, list = ""] of text.matchAll(/"leafIndices":\[([\d,]+)\]/g)) {
      const indices = list.split(",").map(Number);
      const hashes = this.#batches.get(indices.length);
      for (const [at, index] of indices.entries()) this.#put(this.entries, index, hashes?.[at] ?? "unknown");
    }
    const lines = text.split("\n");
    for (const [at, line] of lines.entries()) {
      const [size = "", root = ""] = lines.slice(at + 1, at + 3);
      if (line !== this.#origin || !/^\d+$/.test(size) || root.length !== 44) continue;
      this.#put(this.heads, Number(size), root);
    }
    return this.entries.size + this.heads.size > before;
  }

  #put(map: Map<number, string>, key: number, value: string): void {
    const held = map.get(key);
    if (held !== undefined && held !== value) this.contradictions.push(`${key}: ${held} and ${value}`);
    map.set(key, value);
  }
}

/**
 * Opens the log in `folder`/data as its next start does, holds it to what it promised, adds an entry, and checks every byte.
 * @returns how many entries it has. Throws what the opening throws, or an Error that names the promise that was broken.
 */
export async function keptPromises(folder: string, promised: Promised): Promise<number> {
  await assertGuarded(folder, promised);
  const signer = await openSigner(await readSigningKeyFile(`${folder}/data.key`));
  const log = await openLog({ directory: `${folder}/data`, signer, minFreeBytes: 0 });
  let size: number;
  try {
    size = await assertPromises(log, promised);
    const { leafIndex, duplicate } = await log.add(new TextEncoder().encode("one more, afterwards"));
    if (!duplicate && leafIndex !== size) throw new Error(`the next entry got ${leafIndex}, want ${size}`);
  } finally {
    await log.close();
  }
  const { findings } = await check(`${folder}/data`);
  const [finding] = findings;
  if (finding !== undefined) throw new Error(`fsck: ${JSON.stringify(finding)}`);
  return size;
}

/** What was shown is in the guard: it had to be there before it was signed. */
async function assertGuarded(folder: string, { heads }: Promised): Promise<void> {
  const guard = await openGuardFile(`${folder}/data.guard`);
  const record = await guard.read().finally(() => guard.close());
  const shown = Math.max(-1, ...heads.keys());
  const guarded = record?.signed?.treeSize ?? -1;
  if (guarded < shown) throw new Error(`a head of ${shown} was shown, the guard knows ${guarded}`);
}

/** What a witness had cosigned when it was shown, it remembers: else it could cosign another history. */
export async function assertWitnessed(directory: string, origin: string, { heads }: Promised): Promise<void> {
  const shown = Math.max(0, ...heads.keys());
  if (shown === 0) return;
  const reader = await openLmdbWitnessReader({ directory });
  const head = await reader.head(origin).finally(() => reader.close());
  const known = head?.treeSize ?? 0;
  if (known < shown) throw new Error(`a head of ${shown} was shown, its witness knows ${known}`);
}

async function assertPromises(log: Log, { entries, heads }: Promised): Promise<number> {
  const size = log.published().treeSize;
  const hashes = await leafHashesIn(log, size);
  for (const [index, hash] of entries) {
    if (hashes[index] === undefined) throw new Error(`leaf ${index} was answered, the log has ${size}`);
    if (encodeHex(hashes[index]) !== hash) throw new Error(`leaf ${index} was answered with other bytes`);
  }
  for (const [treeSize, root] of heads) {
    if (treeSize > size) throw new Error(`a head of ${treeSize} was shown, the log shows ${size}`);
    if (encodeBase64(await log.rootAt(treeSize)) !== root)
      throw new Error(`another root was shown at size ${treeSize}`);
  }
  const { range } = appendHashes(emptyRange(), Uint8Array.from(Buffer.concat(hashes)));
  if (encodeBase64(rangeRoot(range)) !== encodeBase64(log.published().rootHash))
    throw new Error("the entries do not have the published root");
  for (const index of [...entries.keys()].slice(-20)) {
    const found = await log.lookup(hashes[index] ?? decodeBase64(""));
    if (found === undefined || found > index) throw new Error(`leaf ${index} is not found by its hash`);
  }
  return size;
}

async function leafHashesIn(log: Log, size: number): Promise<readonly Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  for (let start = 0; start < size; start += 256) {
    const end = Math.min(size, start + 256);
    const bundle = await log.readEntries({ start, end });
    const tile = await log.readTile({ level: 0, index: start / 256, width: end - start });
    if (bundle === undefined || tile === undefined) throw new Error(`nothing at leaves ${start} to ${end}`);
    const own = decodeBundle(bundle, end - start).map((entry) => leafHash(entry));
    if (Buffer.compare(Buffer.concat(own), tile) !== 0)
      throw new Error(`tile ${start / 256} is not of its entries`);
    hashes.push(...own);
  }
  return hashes;
}
