/**
 * The way from a leaf up to the root, one row a level: readable from a tree of 1 to one of billions, since it has as many rows as the proof
 * has hashes. What is not on the way is one triangle a row, however many leaves are below.
 */
import { encodeHex, type HashedStep, type Subtree } from "../client/inspect.ts";
import { s } from "./dom.ts";
import { formatRoute } from "./route.ts";
import { compactCount, counted, leavesText } from "./words.ts";

export interface PathPicture {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly leafHash: Uint8Array;
  /** Leaf end first. */
  readonly path: readonly HashedStep[];
  /** False: the path leads elsewhere than to the signed root. */
  readonly isRootReached: boolean;
  /** In pixels; phones are narrow. */
  readonly width: number;
  /** False where the page that links would lead to is not there. */
  readonly hasLinks: boolean;
}

const TOP = 46;
const BOTTOM = 52;

export function pathPicture(picture: PathPicture): SVGElement {
  const { path, leafIndex, treeSize, leafHash, width, isRootReached } = picture;
  const depth = path.length;
  const rowHeight = depth <= 10 ? 54 : depth <= 20 ? 44 : 36;
  const sides = width < 520 ? 128 : 180;
  const lean = Math.min(34, Math.max(0, width / 2 - sides) / widestDrift(path));
  const reach = width < 520 ? 30 : 52;
  const height = TOP + depth * rowHeight + BOTTOM;
  const longest = leavesText({ start: treeSize - 1, end: treeSize + 1 });
  const hasRanges = longest.length * 6.2 <= width / 2 - reach - 16;
  const lines: SVGElement[] = [];
  const nodes: SVGElement[] = [];
  let x = width / 2;
  for (let row = 1; row <= depth; row++) {
    const step = path[depth - row];
    if (step === undefined) break;
    const away = step.side === "left" ? -1 : 1;
    const parent = { x, y: TOP + (row - 1) * rowHeight };
    x -= away * lean;
    const child = { x, y: TOP + row * rowHeight };
    const sibling = { x: parent.x + away * reach, y: child.y };
    lines.push(line(parent, sibling, "edge"), line(parent, child, "edge on-path"));
    nodes.push(siblingNode(step, { ...sibling, away, hasLinks: picture.hasLinks, width, hasRanges }));
    nodes.push(
      s("circle", {
        cx: parent.x,
        cy: parent.y,
        r: row === 1 ? 9 : 6,
        class: row === 1 ? "node root" : "node on-path",
      }),
    );
  }
  const y = TOP + depth * rowHeight;
  nodes.push(s("rect", { x: x - 8, y: y - 8, width: 16, height: 16, rx: 3, class: "node leaf" }));
  const root = encodeHex(path.at(-1)?.parentHash ?? leafHash);
  const rootWords = isRootReached ? "root, as it was signed" : "not the signed root";
  const words = `The way from leaf ${leafIndex} to the root of a tree of ${counted(treeSize, "leaf", "leaves")}: ${counted(depth, "hash", "hashes")}. The list of steps has the same in words.`;
  return s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: `picture path ${isRootReached ? "reached" : "missed"}`,
      role: "group",
      "aria-label": words,
    },
    lines,
    nodes,
    text({ x: width / 2, y: 16, anchor: "middle", class: "mono strong" }, `${root.slice(0, 16)}…`),
    text(
      { x: width / 2, y: 31, anchor: "middle", class: "muted" },
      depth === 0 ? "leaf and root are one" : rootWords,
    ),
    text({ x, y: y + 26, anchor: "middle", class: "strong" }, `leaf ${leafIndex.toLocaleString("en")}`),
    text({ x, y: y + 42, anchor: "middle", class: "mono muted" }, `${encodeHex(leafHash).slice(0, 16)}…`),
  );
}

/** How many steps the way gets from the middle, at most: a way to one side needs smaller ones, or its words leave the picture. */
function widestDrift(path: readonly HashedStep[]): number {
  let drift = 0;
  let widest = 1;
  for (const { side } of [...path].reverse()) {
    drift += side === "left" ? 1 : -1;
    widest = Math.max(widest, Math.abs(drift));
  }
  return widest;
}

interface Room {
  /** In pixels. */
  readonly room: number;
  /** Whether the longest range of the picture has room beside its middle: if not, none is shown. */
  readonly hasRanges: boolean;
}

/** What the sibling covers, in the words there is room for. */
function fittingWords(sibling: Subtree, { room, hasRanges }: Room): string {
  const count = sibling.end - sibling.start;
  const size = [counted(count, "leaf", "leaves"), compactCount(count)];
  const words = hasRanges || count === 1 ? [leavesText(sibling), ...size] : size;
  return words.find((text) => text.length * 6.2 <= room) ?? "";
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function siblingNode(
  { sibling, siblingHash }: HashedStep,
  at: Point & {
    readonly away: number;
    readonly hasLinks: boolean;
    readonly width: number;
    readonly hasRanges: boolean;
  },
): SVGElement {
  const { x, y, away } = at;
  const count = sibling.end - sibling.start;
  const size = count === 1 ? 6 : Math.min(13, 7 + Math.log2(count) / 3);
  const shape =
    count === 1
      ? s("rect", { x: x - 6, y: y - 6, width: 12, height: 12, rx: 2, class: "node sibling" })
      : s("path", {
          d: `M${x} ${y - size}L${x + size} ${y + size * 0.8}L${x - size} ${y + size * 0.8}Z`,
          class: "node sibling",
        });
  const anchor = away < 0 ? "end" : "start";
  const textX = x + away * (size + 7);
  const content = [
    shape,
    text({ x: textX, y: y - 2, anchor, class: "mono" }, encodeHex(siblingHash).slice(0, 8)),
    text(
      { x: textX, y: y + 11, anchor, class: "muted small" },
      fittingWords(sibling, { ...at, room: away < 0 ? textX : at.width - textX }),
    ),
  ];
  if (!at.hasLinks) return s("g", {}, content);
  const href =
    count === 1
      ? formatRoute({ page: "entry", leafIndex: sibling.start })
      : formatRoute({ page: "tree", subtree: sibling });
  return s(
    "a",
    { href, "aria-label": `${leavesText(sibling)}, hash ${encodeHex(siblingHash).slice(0, 8)}` },
    content,
  );
}

function line(from: Point, to: Point, name: string): SVGElement {
  const middle = (from.y + to.y) / 2;
  return s("path", {
    d: `M${from.x} ${from.y}C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`,
    class: name,
  });
}

function text(
  { x, y, anchor, class: name }: Point & { readonly anchor: string; readonly class: string },
  content: string,
): SVGElement {
  return s("text", { x, y, "text-anchor": anchor, class: name }, content);
}
