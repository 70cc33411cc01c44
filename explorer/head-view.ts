/** The first page: what the log states now, who stands behind it, how it grew, and its newest entries. */
import { LogForkedError, type LogHead } from "../client/index.ts";
import { type CheckpointReport, decodeUtf8, encodeHex, parseFrozen } from "../client/inspect.ts";
import type { GrowthPoint } from "./browser-memory.ts";
import { type Child, download, h, put } from "./dom.ts";
import { entryList } from "./entries-view.ts";
import { joined } from "./growth.ts";
import { growthChart } from "./growth-chart.ts";
import { type LivePart, livePart } from "./live-part.ts";
import { card, copyable, evidenceButton, facts, failure, timeAgo, waiting } from "./parts.ts";
import type { PastHeads } from "./past-heads.ts";
import { fitted } from "./pictures.ts";
import { formatRoute } from "./route.ts";
import type { SessionState } from "./session.ts";
import { signers } from "./signers.ts";
import { checkpointSteps } from "./steps.ts";
import { peaksPicture } from "./tree-picture.ts";
import type { PageTrust } from "./trust.ts";
import { trustSummary } from "./trust-view.ts";
import type { Page } from "./view.ts";
import { counted, grouped, timeText } from "./words.ts";

const NEWEST = 8;
const LIST_AGAIN_MS = 4_000;

export function headView(page: Page): void {
  const { session, main, signal } = page;
  page.title("Head");
  const origin = session.state().trust?.origin;
  const [alarm, top, below] = [livePart(), livePart(), livePart()];
  const parts = { signers: livePart(), trust: livePart(), tree: livePart(), growth: livePart() };
  const [newest, how] = [livePart(), livePart()];
  put(main, h("h1", { class: "origin", tabindex: -1 }, origin), alarm.element, top.element, below.element);
  const list = newestEntries(page, newest);
  const draw = () => {
    const state = session.state();
    const { head, report, failure: error, trust, pastHeads } = state;
    alarm.show(`${error?.code} ${error?.message} ${pastHeads?.evidence}`, () => alarms(state));
    if (head === undefined || report === undefined || trust === undefined) {
      top.show(
        `${error === undefined}`,
        () => error === undefined && waiting("Asking the log for its newest head…"),
      );
      return;
    }
    const { treeSize } = head;
    below.show("", () => [
      h("div", { class: "columns" }, parts.signers.element, parts.trust.element),
      parts.tree.element,
      parts.growth.element,
      newest.element,
      how.element,
    ]);
    const note = decodeUtf8(head.signedNote);
    top.show(`${note} ${head.progress} ${state.keyChanges.length}`, () => summary(page, state, head));
    parts.signers.show(note, () => card("Who stands behind it", signers(state, report)));
    parts.trust.show(`${trust.source} ${state.keysDiffer}`, () =>
      card("What you take on trust", trustSummary(state)),
    );
    parts.tree.show(`${treeSize}`, () => treeSize > 0 && card("The tree", treePart(treeSize)));
    const points = joined(pastHeads?.points ?? [], state.growth);
    parts.growth.show(`${points.length} ${treeSize}`, () => card("Growth", growthPart(points, pastHeads)));
    how.show(note, () => card("How this head was verified", verification(page, report, trust)));
    list(treeSize);
  };
  session.onChange(draw, signal);
  draw();
}

/** Lists the newest entries, and again some seconds later when there are more. */
function newestEntries(page: Page, part: LivePart): (treeSize: number) => void {
  let listed = 0; // owned by the function below, as is the next
  let isBusy = false;
  return function list(treeSize) {
    if (isBusy || treeSize === listed || page.signal.aborted) return;
    isBusy = true;
    if (listed === 0) part.show("", () => card("Newest entries", waiting("Reading entries…")));
    void entryList(page, { last: treeSize - 1, count: NEWEST }).then((rows) => {
      listed = treeSize;
      const all = h(
        "p",
        {},
        h("a", { href: formatRoute({ page: "entries", last: undefined }) }, "All entries"),
      );
      part.show(`${treeSize}`, () => card("Newest entries", rows, all));
      setTimeout(() => {
        isBusy = false;
        list(page.session.state().head?.treeSize ?? listed);
      }, LIST_AGAIN_MS);
    });
  };
}

function alarms({ failure: error, failedReport, trust, pastHeads }: SessionState): Child {
  return [
    error !== undefined &&
      failure(
        error.code === "LOG_FORKED" ? "This log broke its promise" : "The newest head could not be verified",
        error,
        error instanceof LogForkedError && forkDownloads(error),
        failedReport !== undefined && trust !== undefined && checkpointSteps(failedReport, trust.policy),
      ),
    pastHeads?.evidence !== undefined &&
      h(
        "section",
        { class: "card alarm", role: "alert" },
        h("h2", {}, "This log broke its promise"),
        h(
          "p",
          {},
          "Among the heads that its own server kept is one that it signed, and that is no part of this tree.",
        ),
        saveEvidence(pastHeads.evidence),
      ),
  ];
}

function summary({ session }: Page, { keyChanges }: SessionState, head: LogHead): Child {
  const frozen = parseFrozen(head.extensions);
  const changed = keyChanges.at(-1);
  return [
    h(
      "p",
      { class: "count" },
      h("strong", { class: head.treeSize < 1e9 ? "" : "long" }, grouped(head.treeSize)),
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
    facts(
      ["root hash", copyable(encodeHex(head.rootHash), "the root hash")],
      changed !== undefined && [
        "key",
        h(
          "span",
          {},
          "changed ",
          timeAgo(changed.atSeconds),
          ` at size ${grouped(changed.treeSize)}: `,
          h("a", { href: "#/trust" }, "its keys over time"),
        ),
      ],
    ),
    head.treeSize === 0 && frozen === undefined && firstEntry(session.place.logUrl),
  ];
}

function firstEntry(logUrl: string): Child {
  return h(
    "p",
    { class: "first" },
    "To append the first: ",
    copyable(`curl --data-binary "hello, log" ${logUrl}add`, "the command"),
  );
}

function forkDownloads({ evidence, heads }: LogForkedError): Child {
  return h(
    "p",
    { class: "buttons" },
    evidence !== undefined && evidenceButton(evidence),
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

function saveEvidence(evidence: string): Child {
  return h("p", { class: "buttons" }, evidenceButton(evidence));
}

function treePart(treeSize: number): Child {
  return [
    h(
      "p",
      { class: "muted" },
      `${counted(treeSize, "entry", "entries")} as perfect subtrees, one for each 1 in the size written in binary. `,
      h("a", { href: formatRoute({ page: "tree", subtree: undefined }) }, "Walk through the tree"),
    ),
    fitted((width) => peaksPicture({ treeSize, width })),
  ];
}

function verification(page: Page, report: CheckpointReport, trust: PageTrust): Child {
  const { signedNote } = page.session.state().head ?? {};
  return [
    h("details", {}, h("summary", {}, "Step by step"), checkpointSteps(report, trust.policy)),
    h(
      "p",
      { class: "buttons" },
      signedNote !== undefined &&
        h(
          "button",
          { type: "button", onclick: () => download("checkpoint", signedNote, "text/plain") },
          "Save the checkpoint",
        ),
      h("a", { class: "button", href: `${page.session.place.logUrl}checkpoint` }, "As the log serves it"),
    ),
  ];
}

function growthPart(growth: readonly GrowthPoint[], past: PastHeads | undefined): Child {
  const [first] = growth;
  if (first === undefined || growth.length < 2) {
    return h(
      "p",
      { class: "muted" },
      "This browser has seen one head of this log so far. Each further one that it verifies, now and on later visits, becomes a point of the line here.",
    );
  }
  const kept =
    past === undefined || past.points.length === 0
      ? ""
      : "; those from before your visits the log kept, and its tree begins with theirs";
  return [
    fitted((width) => growthChart(growth, width, Date.now() / 1000)),
    h(
      "p",
      { class: "muted" },
      `${counted(growth.length, "head")}, each with its signatures verified in this browser${kept}. The first is from `,
      timeAgo(first.seconds),
      past?.hasOwnTimes === true ? ", by the log's own clock." : ".",
    ),
  ];
}
