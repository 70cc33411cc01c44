/** Verifies files that the reader brings: receipts, checkpoints, evidence, entries. Nothing of them is sent anywhere. */

import { verifyForkEvidence } from "../client/evidence.ts";
import { TlogError } from "../client/index.ts";
import {
  encodeHex,
  encodeUtf8,
  explainCheckpoint,
  explainReceipt,
  formatVerifierKey,
  leafHash as hashOfLeaf,
  type ReceiptReport,
} from "../client/inspect.ts";
import { compareHeads } from "./compare-heads.ts";
import { type Child, h, put } from "./dom.ts";
import { pictureCard } from "./entry-view-parts.ts";
import { entryViewer } from "./entry-viewer.ts";
import { kindOf, MAX_FILE_BYTES } from "./file-kinds.ts";
import { card, copyable, facts, failure, mark } from "./parts.ts";
import { formatRoute } from "./route.ts";
import { checkpointSteps, receiptSteps } from "./steps.ts";
import type { PageTrust } from "./trust.ts";
import { trustLine } from "./trust-view.ts";
import type { Page } from "./view.ts";
import { bytesText, counted, grouped } from "./words.ts";

/** A file that was dropped, chosen or pasted. */
export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

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
    take([{ name: "pasted text", bytes: encodeUtf8(text) }]);
  };
  return h(
    "section",
    { class: "card" },
    h(
      "p",
      {},
      "Drop files anywhere on this page: a receipt with its entry, one or two checkpoints, an evidence file, or any file that may be an entry. They are read and hashed here, and sent nowhere.",
    ),
    h("p", {}, h("label", { for: "files" }, "Choose files"), " ", input),
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

/** Reads what was dropped; what is too large is cut, and then is nothing that verifies. */
export async function readFiles(files: Iterable<File>): Promise<readonly GivenFile[]> {
  return Promise.all(
    [...files].map(async (file) => ({
      name: file.name,
      bytes: new Uint8Array(await file.slice(0, MAX_FILE_BYTES).arrayBuffer()),
    })),
  );
}

async function judgeAll(page: Page, files: readonly GivenFile[], results: HTMLElement): Promise<void> {
  const { trust } = page.session.state();
  const of = (kind: string) => files.filter(({ bytes }) => kindOf(bytes) === kind);
  const [receipts, checkpoints, entries] = [of("receipt"), of("checkpoint"), of("entry")];
  for (const { name } of of("policy")) {
    results.append(
      card(
        name,
        h("p", {}, "A policy. To verify with it, paste it under ", h("a", { href: "#/trust" }, "Trust"), "."),
      ),
    );
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
  for (const file of receipts) results.append(await receiptResult(page, trust, file, entries));
  for (const file of of("evidence")) results.append(await evidenceResult(trust, file));
  for (const file of checkpoints) results.append(await checkpointResult(trust, file));
  const [first, second] = checkpoints;
  if (first !== undefined && second !== undefined) {
    results.append(await compareHeads(page, trust, [first.bytes, second.bytes]));
  } else if (first !== undefined) {
    const { head } = page.session.state();
    if (head !== undefined) results.append(await compareHeads(page, trust, [first.bytes, head.signedNote]));
  }
  if (receipts.length === 0) for (const file of entries) results.append(entryResult(file));
}

/** With the entry among the files that fits; else with the bytes the log serves, which then are verified like any. */
async function receiptResult(
  page: Page,
  trust: PageTrust,
  { name, bytes }: GivenFile,
  entries: readonly GivenFile[],
): Promise<HTMLElement> {
  const explain = (entry: Uint8Array) =>
    explainReceipt({ receipt: bytes, leafHash: hashOfLeaf(entry), policy: trust.policy });
  let best: { readonly report: ReceiptReport; readonly entry: GivenFile } | undefined;
  try {
    for (const entry of entries) {
      const report = await explain(entry.bytes);
      if (best === undefined || report.receiptVerdict.error === undefined) best = { report, entry };
      if (report.receiptVerdict.error === undefined) break;
    }
    if (best === undefined) {
      const { leafIndex } = await explain(new Uint8Array());
      const { entry } = await page.session.client().entry(leafIndex, { signal: page.signal });
      best = {
        report: await explain(entry),
        entry: { name: `entry ${leafIndex}, as the log serves it`, bytes: entry },
      };
    }
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return failure(
      `${name}: no verdict`,
      error,
      h("p", {}, "Drop the receipt together with the file it is about."),
    );
  }
  return receiptCards(name, trust, best);
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

async function evidenceResult(trust: PageTrust, { name, bytes }: GivenFile): Promise<HTMLElement> {
  const logKeys = trust.policy.logs.map(({ key }) => key);
  const witnessKeys = trust.policy.witnesses.map(({ key }) => key);
  try {
    const verdict = await verifyForkEvidence({ evidence: bytes, logKeys, witnessKeys });
    const { accused, explanation, heads, signedBy, id } = verdict;
    return h(
      "section",
      { class: "card alarm" },
      h("h2", {}, `Proven: the ${accused.role} ${accused.name} broke its word`),
      explanation.split("\n").map((line) => h("p", {}, line)),
      facts(
        ...heads.map(
          ({ treeSize, rootHash }) =>
            [`size ${grouped(treeSize)}`, copyable(encodeHex(rootHash), "this root")] as const,
        ),
        ...signedBy.map((vkey) => ["signed by", copyable(vkey, "this key")] as const),
        ["evidence id", copyable(id, "the evidence's id")],
      ),
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const known = h(
      "p",
      { class: "muted" },
      `Verified with the keys of ${[...logKeys, ...witnessKeys].map((key) => formatVerifierKey(key).split("+")[0]).join(", ")}. For evidence about others, give their keys under Trust.`,
    );
    return failure(`${name} proves nothing here`, error, known);
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
