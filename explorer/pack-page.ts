/** The script of a page that holds one entry with its receipt and policy, and verifies them with no network. */
import { parsePolicy, TlogError } from "../client/index.ts";
import { decodeBase64, explainReceipt, formatVerifierKey, leafHash, showOctets } from "../client/inspect.ts";
import { download, h, put } from "./dom.ts";
import { pictureCard } from "./entry-view-parts.ts";
import { entryViewer } from "./entry-viewer.ts";
import { card, copyable, facts, failure, mark } from "./parts.ts";
import { quorumWords, receiptSteps } from "./steps.ts";
import { trustIn } from "./trust-text.ts";
import { counted, grouped } from "./words.ts";

interface PackData {
  readonly entry: string;
  readonly receipt: string;
  readonly policy: string;
  readonly origin: string;
  readonly logUrl: string;
  readonly madeAt: string;
}

const data: PackData = JSON.parse(document.getElementById("pack")?.textContent ?? "{}");
const entry = decodeBase64(data.entry);
const main = document.getElementById("main");

/** @param policyText - the one in the file, or the reader's own. */
async function verify(policyText: string, isOwn: boolean): Promise<void> {
  if (main === null) return;
  try {
    const policy = parsePolicy(policyText);
    const report = await explainReceipt({ receipt: data.receipt, leafHash: leafHash(entry), policy });
    const { error } = report.receiptVerdict;
    const { checkpoint, leafIndex } = report;
    const verdict =
      error !== undefined
        ? failure("This does not verify", error)
        : h(
            "section",
            { class: "card verdict", role: "status" },
            h(
              "p",
              {},
              mark("passed"),
              h("strong", {}, `This entry is number ${grouped(leafIndex)} of ${checkpoint.origin}`),
              `, in the tree of ${counted(checkpoint.treeSize, "entry", "entries")} that it signed.`,
            ),
            h(
              "p",
              { class: "muted" },
              isOwn
                ? "Verified here with your own policy."
                : "Verified here, by this file alone, with the policy that is in it. Compare the keys below with those you know.",
            ),
          );
    put(
      main,
      h("h1", {}, `Entry ${grouped(leafIndex)}`),
      h("p", { class: "muted" }, `${data.origin}, saved ${data.madeAt} from ${data.logUrl}`),
      verdict,
      h(
        "div",
        { class: "columns wide" },
        h(
          "div",
          {},
          card("Content", entryViewer(entry), saving()),
          card("Verification, step by step", receiptSteps(report, policy, entry.length)),
        ),
        h("div", {}, card("What was trusted", trusted(policyText)), pictureCard(report, false)),
      ),
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    put(main, failure("This does not verify", error), card("Verify with your own policy", ownPolicy()));
  }
}

function saving(): HTMLElement {
  return h(
    "p",
    { class: "buttons" },
    h(
      "button",
      { type: "button", onclick: () => download("entry", entry, "application/octet-stream") },
      "Save the entry",
    ),
    h(
      "button",
      { type: "button", onclick: () => download("receipt.tlog-proof", data.receipt, "text/plain") },
      "Save the receipt",
    ),
  );
}

function trusted(policyText: string): HTMLElement {
  const policy = parsePolicy(policyText);
  return h(
    "div",
    {},
    facts(
      ...policy.logs.map(({ key }) => ["log", copyable(formatVerifierKey(key), "the log's key")] as const),
      ...policy.witnesses.map(
        ({ name, key }) =>
          [`witness ${showOctets(name)}`, copyable(formatVerifierKey(key), "the witness's key")] as const,
      ),
      ["quorum", quorumWords(policy)],
    ),
    h("details", {}, h("summary", {}, "Verify with your own policy instead"), ownPolicy()),
  );
}

function ownPolicy(): HTMLElement {
  const field = h("textarea", { id: "own", rows: 5, spellcheck: "false" });
  const told = h("div", { role: "status" });
  const use = () => {
    try {
      void verify(trustIn(field.value).policyText, true);
    } catch (error) {
      if (error instanceof TlogError) put(told, failure("This cannot be used", error));
    }
  };
  return h(
    "div",
    {},
    h("label", { for: "own" }, "A verifier key or a policy"),
    field,
    h("p", { class: "buttons" }, h("button", { type: "button", onclick: use }, "Verify")),
    told,
  );
}

void verify(data.policy, false);
