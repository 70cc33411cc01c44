/** What a check of a log's bytes finds. Plain data: it travels between processes, into a state file and into JSON. */

/**
 * What is not as it should be:
 * - `entry`: the bytes of an entry are not those of the signed tree
 * - `bundle`: entries that cannot be read at all
 * - `tile`: hashes of a tile are not those of the signed tree, or cannot be read; what is below them is right
 * - `history`: entries and hashes agree with each other, and not with what was signed
 * - `undecided`: two of them disagree, and nothing that is signed says which is right
 * - `inner-nodes`, `leaf-index`: derived data
 * - `row`: a row of the store that does not fit, or should not be there
 * - `checkpoint`: signatures, origin or size of a signed head, or the signed history of keys
 * - `store`: the store as a whole: it cannot be opened, or is older than what was signed
 */
export type FindingKind =
  | "entry"
  | "bundle"
  | "tile"
  | "history"
  | "undecided"
  | "inner-nodes"
  | "leaf-index"
  | "row"
  | "checkpoint"
  | "store";

/**
 * How it came about, as far as bytes can tell: bits that flipped or were overwritten do not hash to what they should, while who
 * changes entries and makes their hashes anew leaves both in agreement.
 */
export type Cause = "corruption" | "tampering" | "unknown";

/** What helps: `derive`: it is made anew from what is intact. `copy`: only a mirror, an export or a backup has it. */
export type Remedy = "derive" | "copy" | "unknown";

/** Tiles of a level, or entry bundles, with index [from, to), of whatever width. */
export interface Extent {
  readonly level: number | "entries";
  readonly from: number;
  readonly to: number;
}

export interface Finding {
  readonly kind: FindingKind;
  /** "entry 3133: bundle 12, bytes 812 to 1070" */
  readonly where: string;
  /** What was wanted, and what is there. */
  readonly detail: string;
  readonly cause: Cause;
  readonly remedy: Remedy;
  /** The first leaf it is about: findings are listed in this order, those of the log as a whole first. */
  readonly leafIndex?: number | undefined;
  /** Which resources have bytes that are wrong, or may be; absent: none that readers are served. */
  readonly spoils?: readonly Extent[] | undefined;
}

/** One tile, or one bundle. */
export function extentOf(level: number | "entries", index: number): Extent {
  return { level, from: index, to: index + 1 };
}

/** Findings up to a bound; the rest is counted. */
export class FindingList {
  readonly #max: number;
  readonly #findings: Finding[] = [];
  #more = 0; // owned by add() and addAll()

  constructor(max: number) {
    this.#max = max;
  }

  add(finding: Finding): void {
    if (this.#findings.length < this.#max) this.#findings.push(finding);
    else this.#more += 1;
  }

  addAll({ findings, more }: Found): void {
    for (const finding of findings) this.add(finding);
    this.#more += more;
  }

  get isEmpty(): boolean {
    return this.#findings.length + this.#more === 0;
  }

  found(): Found {
    return { findings: [...this.#findings], more: this.#more };
  }
}

export interface Found {
  readonly findings: readonly Finding[];
  /** How many there are beyond these. */
  readonly more: number;
}

export const NOTHING_FOUND: Found = Object.freeze({ findings: [], more: 0 });

/** In the order of the log. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => (a.leafIndex ?? -1) - (b.leafIndex ?? -1));
}
