/** Pairs of rounds, and what comes of them. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @param values - at least one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

export interface Candidate<Round> {
  readonly name: string;
  readonly run: () => Promise<Round>;
}

export interface Pair<Round> {
  readonly yardstick: Round;
  readonly own: Round;
}

/** Measures a yardstick and our side in turn; every other pair begins with ours, so that neither always runs on the other's heels. */
export async function alternate<Round>(
  { yardstick, own }: { readonly yardstick: Candidate<Round>; readonly own: Candidate<Round> },
  pairs: number,
): Promise<readonly Pair<Round>[]> {
  const done: Pair<Round>[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    process.stderr.write(`  ${own.name} beside ${yardstick.name} (${pair + 1}/${pairs})\n`);
    if (pair % 2 === 0) {
      const first = await yardstick.run();
      done.push({ yardstick: first, own: await own.run() });
    } else {
      const first = await own.run();
      done.push({ own: first, yardstick: await yardstick.run() });
    }
  }
  return done;
}

/** One figure of many pairs. */
export interface FigureRow {
  readonly figure: string;
  readonly yardstick: number;
  readonly own: number;
  /** Of each pair: our figure by the yardstick's. */
  readonly ratio: Spread;
  /** What the ratio has to be, such as ">= 5". */
  readonly target?: string | undefined;
}

/** @param figures - of a round, by name. */
export function figureRows<Round>(
  pairs: readonly Pair<Round>[],
  figures: Readonly<Record<string, { readonly of: (round: Round) => number; readonly target?: string }>>,
): readonly FigureRow[] {
  return Object.entries(figures).map(([figure, { of, target }]) => ({
    figure,
    yardstick: spreadOf(pairs.map(({ yardstick }) => of(yardstick))).median,
    own: spreadOf(pairs.map(({ own }) => of(own))).median,
    ratio: spreadOf(pairs.map(({ yardstick, own }) => of(own) / of(yardstick))),
    ...(target !== undefined && { target }),
  }));
}

/** Lines of a Markdown table. @param rows - cells of text; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows;
  return [head, head.map(() => "---"), ...rest].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A figure as people read it: 1,234 or 12.3 or 0.123. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** @returns a Markdown table of figures, each with its ratio, the ratio's spread and its target. */
export function figureTable(
  rows: readonly FigureRow[],
  names: { readonly yardstick: string; readonly own: string },
): string {
  return table([
    ["figure", names.yardstick, names.own, "ratio", "of the pairs", "target"],
    ...rows.map(({ figure, yardstick, own, ratio, target }) => [
      figure,
      shown(yardstick),
      shown(own),
      shown(ratio.median),
      `${shown(ratio.min)} to ${shown(ratio.max)}`,
      target ?? "-",
    ]),
  ]);
}
