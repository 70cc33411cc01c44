/** The size of the log over time, a step for each head this browser verified. */
import type { GrowthPoint } from "./browser-memory.ts";
import { s } from "./dom.ts";
import { compactCount, counted, grouped, timeText } from "./words.ts";

const HEIGHT = 180;
const LEFT = 46;
const BASE = HEIGHT - 26;
const TOP = 14;

/** @param points - at least two, in order. */
export function growthChart(points: readonly GrowthPoint[], width: number, nowSeconds: number): SVGElement {
  const first = points[0] ?? { seconds: nowSeconds, treeSize: 0 };
  const last = points.at(-1) ?? first;
  const end = Math.max(nowSeconds, last.seconds, first.seconds + 1);
  const [low, high] = niceRange(first.treeSize, last.treeSize);
  const xOf = (seconds: number) =>
    LEFT + ((seconds - first.seconds) / (end - first.seconds)) * (width - LEFT - 10);
  const yOf = (size: number) => BASE - ((size - low) / (high - low)) * (BASE - TOP);
  let line = `M${xOf(first.seconds).toFixed(1)} ${yOf(first.treeSize).toFixed(1)}`;
  for (const { seconds, treeSize } of points.slice(1))
    line += `H${xOf(seconds).toFixed(1)}V${yOf(treeSize).toFixed(1)}`;
  line += `H${xOf(end).toFixed(1)}`;
  const added = last.treeSize - first.treeSize;
  const words = `From ${grouped(first.treeSize)} to ${counted(last.treeSize, "entry", "entries")}, ${grouped(added)} more since ${timeText(first.seconds)}`;
  const marks = [low, (low + high) / 2, high].filter((size) => Number.isInteger(size));
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, class: "picture growth", role: "img", "aria-label": words },
    marks.map((size) => [
      s("line", { x1: LEFT, x2: width - 10, y1: yOf(size), y2: yOf(size), class: "contour" }),
      s(
        "text",
        { x: LEFT - 8, y: yOf(size) + 4, "text-anchor": "end", class: "muted small" },
        size < 10_000 ? grouped(size) : compactCount(size),
      ),
    ]),
    s("path", { d: `${line}V${BASE}H${xOf(first.seconds).toFixed(1)}Z`, class: "area" }),
    s("path", { d: line, class: "line" }),
    s("circle", { cx: xOf(end), cy: yOf(last.treeSize), r: 4, class: "node root" }),
    s("text", { x: LEFT, y: HEIGHT - 6, class: "muted small" }, timeText(first.seconds).slice(0, 16)),
    s("text", { x: width - 10, y: HEIGHT - 6, "text-anchor": "end", class: "muted small" }, "now"),
  );
}

/** Round numbers around both. */
function niceRange(low: number, high: number): readonly [number, number] {
  const span = Math.max(high - low, 1);
  const step = 10 ** Math.floor(Math.log10(span));
  const floor = Math.floor(low / step) * step;
  return [floor, Math.max(Math.ceil(high / step) * step, floor + 1)];
}
