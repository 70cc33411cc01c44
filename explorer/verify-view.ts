/** Verifies files that the reader brings: receipts, checkpoints, evidence, entries. Nothing of them is sent anywhere. */

import { type LogHead, TlogError } from "../client/index.ts";
import {
  decodeUtf8,
  encodeHex,
  encodeUtf8,
  explainCheckpoint,
  explainReceipt,
  leafHash as hashOfLeaf,
  parseCheckpoint,
  parseNote,
  type ReceiptReport,
} from "../client/inspect.ts";
import { compareHeads } from "./compare-heads.ts";
import { type Child, h, put } from "./dom.ts";
import { pictureCard } from "./entry-view-parts.ts";
import { entryViewer } from "./entry-viewer.ts";
import { evidenceResult } from "./evidence-result.ts";
import { type FileKind, type GivenFile, kindOf, MAX_FILE_BYTES } from "./file-kinds.ts";
import { card, copyable, facts, failure, mark } from "./parts.ts";
import { formatRoute } from "./route.ts";
import { checkpointSteps, receiptSteps } from "./steps.ts";
import type { PageTrust } from "./trust.ts";
import { trustLine } from "./trust-view.ts";
import type { Page } from "./view.ts";
import { bytesText, counted, grouped } from "./words.ts";

/** @param given - files that were dropped anywhere on the page. */
export function verifyView(page: Page, given: readonly GivenFile[]): void {
  const { main } = page;
  page.title("Verify");
  const results = h("div", { class: "results", "aria-live": "polite" });
  const take = (files: readonly GivenFile[]) => {
    put(results);
    judgeAll(page, files, results).catch((error: unknown) => {
      if (!(error instanceof TlogError)) throw error;
      results.append(failure("This could not be verified", error));
    });
  };
  put(main, h("h1", { tabindex: -1 }, "Verify"), chooser(take), results);
  if (given.length > 0) take(given);
}

function chooser(take: (files: readonly GivenFile[]) => void): HTMLElement {
  const input = h("input", { type: "file", multiple: true, id: "files" });
  // So that a file which changed can be chosen again.
  input.addEventListener("click", () => {
    input.value = "";
  });
  input.addEventListener("change", () => void readFiles(input.files ?? []).then(take));
  const field = h("textarea", {
    id: "pasted",
    rows: 5,
    spellcheck: "false",
    placeholder: "c2sp.org/tlog-proof@v1\nindex 17\n…",
  });
  const pasted = () => {
    // What was copied from a terminal often lacks its last line end.
    const text = field.value.endsWith("\n") ? field.value : `${field.value}\n`;
    const bytes = encodeUtf8(text);
    take([{ name: "pasted text", bytes, size: bytes.length }]);
  };
  return h(
    "section",
    { class: "card" },
    h(
      "p",
      {},
      "Drop files anywhere on this page: a receipt with its entry, one or two checkpoints, an evidence file, or any file that may be an entry. They are read and hashed here, and sent nowhere.",
    ),
    h("p", {}, h("label", { for: "files", class: "unseen" }, "Choose files"), input),
    h(
      "details",
      {},
      h("summary", {}, "Paste text instead"),
      h("label", { for: "pasted" }, "A receipt, a checkpoint or an evidence file"),
      field,
      h("p", { class: "buttons" }, h("button", { type: "button", onclick: pasted }, "Verify")),
    ),
  );
}

/** Reads what was dropped; of what is too large for anything that is verified here only the beginning. */
export async function readFiles(files: Iterable<File>): Promise<readonly GivenFile[]> {
  return Promise.all(
    [...files].map(async (file) => ({
      name: file.name,
      bytes: new Uint8Array(await file.slice(0, MAX_FILE_BYTES).arrayBuffer()),
      size: file.size,
    })),
  );
}

async function judgeAll(page: Page, files: readonly GivenFile[], results: HTMLElement): Promise<void> {
  const { trust } = page.session.state();
  const kinds = new Map(files.map((file) => [file, kindOf(file)]));
  const of = (kind: FileKind) => files.filter((file) => kinds.get(file) === kind);
  const [receipts, checkpoints, entries] = [of("receipt"), of("checkpoint"), of("entry")];
  for (const { name } of of("policy")) {
    results.append(
      card(
        name,
        h("p", {}, "A policy. To verify with it, paste it under ", h("a", { href: "#/trust" }, "Trust"), "."),
      ),
    );
  }
  for (const { name, size } of of("large")) {
    const words = `${bytesText(size)}: larger than any entry of a log (65,535 bytes), or anything else that is verified here.`;
    results.append(card(name, h("p", { class: "notice" }, words)));
  }
  if (trust === undefined) {
    results.append(
      h(
        "p",
        { class: "notice" },
        "First say whose signatures count: ",
        h("a", { href: "#/trust" }, "Trust"),
        ".",
      ),
    );
    return;
  }
  for (const file of receipts) results.append(await receiptResult(page, trust, file, files));
  for (const file of of("evidence")) results.append(await evidenceResult(trust, file));
  for (const file of checkpoints) results.append(await checkpointResult(trust, file));
  for (const pair of neighbours(checkpoints, page.session.state().head)) {
    results.append(await compareHeads(page, trust, pair));
  }
  if (receipts.length === 0) for (const file of entries) results.append(entryResult(file));
}

/** Each checkpoint with the next larger one; a single one with the head of the page. */
function neighbours(
  checkpoints: readonly GivenFile[],
  head: LogHead | undefined,
): readonly (readonly [Uint8Array, Uint8Array])[] {
  const sizeOf = (bytes: Uint8Array) => parseCheckpoint(decodeUtf8(parseNote(bytes).text)).treeSize;
  const notes = checkpoints.map(({ bytes }) => bytes).sort((one, other) => sizeOf(one) - sizeOf(other));
  const [only] = notes;
  if (notes.length === 1 && only !== undefined) return head === undefined ? [] : [[only, head.signedNote]];
  return notes.slice(1).map((note, at) => [notes[at] ?? note, note]);
}

/**
 * With the file among the others that is its entry, whatever else that may look like: an entry can be a receipt. Only where nothing but
 * receipts was given the bytes are the log's, which then are verified like any.
 */
async function receiptResult(
  page: Page,
  trust: PageTrust,
  receipt: GivenFile,
  files: readonly GivenFile[],
): Promise<HTMLElement> {
  const { name, bytes } = receipt;
  const explain = (entry: Uint8Array) =>
    explainReceipt({ receipt: bytes, leafHash: hashOfLeaf(entry), policy: trust.policy });
  const others = files.filter((file) => file !== receipt && kindOf(file) !== "large");
  // What looks like nothing else first: of several that do not fit it is named.
  const isPlain = (file: GivenFile) => kindOf(file) === "entry";
  const candidates = [...others.filter(isPlain), ...others.filter((file) => !isPlain(file))];
  try {
    let best: { readonly report: ReceiptReport; readonly entry: GivenFile } | undefined;
    for (const entry of candidates) {
      const report = await explain(entry.bytes);
      if (report.receiptVerdict.error === undefined) return receiptCards(name, trust, { report, entry });
      best ??= kindOf(entry) === "receipt" ? undefined : { report, entry };
    }
    if (best !== undefined) return receiptCards(name, trust, best);
    const { leafIndex, checkpoint } = await explain(new Uint8Array());
    if (checkpoint.origin !== trust.origin)
      throw new TlogError(
        "ENTRY_UNKNOWN",
        `it is of ${checkpoint.origin}, and this page reads ${trust.origin}`,
      );
    const { entry } = await page.session.client().entry(leafIndex, { signal: page.signal });
    const served = { name: `entry ${leafIndex}, as the log serves it,`, bytes: entry, size: entry.length };
    const shown = receiptCards(name, trust, { report: await explain(entry), entry: served });
    if (others.length > 0)
      shown.prepend(
        h(
          "p",
          { class: "notice" },
          `None of the other files is the entry of ${name}: these bytes are the log's.`,
        ),
      );
    return shown;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure(
      `${name}: no verdict`,
      error,
      h("p", {}, "Drop the receipt together with the file it is about."),
    );
  }
}

function receiptCards(
  name: string,
  trust: PageTrust,
  { report, entry }: { readonly report: ReceiptReport; readonly entry: GivenFile },
): HTMLElement {
  const { error } = report.receiptVerdict;
  const { checkpoint, leafIndex } = report;
  const banner =
    error !== undefined
      ? failure(`${name} does not verify for ${entry.name}`, error)
      : h(
          "section",
          { class: "card verdict" },
          h(
            "p",
            {},
            mark("passed"),
            h("strong", {}, `${entry.name} is entry ${grouped(leafIndex)} of ${checkpoint.origin}`),
            `, in the tree of ${counted(checkpoint.treeSize, "entry", "entries")} that it signed.`,
          ),
          h("p", { class: "muted" }, trustLine(trust)),
        );
  return h(
    "div",
    {},
    banner,
    h(
      "div",
      { class: "columns wide" },
      h(
        "div",
        {},
        card("Content", entryViewer(entry.bytes)),
        card("Verification, step by step", receiptSteps(report, trust.policy, entry.bytes.length)),
      ),
      pictureCard(report),
    ),
  );
}

async function checkpointResult(trust: PageTrust, { name, bytes }: GivenFile): Promise<HTMLElement> {
  try {
    const report = await explainCheckpoint({ signedNote: bytes, policy: trust.policy });
    const { checkpoint, verdict } = report;
    const isGood = verdict.error === undefined;
    return h(
      "div",
      {},
      verdict.error !== undefined && failure(`${name} does not verify`, verdict.error),
      card(
        name,
        isGood &&
          h(
            "p",
            {},
            mark("passed"),
            h("strong", {}, `${checkpoint.origin} signed this`),
            `: ${counted(checkpoint.treeSize, "entry", "entries")}.`,
          ),
        checkpointSteps(report, trust.policy),
      ),
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure(`${name} does not verify`, error);
  }
}

function entryResult({ name, bytes }: GivenFile): HTMLElement {
  const hash = encodeHex(hashOfLeaf(bytes));
  const lookUp: Child =
    bytes.length > 65_535
      ? h("p", { class: "notice" }, "Larger than any entry of a log can be (65,535 bytes).")
      : h(
          "p",
          { class: "buttons" },
          h(
            "a",
            { class: "button primary", href: formatRoute({ page: "leaf", leafHash: hash }) },
            "Is it in the log?",
          ),
        );
  return card(
    name,
    facts(["size", bytesText(bytes.length)], ["leaf hash", copyable(hash, "the leaf hash")]),
    h(
      "p",
      { class: "muted" },
      "SHA-256 of a zero byte and the file, computed here. To look it up, the log is sent this hash and nothing else.",
    ),
    lookUp,
    h("details", {}, h("summary", {}, "Content"), entryViewer(bytes)),
  );
}
