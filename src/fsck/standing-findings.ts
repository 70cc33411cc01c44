import type { Extent, Finding, Found } from "./finding.ts";
import type { StandingFinding } from "./scrub-state.ts";
import { SLICE_TILES } from "./slice.ts";

/** How many are kept in words for one slice; what is spoilt beyond them is all of the slice. */
const MAX_OF_SLICE = 20;
const MAX_KEPT = 2000;

/** What a scrub found and has not seen mended. */
export class StandingFindings {
  readonly #onFound: (finding: Finding) => void;
  readonly #onSpoilt: (spoilt: readonly Extent[]) => void;
  #all: readonly StandingFinding[] = []; // owned by #replace()

  /** @param before - from before a restart: told again. @param options.onFound - told once of each. @param options.onSpoilt - told of all, each time */
  constructor(
    before: readonly StandingFinding[],
    options: {
      readonly onFound: (finding: Finding) => void;
      readonly onSpoilt: (spoilt: readonly Extent[]) => void;
    },
  ) {
    this.#onFound = options.onFound;
    this.#onSpoilt = options.onSpoilt;
    this.#replace(before);
  }

  get all(): readonly StandingFinding[] {
    return this.#all;
  }

  /** The slices they are of. */
  get slices(): readonly number[] {
    return [...new Set(this.#all.flatMap(({ slice }) => slice ?? []))];
  }

  /** A slice was checked again. @returns whether anything is different now. */
  replaceSlice(slice: number, { findings, more }: Found): boolean {
    const isSame = findings.length + more === 0 && !this.#all.some((one) => one.slice === slice);
    if (isSame) return false;
    const kept = this.#all.filter((one) => one.slice !== slice);
    this.#replace([...kept, ...ofSlice(slice, findings, more)]);
    return true;
  }

  /** A whole pass ended. What it found in slices is known already. */
  replaceAll(findings: readonly Finding[]): void {
    const inSlices = this.#all.filter(({ slice }) => slice !== undefined);
    const known = new Set(inSlices.map(nameOf));
    const others = findings.filter((finding) => !known.has(nameOf(finding)) && !isOfSlice(finding, inSlices));
    this.#replace([...inSlices, ...others]);
  }

  #replace(all: readonly StandingFinding[]): void {
    const known = new Set(this.#all.map(nameOf));
    const isTrouble = all.length + this.#all.length > 0;
    this.#all = all.length > MAX_KEPT ? shortened(all) : all;
    for (const finding of this.#all) if (!known.has(nameOf(finding))) this.#onFound(finding);
    if (isTrouble) this.#onSpoilt(this.#all.flatMap(({ spoils = [] }) => spoils));
  }
}

/** Of those beyond a bound the words are dropped, and not what is spoilt. */
function shortened(all: readonly StandingFinding[]): readonly StandingFinding[] {
  const kept = all.slice(0, MAX_KEPT);
  const spoils = all.slice(MAX_KEPT).flatMap((finding) => finding.spoils ?? []);
  const [last] = kept.splice(-1);
  return last === undefined ? kept : [...kept, { ...last, spoils: [...(last.spoils ?? []), ...spoils] }];
}

function ofSlice(slice: number, findings: readonly Finding[], more: number): readonly StandingFinding[] {
  const kept = findings.slice(0, MAX_OF_SLICE).map((finding) => ({ ...finding, slice }));
  const [first, ...rest] = kept;
  if (first === undefined || findings.length + more <= MAX_OF_SLICE) return kept;
  const tiles = { from: slice * SLICE_TILES, to: (slice + 1) * SLICE_TILES };
  const whole: readonly Extent[] = [
    { level: "entries", ...tiles },
    { level: 0, ...tiles },
    { level: 1, from: slice, to: slice + 1 },
  ];
  const detail = `${first.detail} (and ${findings.length + more - 1} more in these 65,536 entries, all of which are withheld)`;
  return [{ ...first, detail, spoils: whole }, ...rest];
}

/** Whether it is one of those of a slice that were left out. */
function isOfSlice({ leafIndex, kind, spoils = [] }: Finding, inSlices: readonly StandingFinding[]): boolean {
  if (leafIndex === undefined || kind === "leaf-index" || kind === "store" || kind === "row") return false;
  if (spoils.some(({ level }) => typeof level === "number" && level > 1)) return false;
  return inSlices.some(({ slice }) => slice === Math.floor(leafIndex / (SLICE_TILES * 256)));
}

function nameOf({ where, detail }: Finding): string {
  return `${where}\n${detail}`;
}
