/** How the log grew, as far as this browser saw it: every point is a head that was verified here. */
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
