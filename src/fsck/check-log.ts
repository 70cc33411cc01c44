/** Checks a whole log: every tile and the root from the entries, against what was signed; then what is derived from them. */
import { TlogError } from "../errors.ts";
import { HASH_BYTES, hashesEqual } from "../merkle/hash.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { type Ask, asking } from "./ask.ts";
import type { CheckOptions } from "./check-options.ts";
import { findHeads } from "./find-heads.ts";
import { type Extent, FindingList, type Found, inOrder } from "./finding.ts";
import { edgeWidths } from "./hashing.ts";
import type { FoundHeads, KnownHead } from "./heads.ts";
import { leafIndexChecks } from "./leaf-index-check.ts";
import { SLICE_LEAVES } from "./slice.ts";
import { type DerivedTree, Spine } from "./spine.ts";
import type { SliceState } from "./state.ts";

export interface CheckReport extends Found {
  readonly origin: string | undefined;
  readonly treeSize: number;
  /** Of the entries that are there; undefined when they could not be read. */
  readonly rootHash: Uint8Array | undefined;
  readonly heads: readonly KnownHead[];
  readonly entryBytes: number;
  /** How many runs of the leaf index were checked. */
  readonly runs: number;
  /** What is no damage, and good to know. */
  readonly notes: readonly string[];
}

/**
 * @throws {TlogError} STORE_DIRECTORY_FOREIGN (there is no log) | CONFIG_INVALID (`resume` is of another tree or another copy) | ABORTED | what the
 *   opening of the store and the network throw
 */
export async function checkLog(options: CheckOptions): Promise<CheckReport> {
  return await new LogCheck(options).run();
}

/** All tiles and bundles, also those of the leaves that are still to come. */
function everythingOf(treeSize: number): readonly Extent[] {
  const levels = ["entries" as const, ...edgeWidths(treeSize).keys()];
  return levels.map((level) => ({ level, from: 0, to: Number.MAX_SAFE_INTEGER }));
}

const NO_TREE: DerivedTree = { slices: new Uint8Array(), level1: new Uint8Array(), level0: new Uint8Array() };

class LogCheck {
  readonly #options: CheckOptions;
  readonly #slices: Map<number, SliceState>; // owned by #checkSlice()
  readonly #runs: Map<string, Found>; // owned by leafIndexChecks()
  readonly #others: FindingList;
  readonly #notes: string[] = [];
  readonly #ask: Ask;
  /** Slices of which nothing was known from above. Owned by #checkSlice(). */
  readonly #unproven = new Set<number>();
  #edge = NO_TREE; // owned by #checkSlice()
  #edgeFound: SliceState | undefined; // owned by #checkSlice()

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#slices = new Map(options.resume?.slices);
    this.#runs = new Map(options.resume?.runs);
    this.#others = new FindingList(options.maxFindings);
    this.#ask = asking(options.crew, this.#others);
  }

  async run(): Promise<CheckReport> {
    const options = this.#options;
    const found = await findHeads({ ...options, ask: this.#ask, found: this.#others });
    for (const finding of found.findings) this.#others.add(finding);
    const { resume, at } = options;
    const treeSize = resume?.treeSize ?? at?.treeSize ?? found.treeSize;
    if (treeSize === undefined) return this.#report(found, undefined);
    const subject = found.storeId ?? found.origin ?? "";
    this.#assertResumable(found, subject);
    const heads = found.heads.filter((head) => head.treeSize <= treeSize);
    const rootHash = (resume ?? at)?.rootHash ?? heads.find((head) => head.treeSize === treeSize)?.rootHash;
    const assumedSize = found.isAssumed ? treeSize : undefined;
    const spine = await this.#spine({ treeSize, rootHash, heads, assumedSize });
    if (spine === undefined) return this.#report({ ...found, treeSize }, undefined);
    const state = { subject, copy: options.copy, treeSize, rootHash: spine.rootHash };
    // Nothing else would show the next check that the tree is still the same.
    const save = (): void => {
      if (spine.wasSound) options.onState?.({ ...state, slices: this.#slices, runs: this.#runs });
    };
    this.#noteEarlier();
    await this.#checkParts({ spine, found, assumedSize, save });
    const derived = this.#derived(treeSize);
    spine.complete(derived);
    await this.#checkAgain(spine, assumedSize);
    spine.report(this.#others, derived);
    const derivedRoot = spine.derivedRoot(derived);
    if (!hashesEqual(derivedRoot, spine.rootHash) && this.#isClean()) this.#addHistory(treeSize);
    return this.#report({ ...found, treeSize, heads }, derivedRoot);
  }

  #assertResumable({ treeSize }: FoundHeads, subject: string): void {
    const { resume } = this.#options;
    if (resume === undefined) return;
    const { copy } = this.#options;
    if (resume.copy !== copy) {
      throw new TlogError(
        "CONFIG_INVALID",
        `the check to resume is of ${resume.copy}, this is ${copy}: keep a file for each`,
      );
    }
    if (resume.subject === subject && resume.treeSize <= (treeSize ?? -1)) return;
    throw new TlogError(
      "CONFIG_INVALID",
      `the check to resume is of ${resume.subject} at size ${resume.treeSize}, this is ${subject} at size ${treeSize ?? "unknown"}`,
    );
  }

  #noteEarlier(): void {
    const entries = this.#slices.size * SLICE_LEAVES;
    const runs = this.#runs.size;
    if (entries + runs === 0) return;
    this.#notes.push(
      `${entries} entries and ${runs} runs of the leaf index were checked by an earlier run, and not again: what changed in them since is not seen`,
    );
  }

  /** Reads the upper part of the tree, and compares its roots with all that is known. */
  async #spine(of: {
    readonly treeSize: number;
    readonly rootHash: Uint8Array | undefined;
    readonly heads: readonly KnownHead[];
    readonly assumedSize: number | undefined;
  }): Promise<Spine | undefined> {
    const { treeSize, heads, assumedSize } = of;
    const earlier = heads.filter((head) => head.treeSize < treeSize);
    const sizes = [treeSize, ...earlier.map((head) => head.treeSize)];
    const answer = await this.#ask({ kind: "spine", treeSize, sizes, assumedSize }, "the upper tiles");
    if (answer === undefined) return undefined;
    const [storedRoot, ...roots] = answer.roots;
    const rootHash = of.rootHash ?? storedRoot;
    if (rootHash === undefined) return undefined;
    const spine = new Spine({ treeSize, rootHash, tiles: answer.tiles });
    if (this.#options.resume !== undefined && !spine.wasSound) {
      throw new TlogError(
        "CONFIG_INVALID",
        `the tree of size ${treeSize} is not the one of the check to resume: check from the beginning`,
      );
    }
    for (const [at, head] of earlier.entries()) this.#compareRoot(head, roots[at]);
    return spine;
  }

  #compareRoot({ name, treeSize, rootHash, isSigned }: KnownHead, stored: Uint8Array | undefined): void {
    if (stored !== undefined && hashesEqual(stored, rootHash)) return;
    this.#others.add({
      kind: isSigned ? "history" : "row",
      where: `the first ${treeSize} entries`,
      detail: `their tiles do not hash to the root in ${name}`,
      cause: stored === undefined ? "corruption" : "unknown",
      remedy: "copy",
      leafIndex: 0,
    });
  }

  /** Everything that is done side by side: long things first. */
  async #checkParts(of: {
    readonly spine: Spine;
    readonly found: FoundHeads;
    readonly assumedSize: number | undefined;
    readonly save: () => void;
  }): Promise<void> {
    const { spine, found, assumedSize, save } = of;
    const { treeSize } = spine;
    const isStore = this.#options.checkpoint === undefined;
    const parts: (() => Promise<void>)[] = [];
    if (isStore && found.storeId !== undefined) {
      const { storeId } = found;
      const options = { storeId, treeSize, assumedSize, runs: this.#runs, found: this.#others };
      parts.push(...(await leafIndexChecks({ ...options, ask: this.#ask, notes: this.#notes })));
    }
    if (isStore && assumedSize === undefined) {
      for (const table of ["meta", "tiles", "bundles", "tail"] as const) {
        parts.push(async () => {
          const answer = await this.#ask({ kind: "strays", table, treeSize }, `the keys of table ${table}`);
          if (answer !== undefined) this.#others.addAll(answer.found);
        });
      }
    }
    this.#plan(treeSize);
    const { first = [] } = this.#options;
    const slicePart = (index: number) => () => this.#checkSlice(spine, index, assumedSize);
    for (let index = 0; index * SLICE_LEAVES < treeSize; index++) {
      if (!this.#slices.has(index) && !first.includes(index)) parts.push(slicePart(index));
    }
    const sliceCount = Math.ceil(treeSize / SLICE_LEAVES);
    parts.unshift(...first.filter((index) => index < sliceCount).map(slicePart));
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let part = parts[next++]; part !== undefined; part = parts[next++]) {
        await part();
        save();
      }
    };
    await Promise.all(Array.from({ length: this.#options.crew.size }, lane));
  }

  #plan(entries: number): void {
    const done = [...this.#slices.values()];
    const doneBytes = done.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#options.onPlan?.({ entries, doneEntries: done.length * SLICE_LEAVES, doneBytes });
  }

  async #checkSlice(spine: Spine, index: number, assumedSize: number | undefined): Promise<void> {
    const start = index * SLICE_LEAVES;
    const where = `entries ${start} to ${Math.min(start + SLICE_LEAVES, spine.treeSize) - 1}`;
    const slice = spine.jobFor(index);
    const isFull = start + SLICE_LEAVES <= spine.treeSize;
    if ((isFull ? slice.root : slice.level0 && slice.level1) === undefined) this.#unproven.add(index);
    else this.#unproven.delete(index);
    const answer = await this.#ask({ kind: "slice", slice, assumedSize }, where, start, [
      { level: "entries", from: start / TILE_WIDTH, to: (start + SLICE_LEAVES) / TILE_WIDTH },
      { level: 0, from: start / TILE_WIDTH, to: (start + SLICE_LEAVES) / TILE_WIDTH },
    ]);
    if (answer === undefined) return;
    const { found, bytes, derived } = answer.slice;
    if (!this.#unproven.has(index)) this.#options.onSlice?.(index, found);
    if (isFull) this.#slices.set(index, { hash: derived.upper, found, bytes });
    else {
      this.#edge = { ...NO_TREE, level1: derived.upper, level0: derived.level0 };
      this.#edgeFound = { hash: new Uint8Array(), found, bytes };
    }
  }

  /** Slices that did not fit when nothing was known of them from above, and now something is. */
  async #checkAgain(spine: Spine, assumedSize: number | undefined): Promise<void> {
    for (const index of [...this.#unproven]) {
      const slice = this.#slices.get(index) ?? this.#edgeFound;
      const { root } = spine.jobFor(index);
      const isFit = root === undefined || slice === undefined || bytesEqual(root, slice.hash);
      const isClean = slice?.found.findings.length === 0;
      if (!isClean || !isFit) await this.#checkSlice(spine, index, assumedSize);
    }
  }

  #derived(treeSize: number): DerivedTree {
    const slices = new Uint8Array(Math.floor(treeSize / SLICE_LEAVES) * HASH_BYTES);
    for (const [index, { hash }] of this.#slices) slices.set(hash, index * HASH_BYTES);
    return { ...this.#edge, slices };
  }

  #allFound(): readonly Found[] {
    const edge = this.#edgeFound === undefined ? [] : [this.#edgeFound.found];
    return [
      this.#others.found(),
      ...[...this.#slices.values()].map(({ found }) => found),
      ...edge,
      ...this.#runs.values(),
    ];
  }

  #isClean(): boolean {
    return this.#allFound().every(({ findings }) => findings.length === 0);
  }

  #addHistory(treeSize: number): void {
    this.#others.add({
      kind: "history",
      where: `entries 0 to ${treeSize - 1}`,
      detail: "entries and tiles agree with each other, and not with the tree that was signed",
      cause: "tampering",
      remedy: "copy",
      leafIndex: 0,
      spoils: everythingOf(treeSize),
    });
  }

  #report(found: FoundHeads, rootHash: Uint8Array | undefined): CheckReport {
    const all = this.#allFound();
    const findings = inOrder(all.flatMap((one) => one.findings));
    const { maxFindings } = this.#options;
    const more = all.reduce((sum, one) => sum + one.more, Math.max(0, findings.length - maxFindings));
    const slices = [...this.#slices.values(), ...(this.#edgeFound === undefined ? [] : [this.#edgeFound])];
    return {
      origin: found.origin,
      treeSize: found.treeSize ?? 0,
      rootHash,
      heads: found.heads,
      entryBytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
      runs: this.#runs.size,
      findings: findings.slice(0, maxFindings),
      more,
      notes: this.#notes,
    };
  }
}
