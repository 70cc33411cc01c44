/** Lists of entries, newest first, each verified before it is shown. */
import { type LogEntry, TlogError } from "../client/index.ts";
import { encodeHex } from "../client/inspect.ts";
import { h, put } from "./dom.ts";
import { previewOf } from "./entry-viewer.ts";
import { failure, waiting } from "./parts.ts";
import { formatRoute } from "./route.ts";
import { untilVerified } from "./until-verified.ts";
import type { Page } from "./view.ts";
import { bytesText, grouped, shortHash } from "./words.ts";

const PAGE = 50;

export function entriesView(page: Page, last: number | undefined): void {
  const { session, main } = page;
  page.title("Entries");
  const { head } = session.state();
  if (head === undefined) {
    untilVerified(page, "Entries", () => entriesView(page, last));
    return;
  }
  const { treeSize } = head;
  const from = Math.min(last ?? treeSize - 1, treeSize - 1);
  if (from < 0) {
    put(
      main,
      h("h1", { tabindex: -1 }, "Entries"),
      h("p", { class: "muted" }, "No entry yet: the tree of this log is empty."),
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
  const list = h("section", { class: "card" }, waiting("Reading entries…"));
  void entryList(page, { last: from, count: PAGE }).then((rows) => put(list, rows));
  put(
    main,
    h("h1", { tabindex: -1 }, "Entries"),
    h(
      "p",
      { class: "muted" },
      `${grouped(Math.max(0, from - PAGE + 1))} to ${grouped(from)} of ${grouped(treeSize)}, newest first. Each was hashed here and compared with the signed tree.`,
    ),
    pager("above"),
    list,
    pager("below"),
  );
}

/** `count` entries down from `last`. Never rejects: what cannot be verified is said. */
export async function entryList(
  { session, signal }: Page,
  { last, count }: { readonly last: number; readonly count: number },
): Promise<HTMLElement> {
  const start = Math.max(0, last - count + 1);
  const rows: HTMLElement[] = [];
  try {
    for await (const read of session.client().entries({ start, end: last + 1, signal }))
      rows.unshift(row(read));
    return h("ul", { class: "rows" }, rows);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure("The entries could not be verified", error);
  }
}

function row({ leafIndex, entry, leafHash }: LogEntry): HTMLElement {
  return h(
    "li",
    {},
    h(
      "a",
      { href: formatRoute({ page: "entry", leafIndex }) },
      h("span", { class: "index" }, grouped(leafIndex)),
      h("span", { class: "preview" }, previewOf(entry)),
      h("span", { class: "size muted" }, bytesText(entry.length)),
      h("code", { class: "muted" }, shortHash(encodeHex(leafHash))),
    ),
  );
}
