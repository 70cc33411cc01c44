/** A subtree and a few levels below it; what lies deeper is a triangle to click on. And the perfect subtrees that a tree consists of. */
import { halvesOf, type Subtree, subtreePeaks } from "../client/inspect.ts";
import { s } from "./dom.ts";
import { formatRoute } from "./route.ts";
import { compactCount, counted, grouped, leavesText } from "./words.ts";

/** A node with its place in the picture. */
export interface PlacedNode {
  readonly subtree: Subtree;
  readonly depth: number;
  /** In slots from the left, one for each node at the bottom. */
  readonly slot: number;
  readonly children: readonly PlacedNode[];
}

/** Lays out a subtree down to `levels` below it. */
export function layOut(
  subtree: Subtree,
  levels: number,
): { readonly root: PlacedNode; readonly slots: number } {
  let slots = 0;
  const place = (at: Subtree, depth: number): PlacedNode => {
    if (depth === levels || at.end - at.start === 1) {
      slots += 1;
      return { subtree: at, depth, slot: slots - 0.5, children: [] };
    }
    const children = halvesOf(at).map((half) => place(half, depth + 1));
    const slot = children.reduce((sum, child) => sum + child.slot, 0) / children.length;
    return { subtree: at, depth, slot, children };
  };
  const root = place(subtree, 0);
  return { root, slots };
}

/** All nodes, parents before children. */
export function nodesOf(root: PlacedNode): readonly PlacedNode[] {
  return [root, ...root.children.flatMap(nodesOf)];
}

export interface TreePicture {
  readonly subtree: Subtree;
  readonly levels: number;
  /** In hex, verified; undefined: not read. */
  hashOf(subtree: Subtree): string | undefined;
  readonly width: number;
}

const ROW = 74;
const TOP = 30;

export function treePicture(picture: TreePicture): SVGElement {
  const { subtree, levels, width } = picture;
  const { root, slots } = layOut(subtree, levels);
  const nodes = nodesOf(root);
  const deepest = Math.max(...nodes.map(({ depth }) => depth));
  const slotWidth = width / slots;
  const pointOf = ({ slot, depth }: PlacedNode) => ({ x: slot * slotWidth, y: TOP + depth * ROW });
  const edges = nodes.flatMap((node) =>
    node.children.map((child) => {
      const from = pointOf(node);
      const to = pointOf(child);
      const middle = (from.y + to.y) / 2;
      return s("path", {
        class: "edge",
        d: `M${from.x} ${from.y}C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`,
      });
    }),
  );
  const drawn = nodes.map((node) =>
    treeNode(node, { ...pointOf(node), slotWidth, width, hash: picture.hashOf(node.subtree) }),
  );
  return s(
    "svg",
    {
      viewBox: `0 0 ${width} ${TOP + deepest * ROW + 56}`,
      class: "picture tree",
      role: "group",
      "aria-label": `The subtree of ${leavesText(subtree)}, ${counted(deepest, "level")} deep. Every node is a link.`,
    },
    edges,
    drawn,
  );
}

function treeNode(
  node: PlacedNode,
  at: {
    readonly x: number;
    readonly y: number;
    readonly slotWidth: number;
    readonly width: number;
    readonly hash: string | undefined;
  },
): SVGElement {
  const { subtree, children, depth } = node;
  const { x, y, slotWidth } = at;
  const count = subtree.end - subtree.start;
  const isBottom = children.length === 0;
  const room = Math.max(4, Math.min(8, Math.floor(slotWidth / 8.5)));
  // Up to the next node of its row, and to the edge of the picture.
  const span = nodesOf(node).filter((below) => below.children.length === 0).length * slotWidth;
  const beside = Math.max(0, Math.min(8, Math.floor((Math.min(at.width - x, span - 8) - 12) / 6.9)));
  const hash = at.hash?.slice(0, isBottom ? room : beside) ?? "";
  const exact =
    count === 1 ? `#${grouped(subtree.start)}` : `${grouped(count)}${slotWidth > 96 ? " leaves" : ""}`;
  const range = exact.length * 6.6 <= slotWidth ? exact : compactCount(count === 1 ? subtree.start : count);
  const href =
    count === 1
      ? formatRoute({ page: "entry", leafIndex: subtree.start })
      : formatRoute({ page: "tree", subtree });
  return s(
    "a",
    { href, "aria-label": `${leavesText(subtree)}, hash ${at.hash?.slice(0, 8) ?? "not read"}` },
    s("title", {}, `${leavesText(subtree)}\n${at.hash ?? ""}`),
    // A wide target for fingers.
    s("rect", {
      x: x - slotWidth / 2,
      y: y - 22,
      width: Math.min(slotWidth, 120),
      height: isBottom ? 70 : 44,
      class: "target",
    }),
    shapeOf({ x, y, count, isBottom, isRoot: depth === 0 }),
    isBottom
      ? [
          s("text", { x, y: y + 30, "text-anchor": "middle", class: "mono small" }, hash),
          s("text", { x, y: y + 45, "text-anchor": "middle", class: "muted small" }, range),
        ]
      : s("text", { x: x + 12, y: y - 8, class: "mono small" }, hash),
  );
}

function shapeOf(node: {
  x: number;
  y: number;
  count: number;
  isBottom: boolean;
  isRoot: boolean;
}): SVGElement {
  const { x, y, count, isBottom, isRoot } = node;
  if (count === 1) return s("rect", { x: x - 7, y: y - 7, width: 14, height: 14, rx: 3, class: "node leaf" });
  if (isBottom)
    return s("path", {
      d: `M${x} ${y - 10}L${x + 13} ${y + 12}L${x - 13} ${y + 12}Z`,
      class: "node sibling",
    });
  return s("circle", { cx: x, cy: y, r: isRoot ? 9 : 6, class: isRoot ? "node root" : "node on-path" });
}

/** The perfect subtrees of a tree, left to right: one for each binary one of its size. Widths grow with the level, so that 2^30 and 1 both show. */
export function peaksPicture({
  treeSize,
  width,
}: {
  readonly treeSize: number;
  readonly width: number;
}): SVGElement {
  const peaks = subtreePeaks({ start: 0, end: treeSize });
  const weights = peaks.map(({ level }) => level + 2.5);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Few of them are not stretched over a wide page.
  const scale = Math.min(width / total, 110);
  const tallest = Math.max(...peaks.map(({ level }) => level), 1);
  const gap = peaks.length > 12 ? 2 : 6;
  const height = 148;
  const ground = height - 36;
  let x = 0;
  const drawn = peaks.map(({ level, index }, at) => {
    const room = scale * (weights[at] ?? 1);
    const left = x;
    x += room;
    const subtree = { start: index * 2 ** level, end: (index + 1) * 2 ** level };
    return peak({
      subtree,
      level,
      left: left + gap / 2,
      right: left + room - gap / 2,
      ground,
      rise: 26 + (level / tallest) * 78,
    });
  });
  const words = `${counted(treeSize, "entry", "entries")}, held by ${counted(peaks.length, "perfect subtree")}: ${peaks.map(({ level }) => grouped(2 ** level)).join(" + ")}`;
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "picture peaks", role: "group", "aria-label": words },
    s("line", { x1: 0, x2: width, y1: ground, y2: ground, class: "ground" }),
    drawn,
  );
}

function peak(at: {
  readonly subtree: Subtree;
  readonly level: number;
  readonly left: number;
  readonly right: number;
  readonly ground: number;
  readonly rise: number;
}): SVGElement {
  const { subtree, level, left, right, ground, rise } = at;
  const middle = (left + right) / 2;
  const count = subtree.end - subtree.start;
  const room = right - left;
  const label = grouped(count).length * 6.8 <= room ? grouped(count) : compactCount(count);
  const href =
    count === 1
      ? formatRoute({ page: "entry", leafIndex: subtree.start })
      : formatRoute({ page: "tree", subtree });
  const contours = Array.from({ length: Math.min(level, 5) }, (_, at) => {
    const part = (at + 1) / (Math.min(level, 5) + 1);
    const half = (room / 2) * part;
    const y = ground - rise * (1 - part);
    return s("line", { x1: middle - half, x2: middle + half, y1: y, y2: y, class: "contour" });
  });
  return s(
    "a",
    { href, "aria-label": `${leavesText(subtree)}: a perfect subtree, level ${level}` },
    s("title", {}, `${leavesText(subtree)}, level ${level}`),
    s("path", { d: `M${middle} ${ground - rise}L${right} ${ground}L${left} ${ground}Z`, class: "node peak" }),
    contours,
    label.length * 6.8 <= room + 4 &&
      s("text", { x: middle, y: ground + 16, "text-anchor": "middle", class: "small" }, label),
    room > 46 &&
      s(
        "text",
        { x: middle, y: ground + 30, "text-anchor": "middle", class: "muted small" },
        `level ${level}`,
      ),
  );
}
