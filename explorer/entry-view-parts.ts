/** What the explorer and the pages in evidence packs show alike of an entry. */
import type { ReceiptReport } from "../client/inspect.ts";
import { type Child, h } from "./dom.ts";
import { card } from "./parts.ts";
import { pathPicture } from "./path-picture.ts";
import { fitted } from "./pictures.ts";
import { counted } from "./words.ts";

export function pictureCard(report: ReceiptReport, hasLinks = true): HTMLElement {
  const { leafIndex, checkpoint, leafHash, path, isRootReached } = report;
  return card(
    "Its place in the tree",
    whereabouts(leafIndex, checkpoint.treeSize),
    fitted((width) =>
      pathPicture({
        leafIndex,
        treeSize: checkpoint.treeSize,
        leafHash,
        path,
        isRootReached,
        hasLinks,
        width: Math.min(width, 560),
      }),
    ),
  );
}

/** How far down the log the entry is. */
function whereabouts(leafIndex: number, treeSize: number): Child {
  return h(
    "p",
    { class: "muted" },
    leafIndex === treeSize - 1
      ? "The newest entry of this tree."
      : `${counted(treeSize - 1 - leafIndex, "entry", "entries")} came after it.`,
  );
}
