/** What an index knows, and how it answers: runs from leaf 0 on, then tables of the newest leaves. */
import { InvariantError } from "../../errors.ts";
import { HASH_BYTES, hashesEqualAt } from "../../merkle/hash.ts";
import type { LeafIndexOptions } from "./leaf-index.ts";
import { type ConfirmHash, Memtable } from "./memtable.ts";
import type { Run } from "./run.ts";
import { Search } from "./search.ts";

/** Repeated leaves are compared with the hashes of so many that came before, without a look at the tiles. */
const REMEMBERED = 1024;

export interface FinderOptions extends Pick<LeafIndexOptions, "readHashes" | "fetchTiles" | "now"> {
  readonly runLeaves: number;
  readonly seed: number;
  readonly runs: readonly Run[];
}

export class LeafFinder {
  #runs: readonly Run[]; // owned by the methods below, as is #tables
  /** Oldest first. All but the last are full; the last takes what is appended. */
  #tables: readonly Memtable[];
  readonly #options: FinderOptions;
  readonly #remembered = new Map<number, Uint8Array>(); // owned by #hashOf()

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#runs = options.runs;
    this.#tables = [this.#tableFrom(endOf(options.runs))];
  }

  get size(): number {
    return this.#last.end;
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** Tables that are full, oldest first. */
  get fullTables(): readonly Memtable[] {
    return this.#tables.filter((table) => table.isFull);
  }

  get diskBytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.layout.fileBytes, 0);
  }

  append(leafHashes: Uint8Array): void {
    assertHashes(leafHashes);
    const first = this.size;
    const confirm: ConfirmHash = (leafIndex, hashes, offset) =>
      leafIndex >= first
        ? hashesEqualAt(leafHashes, (leafIndex - first) * HASH_BYTES, hashes, offset)
        : hashesEqualAt(this.#hashOf(leafIndex), 0, hashes, offset);
    for (let at = 0; at < leafHashes.length; ) {
      if (this.#last.isFull) this.#tables = [...this.#tables, this.#tableFrom(this.size)];
      at += this.#last.append(leafHashes, at, confirm);
    }
  }

  find(leafHashes: Uint8Array): readonly (number | undefined)[] {
    return this.#searchFor(leafHashes).finish();
  }

  /**
   * As `find`, of what it had at the call; does not keep the event loop waiting for more than a few reads of the disk.
   * @param assertOpen - called after each wait.
   */
  async findPatiently(
    leafHashes: Uint8Array,
    assertOpen: () => void,
  ): Promise<readonly (number | undefined)[]> {
    const runs = this.#runs;
    const search = this.#searchFor(leafHashes);
    if (!search.lookAtPages()) {
      await search.fetchPages();
      assertOpen();
      // Merged meanwhile: those of the search are closed.
      if (this.#runs !== runs) return this.find(leafHashes);
      while (!search.lookAtPages());
    }
    if (!search.confirm()) {
      await this.#options.fetchTiles?.(search.unconfirmed());
      assertOpen();
      if (this.#runs !== runs) return this.find(leafHashes);
      while (!search.confirm());
    }
    return search.found;
  }

  /** Puts runs in the place of others, of the same leaves, that are its own. */
  replaceRuns(olds: readonly Run[], news: readonly Run[]): void {
    const at = olds[0] === undefined ? -1 : this.#runs.indexOf(olds[0]);
    if (at < 0) throw new InvariantError("runs are replaced that are not there");
    this.#runs = [...this.#runs.slice(0, at), ...news, ...this.#runs.slice(at + olds.length)];
  }

  /** Puts a run in the place of the oldest table. */
  tableWritten(table: Memtable, run: Run): void {
    if (table !== this.#tables[0]) throw new InvariantError("a table was written before an older one");
    this.#runs = [...this.#runs, run];
    this.#tables = this.#tables.slice(1);
    if (this.#tables.length === 0) this.#tables = [this.#tableFrom(run.to)];
  }

  /** Takes other runs, and lets go of what they have in memory. */
  adoptRuns(runs: readonly Run[]): void {
    this.#runs = runs;
    const end = endOf(runs);
    this.#tables = this.#tables.filter((table) => table.from >= end);
    if (this.#tables.length === 0) this.#tables = [this.#tableFrom(end)];
  }

  #searchFor(leafHashes: Uint8Array): Search {
    assertHashes(leafHashes);
    const { now = () => performance.now() } = this.#options;
    const [runs, tables, confirm] = [this.#runs, this.#tables, this.#confirm];
    return new Search({ leafHashes, runs, tables, confirm, now });
  }

  readonly #confirm: ConfirmHash = (leafIndex, hashes, offset) =>
    hashesEqualAt(this.#read(leafIndex), 0, hashes, offset);

  #read(leafIndex: number): Uint8Array {
    return this.#options.readHashes({ level: 0, start: leafIndex, count: 1 });
  }

  #hashOf(leafIndex: number): Uint8Array {
    const held = this.#remembered.get(leafIndex);
    if (held !== undefined) return held;
    const hash = this.#read(leafIndex);
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear();
    this.#remembered.set(leafIndex, hash);
    return hash;
  }

  get #last(): Memtable {
    return this.#tables.at(-1) ?? noTable();
  }

  #tableFrom(from: number): Memtable {
    return new Memtable({ from, capacity: this.#options.runLeaves, seed: this.#options.seed });
  }
}

/** The leaf behind the last run's last. */
export function endOf(runs: readonly Run[]): number {
  return runs.at(-1)?.to ?? 0;
}

function assertHashes(leafHashes: Uint8Array): void {
  if (leafHashes.length % HASH_BYTES !== 0) {
    throw new InvariantError(`leaf hashes of ${leafHashes.length} bytes`);
  }
}

function noTable(): never {
  throw new InvariantError("a leaf index without a table");
}
