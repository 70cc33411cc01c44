/** Tables of what came of pairs. */
import { median, type Pairs, ratioOf, type Spread } from "./pairs.ts";

/** One figure of many pairs. */
export interface FigureRow {
  readonly figure: string;
  /** Medians. */
  readonly yardstick: number;
  readonly ours: number;
  readonly ratio: Spread;
  /** What the ratio has to be, such as ">= 5". */
  readonly target?: string | undefined;
}

/** @param figures - of a round, by name. */
export function figureRows<Round>(
  pairs: Pairs<Round>,
  figures: Readonly<Record<string, { readonly of: (round: Round) => number; readonly target?: string }>>,
): readonly FigureRow[] {
  return Object.entries(figures).map(([figure, { of, target }]) => ({
    figure,
    yardstick: median(pairs.yardstick.map(of)),
    ours: median(pairs.ours.map(of)),
    ratio: ratioOf(pairs, of),
    target,
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
  names: { readonly yardstick: string; readonly ours: string },
): string {
  return table([
    ["figure", names.yardstick, names.ours, "ratio", "of the pairs", "target"],
    ...rows.map(({ figure, yardstick, ours, ratio, target }) => [
      figure,
      shown(yardstick),
      shown(ours),
      shown(ratio.median),
      `${shown(ratio.min)} to ${shown(ratio.max)}`,
      target ?? "-",
    ]),
  ]);
}
