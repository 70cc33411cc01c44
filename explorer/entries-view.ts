/** Lists of entries, newest first, each verified before it is shown. */
import { TlogError } from "../client/index.ts";
import { encodeHex } from "../client/inspect.ts";
import { h, put } from "./dom.ts";
import { previewOf } from "./entry-viewer.ts";
import { failure, waiting } from "./parts.ts";
import { formatRoute } from "./route.ts";
import type { Page } from "./view.ts";
import { bytesText, grouped, shortHash } from "./words.ts";

const PAGE = 50;

export function entriesView(page: Page, last: number | undefined): void {
  const { session, main } = page;
  page.title("Entries");
  const treeSize = session.state().head?.treeSize ?? 0;
  const from = Math.min(last ?? treeSize - 1, treeSize - 1);
  if (from < 0) {
    put(
      main,
      h("h1", { tabindex: -1 }, "Entries"),
      h("p", { class: "muted" }, "No head that was verified here covers any entry yet."),
    );
    return;
  }
  const newer = from < treeSize - 1 && Math.min(from + PAGE, treeSize - 1);
  const older = from >= PAGE && from - PAGE;
  const pager = (where: string) =>
    h(
      "nav",
      { class: "pager", "aria-label": `Pages of entries, ${where}` },
      newer !== false &&
        h("a", { class: "button", href: formatRoute({ page: "entries", last: newer }) }, "← Newer"),
      older !== false &&
        h("a", { class: "button", href: formatRoute({ page: "entries", last: older }) }, "Older →"),
    );
  put(
    main,
    h("h1", { tabindex: -1 }, "Entries"),
    h(
      "p",
      { class: "muted" },
      `${grouped(Math.max(0, from - PAGE + 1))} to ${grouped(from)} of ${grouped(treeSize)}, newest first. Each was hashed here and compared with the signed tree.`,
    ),
    pager("above"),
    h("section", { class: "card" }, entryList(page, { last: from, count: PAGE })),
    pager("below"),
  );
}

/** `count` entries down from `last`. */
export function entryList(
  { session, signal }: Page,
  { last, count }: { readonly last: number; readonly count: number },
): HTMLElement {
  const frame = h("div", { class: "entries" }, waiting("Reading entries…"));
  const start = Math.max(0, last - count + 1);
  const read = async (): Promise<void> => {
    const rows: HTMLElement[] = [];
    for await (const { leafIndex, entry, leafHash } of session
      .client()
      .entries({ start, end: last + 1, signal })) {
      const hash = encodeHex(leafHash);
      rows.unshift(
        h(
          "li",
          {},
          h(
            "a",
            { href: formatRoute({ page: "entry", leafIndex }) },
            h("span", { class: "index" }, grouped(leafIndex)),
            h("span", { class: "preview" }, previewOf(entry)),
            h("span", { class: "size muted" }, bytesText(entry.length)),
            h("code", { class: "muted" }, shortHash(hash)),
          ),
        ),
      );
    }
    put(frame, h("ul", { class: "rows" }, rows));
  };
  read().catch((error: unknown) => {
    if (!(error instanceof TlogError)) throw error;
    if (!signal.aborted) put(frame, failure("The entries could not be verified", error));
  });
  return frame;
}
