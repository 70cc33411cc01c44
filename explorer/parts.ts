/** Small pieces of page that many views are made of. */
import type { TlogError } from "../client/index.ts";
import { type Child, download, h } from "./dom.ts";
import { ago, meaningOf, timeText } from "./words.ts";

/** A titled part of a page. */
export function card(title: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "card" }, h("h2", {}, title), children);
}

/** A list of names and values. */
export function facts(...rows: readonly (readonly [string, Child] | false | undefined)[]): HTMLElement {
  const shown = rows.flatMap((row) => (row === undefined || row === false ? [] : [row]));
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

/** Text in a fixed font that may break anywhere, with a button that copies it. */
export function copyable(text: string, what: string): HTMLElement {
  const button = h(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy ${what}`, title: `Copy ${what}` },
    "copy",
  );
  button.addEventListener("click", () => {
    void navigator.clipboard
      ?.writeText(text)
      .then(() => {
        button.textContent = "copied";
        setTimeout(() => {
          button.textContent = "copy";
        }, 1500);
      })
      .catch(() => {});
  });
  return h("span", { class: "copyable" }, h("code", {}, text), " ", button);
}

/** Saves what convicts a log before anybody who has its key. */
export function evidenceButton(evidence: string): HTMLElement {
  return h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: () => download("fork.tlog-evidence", evidence, "text/plain"),
    },
    "Save the evidence",
  );
}

/** Brings every {@link timeAgo} of the page up to date, in place. */
export function refreshTimes(nowSeconds = Date.now() / 1000): void {
  for (const time of document.querySelectorAll("time")) {
    const text = ago(Date.parse(time.dateTime) / 1000, nowSeconds);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** How long ago, with the exact time for who points at it. */
export function timeAgo(seconds: number, nowSeconds = Date.now() / 1000): HTMLElement {
  const exact = timeText(seconds);
  return h(
    "time",
    { datetime: exact.replace(" UTC", "Z").replace(" ", "T"), title: exact },
    ago(seconds, nowSeconds),
  );
}

export type Outcome = "passed" | "failed" | "noted" | "waiting";

const MARKS = { passed: "✓", failed: "✕", noted: "–", waiting: "…" } as const;
const OUTCOME_WORDS = {
  passed: "passed",
  failed: "failed",
  noted: "not counted",
  waiting: "waiting",
} as const;

/** A mark that says the same to eyes and to screen readers. */
export function mark(outcome: Outcome): HTMLElement {
  return h(
    "span",
    { class: `mark ${outcome}` },
    h("span", { "aria-hidden": "true" }, MARKS[outcome]),
    h("span", { class: "unseen" }, `${OUTCOME_WORDS[outcome]}: `),
  );
}

/** Something went wrong: what, what it means, and the words of the error. */
export function failure(title: string, error: TlogError, ...more: readonly Child[]): HTMLElement {
  const meaning = meaningOf(error.code);
  return h(
    "section",
    { class: `card alarm ${isAccusation(error) ? "" : "mild"}`, role: "alert" },
    h("h2", {}, title),
    meaning !== undefined && h("p", {}, meaning),
    h("p", { class: "muted" }, h("code", {}, error.code), ` ${error.message}`),
    more,
  );
}

/** Whether the log, or who stands between, is to blame, rather than the network or the question. */
export function isAccusation({ code }: TlogError): boolean {
  return ![
    "REMOTE_UNREACHABLE",
    "REMOTE_TIMEOUT",
    "REMOTE_REFUSED",
    "NOT_PUBLISHED",
    "ENTRY_UNKNOWN",
    "ABORTED",
    "ARGUMENT_INVALID",
    "POLICY_MALFORMED",
    "VKEY_MALFORMED",
  ].includes(code);
}

export function waiting(what: string): HTMLElement {
  return h("p", { class: "waiting", role: "status" }, what);
}
