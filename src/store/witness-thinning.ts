/** Which rows of a log's history go. Pure; `ThinningRule` says what stays. */
import { InvariantError } from "../errors.ts";
import { assertArgument, assertPosition } from "./witness-rules.ts";
import type { RowPosition, ThinningRule } from "./witness-store.ts";

/** Most rows one step looks at, and so the most it removes. */
export const MAX_THINNING_ROWS = 512;

export interface ThinningPass {
  readonly rules: readonly ThinningRule[];
  readonly nowSeconds: number;
  readonly from?: RowPosition;
}

/** The rows one step removes, and where the next one starts. */
export interface ThinningPlan {
  readonly removes: readonly RowPosition[];
  readonly next: RowPosition | undefined;
}

/** The rows of a span that are kept so far. */
interface Span {
  readonly name: string;
  readonly first: RowPosition;
  /** The first row of the size that `last` has. It holds that size's note, or an earlier span has one of the size. */
  ofLastSize: RowPosition;
  last: RowPosition;
}

/** @throws {TlogError} ARGUMENT_INVALID */
export function assertThinningPass({ rules, nowSeconds, from }: ThinningPass): void {
  assertArgument("nowSeconds", nowSeconds, 0);
  if (from !== undefined) assertPosition(from);
  for (const { olderThanSeconds, keepEverySeconds } of rules) {
    assertArgument("olderThanSeconds", olderThanSeconds, 0);
    assertArgument("keepEverySeconds", keepEverySeconds, 1);
  }
}

/**
 * Plans one step over rows in ascending order, from `pass.from` on. Looks at 512 at most. A step that ends within a span
 * lets the next one start at that span's first row again: what lies between is gone by then but for two rows.
 */
export function planThinning(rows: Iterable<RowPosition>, pass: ThinningPass): ThinningPlan {
  const rules = [...pass.rules].sort((a, b) => b.olderThanSeconds - a.olderThanSeconds);
  const removes: RowPosition[] = [];
  let span: Span | undefined;
  let seen = 0;
  for (const row of rows) {
    if (seen === MAX_THINNING_ROWS) return { removes, next: span?.first ?? missingSpan() };
    seen += 1;
    const name = spanOf(row, rules, pass.nowSeconds);
    // Times ascend: all that follow are as young.
    if (name === undefined) break;
    if (span?.name === name) removes.push(...replaceLast(span, row));
    else span = { name, first: row, ofLastSize: row, last: row };
  }
  return { removes, next: undefined };
}

/** Makes `row` the last of the span. @returns the rows that need not stay any more. */
function replaceLast(span: Span, row: RowPosition): readonly RowPosition[] {
  const { first, ofLastSize, last } = span;
  span.last = row;
  if (row.treeSize === last.treeSize) return last === ofLastSize ? [] : [last];
  span.ofLastSize = row;
  return [...new Set([ofLastSize, last])].filter((old) => old !== first);
}

/** The span a row is thinned in, named by rule and number; undefined while it is too young. @param rules - oldest first. */
function spanOf(
  { timestampSeconds }: RowPosition,
  rules: readonly ThinningRule[],
  nowSeconds: number,
): string | undefined {
  for (const [index, { olderThanSeconds, keepEverySeconds }] of rules.entries()) {
    const number = Math.floor(timestampSeconds / keepEverySeconds);
    if ((number + 1) * keepEverySeconds <= nowSeconds - olderThanSeconds) return `${index} ${number}`;
  }
  return undefined;
}

function missingSpan(): never {
  throw new InvariantError("rows were looked at, and none lies in a span");
}
