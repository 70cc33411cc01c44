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

/** As evidence-pack.ts writes it. */
interface PackData {
  readonly entry: string;
  readonly receipt: string;
  readonly policy: string;
  readonly logUrl: string;
  readonly madeAt: string;
}

interface Pack extends Omit<PackData, "entry"> {
  readonly entry: Uint8Array;
}

const main = document.getElementById("main");

/** What the file holds. @throws {TlogError} ARGUMENT_INVALID: it was damaged */
function dataOfPage(): Pack {
  try {
    const data: unknown = JSON.parse(document.getElementById("pack")?.textContent ?? "");
    const texts: Record<string, unknown> = { ...Object(data) };
    const textOf = (name: keyof PackData): string => {
      const text = texts[name];
      if (typeof text !== "string") throw new SyntaxError(`it has no ${name}`);
      return text;
    };
    return {
      entry: decodeBase64(textOf("entry")),
      receipt: textOf("receipt"),
      policy: textOf("policy"),
      logUrl: textOf("logUrl"),
      madeAt: textOf("madeAt"),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new TlogError("ARGUMENT_INVALID", `this file was damaged or changed: ${reason}`, { cause });
  }
}

/** @param policyText - the one in the file, or the reader's own. */
async function verify(pack: Pack, policyText: string, isOwn: boolean): Promise<void> {
  if (main === null) return;
  const { entry, receipt, madeAt, logUrl } = pack;
  try {
    const policy = parsePolicy(policyText);
    const report = await explainReceipt({ receipt, leafHash: leafHash(entry), policy });
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
      verdict,
      h(
        "p",
        { class: "muted" },
        `Whoever saved this says: on ${madeAt}, from ${logUrl}. Nothing proves that.`,
      ),
      h(
        "div",
        { class: "columns wide" },
        h(
          "div",
          {},
          card("Content", entryViewer(entry), saving(pack)),
          card("Verification, step by step", receiptSteps(report, policy, entry.length)),
        ),
        h("div", {}, card("What was trusted", trusted(pack, policyText)), pictureCard(report, false)),
      ),
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    put(main, failure("This does not verify", error), card("Verify with your own policy", ownPolicy(pack)));
  }
}

function saving({ entry, receipt }: Pack): HTMLElement {
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
      { type: "button", onclick: () => download("receipt.tlog-proof", receipt, "text/plain") },
      "Save the receipt",
    ),
  );
}

function trusted(pack: Pack, policyText: string): HTMLElement {
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
    h("details", {}, h("summary", {}, "Verify with your own policy instead"), ownPolicy(pack)),
  );
}

function ownPolicy(pack: Pack): HTMLElement {
  const field = h("textarea", { id: "own", rows: 5, spellcheck: "false" });
  const told = h("div", { role: "status" });
  const use = () => {
    try {
      void verify(pack, trustIn(field.value).policyText, true);
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

try {
  const pack = dataOfPage();
  void verify(pack, pack.policy, false);
} catch (error) {
  if (!(error instanceof TlogError)) throw error;
  if (main !== null) put(main, failure("This pack does not verify", error));
}
