/** A walk through the tree: a subtree, a few levels below it, and the way back up. */
import { TlogError } from "../client/index.ts";
import { encodeHex, halvesOf, openTileSource, readSubtrees, type Subtree } from "../client/inspect.ts";
import { h, put } from "./dom.ts";
import { card, copyable, facts, failure, waiting } from "./parts.ts";
import { fitted } from "./pictures.ts";
import { formatRoute } from "./route.ts";
import { layOut, nodesOf, treePicture } from "./tree-picture.ts";
import { untilVerified } from "./until-verified.ts";
import type { Page } from "./view.ts";
import { counted, grouped, leavesText } from "./words.ts";

const LEVELS = 4;
const LEVELS_ON_PHONES = 3;
const PHONE_WIDTH = 620;

export function treeView(page: Page, asked: Subtree | undefined): void {
  const { session, main, signal } = page;
  page.title("Tree");
  const { head } = session.state();
  if (head === undefined) {
    untilVerified(page, "Tree", () => treeView(page, asked));
    return;
  }
  const { treeSize } = head;
  const heading = h("h1", { tabindex: -1 }, "Tree");
  if (treeSize === 0) {
    put(
      main,
      heading,
      h("p", { class: "muted" }, "The tree has no leaf yet: its root is the SHA-256 of nothing."),
    );
    return;
  }
  const whole = { start: 0, end: treeSize };
  const way = wayTo(whole, asked ?? whole);
  const subtree = way?.at(-1);
  if (way === undefined || subtree === undefined) {
    put(
      main,
      heading,
      h(
        "p",
        { class: "notice" },
        `${asked === undefined ? "That" : leavesText(asked)} is no node of the tree of ${counted(treeSize, "leaf", "leaves")}. `,
        h("a", { href: "#/tree" }, "The whole tree"),
      ),
    );
    return;
  }
  const body = h("div", {}, waiting("Reading hashes, and tying them to the signed root…"));
  put(main, heading, breadcrumbs(way), body);
  const nodes = nodesOf(layOut(subtree, LEVELS).root).map((node) => node.subtree);
  subtreeHashes(session, nodes, signal)
    .then((hashes) => {
      const known = new Map(
        nodes.map((node, at) => [keyOf(node), encodeHex(hashes[at] ?? new Uint8Array())]),
      );
      const hashOf = (node: Subtree) => known.get(keyOf(node));
      put(
        body,
        card(
          nameOf(subtree, treeSize),
          factsOf(subtree, hashOf(subtree) ?? ""),
          fitted((width) =>
            treePicture({ subtree, levels: width < PHONE_WIDTH ? LEVELS_ON_PHONES : LEVELS, hashOf, width }),
          ),
        ),
        h(
          "p",
          { class: "muted" },
          "Circles are nodes, squares leaves, triangles whole subtrees: open any of them. All hashes were tied to the signed root here.",
        ),
      );
    })
    .catch((error: unknown) => {
      if (!(error instanceof TlogError)) throw error;
      if (!signal.aborted) put(body, failure("This part of the tree could not be verified", error));
    });
}

/** In the tree of the head that is shown. */
function subtreeHashes(
  { fetcher, cache, state }: Page["session"],
  subtrees: readonly Subtree[],
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const { head } = state();
  if (head === undefined) return Promise.resolve([]);
  const tiles = openTileSource({ origin: head.origin, fetcher, cache });
  return readSubtrees({ tiles, head, subtrees, signal });
}

function nameOf(subtree: Subtree, treeSize: number): string {
  const name = leavesText(subtree);
  return subtree.start === 0 && subtree.end === treeSize
    ? `The whole tree: ${name}`
    : name.replace(/^l/, "L");
}

function factsOf(subtree: Subtree, hash: string): HTMLElement {
  const count = subtree.end - subtree.start;
  const isPerfect = Number.isInteger(Math.log2(count));
  return facts(
    ["hash", copyable(hash, "the hash of this subtree")],
    [
      "leaves",
      `${grouped(count)}${isPerfect ? `, a perfect subtree of level ${Math.log2(count)}: this hash never changes` : ": it still grows, and its hash with it"}`,
    ],
    count > 1 && [
      "entries",
      h("a", { href: formatRoute({ page: "entries", last: subtree.end - 1 }) }, "list them"),
    ],
  );
}

/** The nodes from the root down to the one asked for, both included; undefined when it is no node of the tree. */
function wayTo(whole: Subtree, asked: Subtree): readonly Subtree[] | undefined {
  const way = [whole];
  for (let at = whole; at.start !== asked.start || at.end !== asked.end; ) {
    if (at.end - at.start === 1) return undefined;
    const next = halvesOf(at).find(({ start, end }) => start <= asked.start && asked.end <= end);
    if (next === undefined) return undefined;
    way.push(next);
    at = next;
  }
  return way;
}

const SHOWN_CRUMBS = 5;

function breadcrumbs(way: readonly Subtree[]): HTMLElement {
  const last = way.length - 1;
  const items = way.flatMap((subtree, at) => {
    if (at > 0 && at < last - SHOWN_CRUMBS) return at === 1 ? [h("li", { class: "muted" }, "…")] : [];
    const name = at === 0 ? "root" : leavesText(subtree).replace(/^leaves /, "");
    if (at === last) return [h("li", { "aria-current": "page" }, name)];
    return [
      h(
        "li",
        {},
        h("a", { href: formatRoute({ page: "tree", subtree: at === 0 ? undefined : subtree }) }, name),
      ),
    ];
  });
  return h("nav", { "aria-label": "Way from the root" }, h("ol", { class: "crumbs" }, items));
}

function keyOf({ start, end }: Subtree): string {
  return `${start}-${end}`;
}
