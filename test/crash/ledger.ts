/** What a log told its clients, through all its lives; and the tree that they rebuilt from what it serves. */
import { appendLeaves, type CompactRange, emptyRange, rangeRoot } from "../../src/merkle/compact-range.ts";
import { hashesEqual, leafHash } from "../../src/merkle/hash.ts";
import { type CheckpointTrust, openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { parseTlogProof, verifyTlogProof } from "../../src/tlog/proof.ts";
import { TILE_HEIGHT } from "../../src/tlog/tile.ts";
import { entryNumbered, numberOf } from "./entries.ts";

/** A head that somebody was shown, in a checkpoint or a receipt, or that a witness cosigned. */
export interface ShownHead {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly from: string;
}

export class Ledger {
  /** What must never be; empty as long as all is well. */
  readonly violations: string[] = [];
  /** Every head that was verified, by size and root. */
  readonly heads = new Map<string, ShownHead>();
  readonly counts = { answered: 0, receipts: 0, checkpoints: 0, refused: 0, cut: 0, landed: 0 };
  /** Sent, and nobody knows yet whether the log has it. */
  readonly inDoubt = new Set<number>();
  readonly #indexOf = new Map<number, number>(); // owned by #placed(): of an entry's number
  readonly #numberAt: (number | undefined)[] = []; // owned by #placed(): of a leaf index
  readonly #refused = new Set<number>(); // owned by refused()
  readonly #notes = new Set<string>(); // owned by verifyAll(): signed notes that verified
  #unverified: { readonly note: string; readonly receiptOf?: number }[] = []; // owned by shown(), receipt() and verifyAll()
  #next = 0; // owned by next()
  #floor = 0; // owned by shown() and receipt()
  // The tree, owned by leaf(): its leaves, its root at every size, and the hashes of its tiles by level.
  readonly #leaves: Uint8Array[] = [];
  readonly #roots: Uint8Array[] = [rangeRoot(emptyRange())];
  readonly #tiles: Uint8Array[][] = [];
  #range: CompactRange = emptyRange();

  /** How many leaves are known. */
  get size(): number {
    return this.#leaves.length;
  }

  /** The largest tree that anybody was shown: who asks from now on must be shown at least that. */
  get floor(): number {
    return this.#floor;
  }

  /** One more than the largest index that was answered. */
  get answeredSize(): number {
    return this.#numberAt.length;
  }

  /** The number of an entry that was never sent. */
  next(): number {
    this.#next += 1;
    return this.#next - 1;
  }

  /** @returns an entry's number and index, of those that were answered. */
  anyPlaced(random: () => number): { readonly number: number; readonly index: number } | undefined {
    const index = Math.floor(random() * this.#numberAt.length);
    const number = this.#numberAt[index];
    return number === undefined ? undefined : { number, index };
  }

  answered(number: number, index: number): void {
    this.counts.answered += 1;
    this.inDoubt.delete(number);
    this.#placed(number, index, "was answered");
  }

  isPlaced(number: number): boolean {
    return this.#indexOf.has(number);
  }

  /** Nobody can say whether the log took the entries. */
  doubt(numbers: readonly number[]): void {
    for (const number of numbers) if (!this.isPlaced(number)) this.inDoubt.add(number);
  }

  /** The log said that it did not take the entries, which it had never been sent before. */
  refused(numbers: readonly number[]): void {
    this.counts.refused += numbers.length;
    for (const number of numbers) this.#refused.add(number);
  }

  /** A checkpoint as it was served to somebody who asked when the floor was `floor`. */
  shown(note: string, floor: number): void {
    this.counts.checkpoints += 1;
    this.#show(note, floor);
    if (!this.#notes.has(note)) this.#unverified.push({ note });
  }

  /** A receipt as it was served, likewise. */
  receipt(text: string, number: number, floor = 0): void {
    this.counts.receipts += 1;
    const { leafIndex, checkpoint } = parseTlogProof(text);
    this.#placed(number, leafIndex, "has a receipt");
    this.#show(Buffer.from(checkpoint).toString(), floor);
    this.#unverified.push({ note: text, receiptOf: number });
  }

  /** Verifies all signatures and proofs that came since the last call. */
  async verifyAll(trustOf: (treeSize: number) => CheckpointTrust): Promise<void> {
    const notes = new Set<string>();
    for (const { note, receiptOf } of this.#unverified.splice(0)) {
      if (receiptOf === undefined && notes.has(note)) continue;
      notes.add(note);
      try {
        this.head(
          await verified(note, receiptOf, trustOf),
          receiptOf === undefined ? "a checkpoint" : "a receipt",
        );
        if (receiptOf === undefined) this.#notes.add(note);
      } catch (error) {
        this.violations.push(`does not verify: ${String(error)}\n${note}`);
      }
    }
  }

  /** A head that must be one of this tree. */
  head({ treeSize, rootHash }: Omit<ShownHead, "from">, from: string): void {
    this.heads.set(`${treeSize} ${encodeHex(rootHash)}`, { treeSize, rootHash, from });
  }

  /** A leaf as the log serves it now. */
  leaf(index: number, entry: Uint8Array): Uint8Array {
    const hash = leafHash(entry);
    const known = this.#leaves[index];
    if (known !== undefined) {
      if (!hashesEqual(known, hash)) this.violations.push(`leaf ${index} is not what it was`);
      return hash;
    }
    const number = numberOf(entry);
    if (number === undefined || number >= this.#next) this.violations.push(`leaf ${index} was never sent`);
    else {
      if (this.#refused.has(number)) this.violations.push(`leaf ${index}: entry ${number} was refused`);
      if (this.inDoubt.has(number)) this.counts.landed += 1;
      this.inDoubt.delete(number);
      this.#placed(number, index, "is served");
    }
    this.#append(hash);
    return hash;
  }

  /** What the tree has at a place of a tile; undefined beyond it. */
  tileHash(level: number, at: number): Uint8Array | undefined {
    return this.#tiles[level]?.[at];
  }

  root(treeSize: number): Uint8Array | undefined {
    return this.#roots[treeSize];
  }

  leafHash(index: number): Uint8Array | undefined {
    return this.#leaves[index];
  }

  /** Every head that was ever shown is one of this tree: so each is consistent with each later one. */
  checkHeads(): void {
    for (const { treeSize, rootHash, from } of this.heads.values()) {
      const root = this.#roots[treeSize];
      if (root === undefined)
        this.violations.push(`${from} of size ${treeSize}, and the log has ${this.size}`);
      else if (!hashesEqual(root, rootHash))
        this.violations.push(`${from} of size ${treeSize} has another root`);
    }
  }

  #placed(number: number, index: number, how: string): void {
    const [before, there] = [this.#indexOf.get(number), this.#numberAt[index]];
    if (before !== undefined && before !== index)
      this.violations.push(`entry ${number} ${how} at ${index}, and at ${before}`);
    if (there !== undefined && there !== number)
      this.violations.push(`index ${index} ${how} for entry ${number}, and for ${there}`);
    this.#indexOf.set(number, index);
    this.#numberAt[index] = number;
  }

  #show(note: string, floor: number): void {
    const treeSize = Number(note.split("\n")[1]);
    if (treeSize < floor) this.violations.push(`a checkpoint of size ${treeSize} after one of ${floor}`);
    this.#floor = Math.max(this.#floor, treeSize);
  }

  #append(hash: Uint8Array): void {
    this.#leaves.push(hash);
    this.#range = appendLeaves(this.#range, [hash], ({ level }, node) => {
      if (level % TILE_HEIGHT > 0) return;
      const hashes = this.#tiles[level / TILE_HEIGHT] ?? [];
      this.#tiles[level / TILE_HEIGHT] = hashes;
      hashes.push(node);
    });
    this.#roots.push(rangeRoot(this.#range));
  }
}

async function verified(
  text: string,
  receiptOf: number | undefined,
  trustOf: (treeSize: number) => CheckpointTrust,
): Promise<Omit<ShownHead, "from">> {
  if (receiptOf !== undefined) {
    return await verifyTlogProof({ ...trustOf(1), receipt: text, entry: entryNumbered(receiptOf) });
  }
  return await openCheckpoint({ ...trustOf(Number(text.split("\n")[1])), signedNote: Buffer.from(text) });
}
