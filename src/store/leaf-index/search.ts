/**
 * One look-up of many hashes. Memory says which runs may have which of them; then the pages of those runs are looked at, then the
 * tiles of the leaves that these name. What comes from memory is read at once. Where the disk is met, the rest is first read all
 * together, away from the event loop: one after the other, a few hundred pages are as many times the disk's latency.
 */
import { HASH_BYTES } from "../../merkle/hash.ts";
import { type Keys, keysInOrder } from "./key.ts";
import type { ConfirmHash, Memtable } from "./memtable.ts";
import type { Run } from "./run.ts";
import { PAGE_BYTES } from "./run-format.ts";

/** A page or a tile in memory takes a tenth of it, one on a disk at least its double. */
const SLOW_MS = 0.05;
/** So many, and such a part of all, say that it is the disk, and not this process waiting for its turn. */
const SLOW_READS = { least: 3, share: 1 / 8 };
/** Reads under way at once. Node has four threads for them: one is left to those who commit. */
export const FETCHES = 3;

export interface SearchParts {
  readonly leafHashes: Uint8Array;
  /** Oldest leaves first, so that the first one found is the smallest. Owned by their index: none is closed while this looks. */
  readonly runs: readonly Run[];
  /** Behind the runs. */
  readonly tables: readonly Memtable[];
  readonly confirm: ConfirmHash;
  /** Milliseconds. */
  readonly now: () => number;
}

/** A key that a run may have. */
interface Probe {
  readonly run: Run;
  /** Among the keys. */
  readonly at: number;
}

/** A key that a run has. */
interface Candidate extends Probe {
  /** The first leaf of the run with it. */
  readonly leafIndex: number;
}

export class Search {
  readonly found: (number | undefined)[];
  readonly #parts: SearchParts;
  readonly #keys: Keys;
  readonly #positions: Uint32Array;
  readonly #probes: readonly Probe[];
  readonly #candidates: Candidate[] = []; // in the order of the probes; owned by lookAtPages()
  #looked = 0; // of the probes; owned by lookAtPages()
  #confirmed = 0; // of the candidates; owned by confirm()

  constructor(parts: SearchParts) {
    this.#parts = parts;
    const { keys, positions } = keysInOrder(parts.leafHashes);
    this.#keys = keys;
    this.#positions = positions;
    this.found = new Array<number | undefined>(keys.count).fill(undefined);
    this.#probes = probesOf(parts.runs, keys);
  }

  /** Finds all there is to find, whatever it has to wait for. */
  finish(): readonly (number | undefined)[] {
    while (!this.lookAtPages());
    while (!this.confirm());
    return this.found;
  }

  /** @returns false when the disk was met before all pages were looked at. @throws {TlogError} STORE_DAMAGED | STORE_FAILED */
  lookAtPages(): boolean {
    return this.#untilSlow(() => {
      const probe = this.#probes[this.#looked];
      if (probe === undefined) return false;
      const leafIndex = probe.run.first(this.#high(probe), this.#low(probe));
      if (leafIndex >= 0) this.#candidates.push({ ...probe, leafIndex });
      this.#looked += 1;
      return true;
    });
  }

  /** Has the system read the pages that were not looked at yet. What cannot be read is told to who looks at it. */
  async fetchPages(): Promise<void> {
    let next = this.#looked;
    const lane = async (): Promise<void> => {
      const page = new Uint8Array(PAGE_BYTES);
      for (let probe = this.#probes[next++]; probe !== undefined; probe = this.#probes[next++]) {
        await probe.run.fetch(this.#high(probe), this.#low(probe), page);
      }
    };
    await Promise.all(Array.from({ length: FETCHES }, lane));
  }

  /**
   * Once all pages were looked at. @returns false when the disk was met before all leaves were held against their tiles.
   * @throws {TlogError} STORE_DAMAGED | STORE_FAILED
   */
  confirm(): boolean {
    const isDone = this.#untilSlow(() => {
      const candidate = this.#candidates[this.#confirmed];
      if (candidate === undefined) return false;
      this.#confirmCandidate(candidate);
      this.#confirmed += 1;
      return true;
    });
    if (isDone) this.#askTables();
    return isDone;
  }

  /** The leaves whose tiles `confirm` has yet to look at. */
  unconfirmed(): readonly number[] {
    return this.#candidates
      .slice(this.#confirmed)
      .filter((probe) => this.found[this.#position(probe)] === undefined)
      .map(({ leafIndex }) => leafIndex);
  }

  #confirmCandidate(candidate: Candidate): void {
    const position = this.#position(candidate);
    if (this.found[position] !== undefined) return;
    const { leafHashes, confirm } = this.#parts;
    const offset = position * HASH_BYTES;
    if (confirm(candidate.leafIndex, leafHashes, offset)) {
      this.found[position] = candidate.leafIndex;
      return;
    }
    // Another hash with the same first bytes. It may be one of several.
    const [high, low] = [this.#high(candidate), this.#low(candidate)];
    const leafIndex = candidate.run.find(high, low, leafHashes, offset, confirm);
    if (leafIndex >= 0) this.found[position] = leafIndex;
  }

  #askTables(): void {
    const { tables, leafHashes, confirm } = this.#parts;
    const selected = new Uint32Array(this.#keys.count);
    for (const table of tables) {
      const count = table.select(this.#keys, selected);
      for (const at of selected.subarray(0, count)) {
        const position = this.#position({ at });
        if (this.found[position] !== undefined) continue;
        const [high, low] = [this.#high({ at }), this.#low({ at })];
        const leafIndex = table.find(high, low, leafHashes, position * HASH_BYTES, confirm);
        if (leafIndex >= 0) this.found[position] = leafIndex;
      }
    }
  }

  /** @param step - @returns whether there was something to do. @returns whether nothing is left. */
  #untilSlow(step: () => boolean): boolean {
    const { now } = this.#parts;
    let at = now();
    let slow = 0;
    for (let reads = 1; slow < SLOW_READS.least || slow < reads * SLOW_READS.share; reads++) {
      if (!step()) return true;
      const before = at;
      at = now();
      if (at - before > SLOW_MS) slow += 1;
    }
    return false;
  }

  #high({ at }: Pick<Probe, "at">): number {
    return this.#keys.high[at] ?? 0;
  }

  #low({ at }: Pick<Probe, "at">): number {
    return this.#keys.low[at] ?? 0;
  }

  #position({ at }: Pick<Probe, "at">): number {
    return this.#positions[at] ?? 0;
  }
}

function probesOf(runs: readonly Run[], keys: Keys): readonly Probe[] {
  const selected = new Uint32Array(keys.count);
  const probes: Probe[] = [];
  for (const run of runs) {
    const count = run.select(keys, selected);
    for (const at of selected.subarray(0, count)) probes.push({ run, at });
  }
  return probes;
}
