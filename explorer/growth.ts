/** How the log grew, as far as is known: every point is a head whose signatures were verified here. */
import type { GrowthPoint } from "./browser-memory.ts";

const MAX_POINTS = 400;

/** Adds a point; beyond the limit every second one of the older half goes, so that old times get coarser and none are lost. */
export function withPoint(points: readonly GrowthPoint[], point: GrowthPoint): readonly GrowthPoint[] {
  const last = points.at(-1);
  if (last !== undefined && (point.treeSize < last.treeSize || point.seconds < last.seconds)) return points;
  const all = last?.treeSize === point.treeSize ? [...points] : [...points, point];
  if (all.length <= MAX_POINTS) return all;
  const half = Math.floor(all.length / 2);
  return all.filter((_, at) => at >= half || at % 2 === 0);
}

/** One line of both, in which neither time nor size goes back. */
export function joined(own: readonly GrowthPoint[], kept: readonly GrowthPoint[]): readonly GrowthPoint[] {
  const inOrder = [...own, ...kept].sort((a, b) => a.seconds - b.seconds || a.treeSize - b.treeSize);
  const line: GrowthPoint[] = [];
  for (const point of inOrder) {
    const last = line.at(-1);
    if (last === undefined || point.treeSize > last.treeSize) line.push(point);
  }
  return line;
}
