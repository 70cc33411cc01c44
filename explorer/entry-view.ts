/** One entry: its bytes, where it is in the tree, and every step of its verification, done here. */
import { type LogReceipt, TlogError } from "../client/index.ts";
import {
  encodeHex,
  explainReceipt,
  leafHash as hashOfLeaf,
  MAX_RECEIPT_BYTES,
  type ReceiptReport,
} from "../client/inspect.ts";
import { download, h, put } from "./dom.ts";
import { pictureCard } from "./entry-view-parts.ts";
import { entryViewer } from "./entry-viewer.ts";
import { saveEvidencePack } from "./evidence-pack.ts";
import { card, facts, failure, mark, waiting } from "./parts.ts";
import { formatRoute } from "./route.ts";
import { receiptSteps } from "./steps.ts";
import type { PageTrust } from "./trust.ts";
import { trustLine } from "./trust-view.ts";
import type { Page } from "./view.ts";
import { bytesText, counted, grouped } from "./words.ts";

export function entryView(page: Page, leafIndex: number): void {
  const { main, session, signal } = page;
  page.title(`Entry ${grouped(leafIndex)}`);
  const body = h("div", {}, waiting("Fetching the entry and its receipt, and verifying both…"));
  put(main, header(leafIndex, session.state().head?.treeSize ?? 0), body);
  showEntry(page, { leafIndex, body }).catch((error: unknown) => {
    if (!(error instanceof TlogError)) throw error;
    if (signal.aborted) return;
    const isAhead = error.code === "NOT_PUBLISHED";
    put(body, failure(isAhead ? "No such entry yet" : "This entry could not be verified", error));
    void explainFailure(page, { leafIndex, body });
  });
}

function header(leafIndex: number, treeSize: number): HTMLElement {
  const to = (index: number, text: string, label: string) =>
    h(
      "a",
      { class: "button", href: formatRoute({ page: "entry", leafIndex: index }), "aria-label": label },
      text,
    );
  return h(
    "div",
    { class: "heading" },
    h("h1", { tabindex: -1 }, `Entry ${grouped(leafIndex)}`),
    h(
      "nav",
      { class: "pager", "aria-label": "Neighbours" },
      leafIndex > 0 && to(leafIndex - 1, "←", "Previous entry"),
      leafIndex + 1 < treeSize && to(leafIndex + 1, "→", "Next entry"),
      h("a", { class: "button", href: formatRoute({ page: "entries", last: leafIndex }) }, "In the list"),
    ),
  );
}

interface Place {
  readonly leafIndex: number;
  readonly body: HTMLElement;
}

async function showEntry(page: Page, { leafIndex, body }: Place): Promise<void> {
  const { session, signal } = page;
  const client = session.client();
  const { entry, leafHash } = await client.entry(leafIndex, { signal });
  const receipt = await client.receipt(leafIndex, { entry, signal });
  const { trust } = session.state();
  if (trust === undefined) return;
  const report = await explainReceipt({
    receipt: receipt.text,
    leafHash,
    policy: trust.policy,
    origin: trust.origin,
  });
  if (signal.aborted) return;
  put(
    body,
    verdictBanner(report, trust),
    h(
      "div",
      { class: "columns wide" },
      h(
        "div",
        {},
        card("Content", entryViewer(entry), savingButtons(page, { entry, receipt, trust })),
        card("Verification, step by step", receiptSteps(report, trust.policy, entry.length)),
      ),
      pictureCard(report),
    ),
  );
}

/** Shown on the strength of the SDK's verdict, not of the steps. */
export function verdictBanner(
  report: ReceiptReport,
  trust: Pick<PageTrust, "source" | "sinceSeconds">,
): HTMLElement {
  const { error } = report.receiptVerdict;
  if (error !== undefined) return failure("This receipt does not verify", error);
  return h(
    "section",
    { class: "card verdict", role: "status" },
    h(
      "p",
      {},
      mark("passed"),
      h("strong", {}, `This entry is number ${grouped(report.leafIndex)} of ${report.checkpoint.origin}`),
      `, in the tree of ${counted(report.checkpoint.treeSize, "entry", "entries")} that it signed.`,
    ),
    h("p", { class: "muted" }, trustLine(trust)),
  );
}

function savingButtons(
  { session }: Page,
  saved: { readonly entry: Uint8Array; readonly receipt: LogReceipt; readonly trust: PageTrust },
): HTMLElement {
  const { entry, receipt, trust } = saved;
  const { leafIndex } = receipt;
  const told = h("p", { class: "muted", role: "status" });
  const pack = () => {
    told.textContent = "Making the pack…";
    saveEvidencePack({ place: session.place, entry, receipt: receipt.text, leafIndex, trust }).then(
      () => {
        told.textContent =
          "Saved. It holds the entry, the receipt, your policy, and a page that verifies them in any browser, without a network.";
      },
      () => {
        told.textContent = "The pack could not be made: the log did not serve the page that goes into it.";
      },
    );
  };
  return h(
    "div",
    {},
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "primary", onclick: pack }, "Save evidence pack"),
      h(
        "button",
        { type: "button", onclick: () => download(`${leafIndex}.tlog-proof`, receipt.text, "text/plain") },
        "Receipt",
      ),
      h(
        "button",
        { type: "button", onclick: () => download(`${leafIndex}.entry`, entry, "application/octet-stream") },
        `Entry, ${bytesText(entry.length)}`,
      ),
    ),
    told,
  );
}

/** Whatever the log says of this entry, taken apart to show where it breaks. Nothing of it is believed. */
async function explainFailure(page: Page, { leafIndex, body }: Place): Promise<void> {
  const { session, signal } = page;
  const { trust } = session.state();
  if (trust === undefined) return;
  try {
    const entry = await session.fetcher.request({ path: `entry/${leafIndex}`, maxBytes: 65_536, signal });
    const receipt = await session.fetcher.request({
      path: `receipt/${leafIndex}`,
      maxBytes: MAX_RECEIPT_BYTES,
      signal,
    });
    const leafHash = hashOfLeaf(entry.body);
    const report = await explainReceipt({
      receipt: receipt.body,
      leafHash,
      policy: trust.policy,
      origin: trust.origin,
    });
    if (signal.aborted) return;
    body.append(
      h(
        "div",
        { class: "columns wide" },
        h(
          "div",
          {},
          card(
            "What the log serves as this entry",
            h("p", { class: "notice" }, "Unverified: do not rely on it."),
            entryViewer(entry.body),
          ),
          card(
            report.receiptVerdict.error === undefined
              ? "Its receipt alone verifies; what else the log serves does not fit it"
              : "Where the verification breaks",
            receiptSteps(report, trust.policy, entry.body.length),
          ),
        ),
        pictureCard(report),
      ),
    );
  } catch {
    // Other logs have no such routes, and what cannot be parsed cannot be shown: the failure above stands.
  }
}

/** A leaf hash, from a link or a search: its entry, if the log has it. */
export function leafView(page: Page, leafHash: Uint8Array, hex: string): void {
  const { main, session, signal } = page;
  page.title("Look-up");
  const body = h("div", {}, waiting("Asking the log for this leaf hash…"));
  put(main, h("h1", { tabindex: -1 }, "Look-up"), facts(["leaf hash", h("code", {}, hex)]), body);
  session
    .client()
    .lookup(leafHash, { signal })
    .then((leafIndex) => {
      if (signal.aborted) return;
      if (leafIndex !== undefined) {
        history.replaceState(null, "", formatRoute({ page: "entry", leafIndex }));
        entryView(page, leafIndex);
        main.querySelector("h1")?.focus({ preventScroll: true });
      } else
        put(
          body,
          h(
            "p",
            { class: "notice" },
            "The log says that it has no entry with this hash. Nothing proves that; reading all of its entries would. ",
          ),
          scanPart(page, hex),
        );
    })
    .catch((error: unknown) => {
      if (!(error instanceof TlogError)) throw error;
      if (signal.aborted) return;
      if (error.code === "REMOTE_REFUSED")
        put(
          body,
          h(
            "p",
            {},
            "This log has no look-up by hash, as tlog-tiles asks for none. Its entries can be read, newest first, until the one is found.",
          ),
          scanPart(page, hex),
        );
      else put(body, failure("The look-up failed", error));
    });
}

const WINDOW = 1024;

/** Reads entries downwards until the hash is found, the reader stops it, or there are none left. */
function scanPart(page: Page, hex: string): HTMLElement {
  const { session, signal } = page;
  const told = h("p", { role: "status" });
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  const scan = async (): Promise<void> => {
    const { treeSize } = await session.client().checkpoint({ signal: stop.signal });
    for (let end = treeSize; end > 0; end = Math.floor((end - 1) / WINDOW) * WINDOW) {
      const start = Math.floor((end - 1) / WINDOW) * WINDOW;
      told.textContent = `Read ${grouped(treeSize - end)} of ${counted(treeSize, "entry", "entries")}…`;
      for await (const { leafIndex, leafHash } of session
        .client()
        .entries({ start, end, signal: stop.signal })) {
        if (encodeHex(leafHash) !== hex) continue;
        location.hash = formatRoute({ page: "entry", leafIndex });
        return;
      }
    }
    told.textContent = `None of the ${counted(treeSize, "entry", "entries")} has this hash. All were read and verified here, so this log does not have it.`;
  };
  const begin = h("button", { type: "button", class: "primary" }, "Read the entries");
  const end = h("button", { type: "button", disabled: true, onclick: () => stop.abort() }, "Stop");
  begin.addEventListener("click", () => {
    begin.disabled = true;
    end.disabled = false;
    scan()
      .catch((error: unknown) => {
        told.textContent = stop.signal.aborted
          ? "Stopped."
          : error instanceof TlogError
            ? `${error.code}: ${error.message}`
            : "Failed.";
        begin.disabled = stop.signal.aborted;
      })
      .finally(() => {
        end.disabled = true;
      });
  });
  return h("div", {}, h("p", { class: "buttons" }, begin, end), told);
}
