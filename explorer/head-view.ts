/** The first page: what the log states now, who stands behind it, how it grew, and its newest entries. */
import { LogForkedError } from "../client/index.ts";
import {
  type CheckpointReport,
  encodeHex,
  formatVerifierKey,
  parseFrozen,
  showOctets,
} from "../client/inspect.ts";
import { type Child, download, h, put } from "./dom.ts";
import { entryList } from "./entries-view.ts";
import { joined } from "./growth.ts";
import { growthChart } from "./growth-chart.ts";
import { card, copyable, facts, failure, mark, timeAgo, waiting } from "./parts.ts";
import { fitted } from "./pictures.ts";
import { formatRoute } from "./route.ts";
import type { SessionState } from "./session.ts";
import { checkpointSteps, quorumWords } from "./steps.ts";
import { peaksPicture } from "./tree-picture.ts";
import { trustSummary } from "./trust-view.ts";
import type { Page } from "./view.ts";
import { counted, grouped, timeText } from "./words.ts";

const NEWEST = 8;

export function headView(page: Page): void {
  const { session, main, signal } = page;
  page.title("Head");
  let shown: string | undefined; // which head the lower part shows; owned by draw()
  const top = h("div", {});
  const below = h("div", {});
  put(main, top, below);
  const draw = () => {
    const state = session.state();
    put(top, ...summary(state));
    const key = `${state.head?.treeSize} ${state.failure?.code} ${state.growth.length}`;
    if (key === shown) return;
    shown = key;
    put(below, ...details(page, state));
  };
  session.onChange(draw, signal);
  draw();
}

function summary(state: SessionState): readonly Child[] {
  const { head, failure: error, failedReport, trust, report } = state;
  const alarm =
    error === undefined
      ? []
      : [
          failure(
            error.code === "LOG_FORKED"
              ? "This log broke its promise"
              : "The newest head could not be verified",
            error,
            error instanceof LogForkedError && forkDownloads(error),
            failedReport !== undefined && trust !== undefined && checkpointSteps(failedReport, trust.policy),
          ),
        ];
  if (head === undefined || report === undefined)
    return error === undefined ? [waiting("Asking the log for its newest head…")] : alarm;
  const frozen = parseFrozen(head.extensions);
  return [
    ...alarm,
    h("h1", { class: "origin", tabindex: -1 }, head.origin),
    h(
      "p",
      { class: "count" },
      h("strong", {}, grouped(head.treeSize)),
      ` ${head.treeSize === 1 ? "entry" : "entries"}`,
      head.treeSize === 0 && h("span", { class: "muted" }, ": a new log, in which nothing was appended yet"),
    ),
    frozen !== undefined &&
      h(
        "p",
        { class: "notice" },
        `This log ended on ${timeText(frozen.atSeconds)} and takes no more entries. `,
        frozen.successor !== undefined &&
          h(
            "span",
            {},
            "It goes on as ",
            h("code", {}, frozen.successor.vkey.split("+")[0] ?? ""),
            frozen.successor.url !== undefined && [" at ", h("code", {}, frozen.successor.url)],
            ".",
          ),
      ),
    head.progress === "behind" &&
      h(
        "p",
        { class: "notice" },
        "The log showed an older head than this browser has seen: a cache, or a log that lost data.",
      ),
    facts(["root hash", copyable(encodeHex(head.rootHash), "the root hash")]),
  ];
}

function forkDownloads({ evidence, heads }: LogForkedError): Child {
  return h(
    "p",
    { class: "buttons" },
    evidence !== undefined &&
      h(
        "button",
        {
          type: "button",
          class: "primary",
          onclick: () => download("fork.tlog-evidence", evidence, "text/plain"),
        },
        "Save the evidence",
      ),
    h(
      "button",
      { type: "button", onclick: () => download("remembered.checkpoint", heads.remembered, "text/plain") },
      "The head remembered here",
    ),
    h(
      "button",
      { type: "button", onclick: () => download("shown.checkpoint", heads.shown, "text/plain") },
      "The head shown now",
    ),
  );
}

function details(page: Page, state: SessionState): readonly Child[] {
  const { head, report, trust } = state;
  if (head === undefined || report === undefined || trust === undefined) return [];
  const { treeSize } = head;
  return [
    h(
      "div",
      { class: "columns" },
      card("Who stands behind it", signers(state, report)),
      card("What you take on trust", trustSummary(state)),
    ),
    treeSize > 0 &&
      card(
        "The tree",
        h(
          "p",
          { class: "muted" },
          `${counted(treeSize, "entry", "entries")} as perfect subtrees, one for each binary one of the size. `,
          h("a", { href: formatRoute({ page: "tree", subtree: undefined }) }, "Walk through the tree"),
        ),
        fitted((width) => peaksPicture({ treeSize, width })),
      ),
    card("Growth", growthPart(joined(state.pastHeads, state.growth), state.pastHeads.length > 0)),
    treeSize > 0 &&
      card(
        "Newest entries",
        entryList(page, { last: treeSize - 1, count: NEWEST }),
        h("p", {}, h("a", { href: formatRoute({ page: "entries", last: undefined }) }, "All entries")),
      ),
    card(
      "How this head was verified",
      h("details", {}, h("summary", {}, "Step by step"), checkpointSteps(report, trust.policy)),
      h(
        "p",
        { class: "buttons" },
        h(
          "button",
          { type: "button", onclick: () => download("checkpoint", head.signedNote, "text/plain") },
          "Save the checkpoint",
        ),
        h("a", { class: "button", href: `${page.session.place.logUrl}checkpoint` }, "As the log serves it"),
      ),
    ),
  ];
}

function growthPart(growth: SessionState["growth"], isKeptByLog: boolean): Child {
  const [first] = growth;
  if (first === undefined || growth.length < 2) {
    return h(
      "p",
      { class: "muted" },
      "This browser has seen one head of this log so far. Each further one that it verifies, now and on later visits, becomes a point of the line here.",
    );
  }
  return [
    fitted((width) => growthChart(growth, width, Date.now() / 1000)),
    h(
      "p",
      { class: "muted" },
      `${counted(growth.length, "head")}, each with its signatures verified in this browser${isKeptByLog ? "; the older ones were kept by the log's server" : ""}. Since `,
      timeAgo(first.seconds),
      ".",
    ),
  ];
}

function signers({ trust, info }: SessionState, report: CheckpointReport): Child {
  if (trust === undefined) return undefined;
  const { policy } = trust;
  const { quorum, signatures } = report;
  const log = signatures.filter(({ role, outcome }) => role === "log" && outcome === "valid");
  const rows = policy.witnesses.map(({ name, key }) => {
    const found = signatures.find((check) => check.witness === name && check.outcome === "valid");
    const reason = info?.failing.get(formatVerifierKey(key));
    return h(
      "li",
      {},
      mark(found === undefined ? "noted" : "passed"),
      h("span", { class: "name" }, showOctets(name)),
      " ",
      h(
        "span",
        { class: "muted" },
        found?.timestampSeconds
          ? ["cosigned ", timeAgo(found.timestampSeconds)]
          : found
            ? "cosigned"
            : ["did not cosign this head", reason !== undefined && ` (the log says: ${reason || "failing"})`],
      ),
    );
  });
  return [
    h(
      "ul",
      { class: "signatures" },
      log.map(({ name, label }) =>
        h(
          "li",
          {},
          mark("passed"),
          h("span", { class: "name" }, name),
          h("span", { class: "muted" }, ` the log's key ${label.slice(-8)}`),
        ),
      ),
      rows,
    ),
    policy.quorum === "none"
      ? h(
          "p",
          { class: "notice" },
          "No witness has to cosign: nobody but the log's operator stands behind this head.",
        )
      : h(
          "p",
          {},
          h(
            "span",
            { class: `badge ${quorum.isMet ? ((quorum.margin ?? 0) > 0 ? "good" : "thin") : "bad"}` },
            quorum.isMet ? `quorum met, ${quorum.margin ?? 0} to spare` : "quorum not met",
          ),
          " ",
          h("span", { class: "muted" }, quorumWords(policy)),
        ),
  ];
}
