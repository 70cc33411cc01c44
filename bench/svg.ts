/** Plots as SVG: axes with units, a legend, no script; readable on light and dark. */
import type { Axis, Curve } from "./results.ts";

const WIDTH = 720;
const HEIGHT = 420;
const FRAME = { left: 76, right: 24, top: 44, bottom: 76 };
/** Told apart also by the marks, for eyes and printers without colours. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

type Point = readonly [number, number];

/** @returns an SVG document. @throws {RangeError} no point that could be drawn. */
export function plot(title: string, { x, y, lines }: Curve): string {
  const drawable = lines.map(({ name, points }) => ({ name, points: points.filter(isDrawable(x, y)) }));
  const all = drawable.flatMap(({ points }) => points);
  if (all.length === 0) throw new RangeError(`${title}: nothing to plot`);
  const across = scaleOf(
    x,
    all.map(([value]) => value),
    { start: FRAME.left, end: WIDTH - FRAME.right },
  );
  const up = scaleOf(
    y,
    all.map(([, value]) => value),
    { start: HEIGHT - FRAME.bottom, end: FRAME.top },
  );
  const place = ([atX, atY]: Point): Point => [across.place(atX), up.place(atY)];
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>${escaped(title)}</title>
<style>
svg { color: #1b1b1b; background: #ffffff; }
@media (prefers-color-scheme: dark) { svg { color: #e8e8e8; background: #16181c; } }
text { fill: currentColor; }
.grid { stroke: currentColor; stroke-opacity: 0.18; }
.axis { stroke: currentColor; }
</style>
<text x="${WIDTH / 2}" y="22" text-anchor="middle" font-size="15">${escaped(title)}</text>
${across.ticks.map((tick) => verticalTick(across.place(tick), tick)).join("\n")}
${up.ticks.map((tick) => horizontalTick(up.place(tick), tick)).join("\n")}
<path class="axis" fill="none" d="M${FRAME.left} ${FRAME.top}V${HEIGHT - FRAME.bottom}H${WIDTH - FRAME.right}"/>
<text x="${(FRAME.left + WIDTH - FRAME.right) / 2}" y="${HEIGHT - 38}" text-anchor="middle">${escaped(x.label)}</text>
<text transform="translate(16 ${(FRAME.top + HEIGHT - FRAME.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>
${drawable.map(({ points }, at) => lineOf(points.map(place), at)).join("\n")}
${drawable.map(({ name }, at) => legendOf(name, at)).join("\n")}
</svg>
`;
}

interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
}

function scaleOf(
  { isLogarithmic }: Axis,
  values: readonly number[],
  { start, end }: { readonly start: number; readonly end: number },
): Scale {
  const ticks = isLogarithmic ? logTicks(values) : linearTicks(values);
  const measure = (value: number): number => (isLogarithmic ? Math.log10(value) : value);
  const [low, high] = [measure(ticks[0]!), measure(ticks.at(-1)!)];
  return { ticks, place: (value) => start + ((measure(value) - low) / (high - low)) * (end - start) };
}

/** From 0, at round steps: a rate that is not drawn from 0 misleads. */
function linearTicks(values: readonly number[]): readonly number[] {
  const most = Math.max(...values) || 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.5, 1, 2].map((factor) => factor * power).find((each) => most / each <= 6) ?? 2 * power;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step);
}

function logTicks(values: readonly number[]): readonly number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at));
}

function isDrawable(x: Axis, y: Axis): (point: Point) => boolean {
  const isOn = (axis: Axis, value: number): boolean =>
    Number.isFinite(value) && (!axis.isLogarithmic || value > 0);
  return ([atX, atY]) => isOn(x, atX) && isOn(y, atY);
}

function verticalTick(at: number, value: number): string {
  return `<path class="grid" d="M${at.toFixed(1)} ${FRAME.top}V${HEIGHT - FRAME.bottom}"/><text x="${at.toFixed(1)}" y="${HEIGHT - FRAME.bottom + 17}" text-anchor="middle">${shown(value)}</text>`;
}

function horizontalTick(at: number, value: number): string {
  return `<path class="grid" d="M${FRAME.left} ${at.toFixed(1)}H${WIDTH - FRAME.right}"/><text x="${FRAME.left - 8}" y="${(at + 4).toFixed(1)}" text-anchor="end">${shown(value)}</text>`;
}

function lineOf(points: readonly Point[], at: number): string {
  const path = points
    .map(([x, y], index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join("");
  const marks = points.map((point) => markOf(point, at)).join("");
  return `<path fill="none" stroke="${colour(at)}" stroke-width="2" d="${path}"/>${marks}`;
}

function markOf([x, y]: Point, at: number): string {
  if (at % 2 === 0) return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" fill="${colour(at)}"/>`;
  return `<rect x="${(x - 4).toFixed(1)}" y="${(y - 4).toFixed(1)}" width="8" height="8" fill="${colour(at)}"/>`;
}

function legendOf(name: string, at: number): string {
  const x = FRAME.left + at * 150;
  const y = HEIGHT - 14;
  return `${markOf([x, y - 4], at)}<text x="${x + 10}" y="${y}">${escaped(name)}</text>`;
}

function colour(at: number): string {
  return COLOURS[at % COLOURS.length]!;
}

function shown(value: number): string {
  return value >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
