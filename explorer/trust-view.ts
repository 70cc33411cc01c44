/** Whom this page believes and why, and how to make it believe what the reader brought from elsewhere. */
import { TlogError } from "../client/index.ts";
import { formatVerifierKey, showOctets } from "../client/inspect.ts";
import { type Child, download, h, put } from "./dom.ts";
import { keysOverTime } from "./keys-over-time.ts";
import { shownOrigin } from "./log-info.ts";
import { card, copyable, facts, failure, timeAgo } from "./parts.ts";
import type { SessionState } from "./session.ts";
import { quorumWords } from "./steps.ts";
import type { PageTrust } from "./trust.ts";
import { trustIn } from "./trust-text.ts";
import type { Page } from "./view.ts";
import { timeText } from "./words.ts";

/** One sentence, for below a verdict. */
export function trustLine({ source, sinceSeconds }: Pick<PageTrust, "source" | "sinceSeconds">): string {
  switch (source) {
    case "you":
      return "Verified in this browser with the keys that you gave it.";
    case "page":
      return "Verified in this browser with the keys that came with this page.";
    default:
      return `Verified in this browser with the keys the log itself named on your first visit${sinceSeconds === undefined ? "" : `, ${timeText(sinceSeconds).slice(0, 10)}`}. Compare them with what its operator published elsewhere.`;
  }
}

/** For the first page. */
export function trustSummary({ trust, keysDiffer }: SessionState): Child {
  if (trust === undefined) return undefined;
  const [title, text] = SOURCES[trust.source];
  return [
    h("p", {}, h("span", { class: `badge ${trust.source === "first-visit" ? "thin" : "good"}` }, title)),
    h("p", { class: "muted" }, text),
    keysDiffer &&
      h(
        "p",
        { class: "notice" },
        "The log now names other keys or another quorum than what is trusted here. ",
      ),
    h(
      "p",
      {},
      "That this page's own code is honest, when it came from the log: ",
      h("a", { href: "#/trust" }, "how not to depend on it"),
      ".",
    ),
  ];
}

const SOURCES = Object.freeze({
  you: ["your own keys", "You gave this browser the policy that it verifies with."],
  page: [
    "keys of this page",
    "The policy came with this page, from whoever serves it. If that is not the log, the log cannot change it.",
  ],
  "first-visit": [
    "the log's own word",
    "The keys and the policy are those the log named on your first visit. This browser would notice other ones, or a history that contradicts what it saw; it cannot know whether the first ones were right.",
  ],
} as const);

export function trustView(page: Page): void {
  const { session, main, signal } = page;
  page.title("Trust");
  const draw = () => {
    const state = session.state();
    put(
      main,
      h("h1", { tabindex: -1 }, "Trust"),
      state.trust === undefined ? noTrust(state) : card("In force", inForce(state.trust)),
      state.keyChanges.length > 0 && card("Its keys over time", keysOverTime(state.keyChanges)),
      state.keysDiffer &&
        state.trust !== undefined &&
        card("The log says something else now", logNow(page, state)),
      card("Give your own", form(page)),
      card("What has to be trusted", assumptions()),
      card("What this browser remembers", memoryPart(page)),
    );
  };
  // Only when trust itself changes: a form must not lose what is typed into it.
  const keyOf = ({ trust, failure: error, keyChanges }: SessionState) =>
    `${trust?.policyText} ${trust?.source} ${trust === undefined && error?.message} ${keyChanges.length}`;
  let drawn = keyOf(session.state()); // owned by the listener
  session.onChange(() => {
    const key = keyOf(session.state());
    const field = main.querySelector("textarea");
    if (key === drawn || field?.value) return;
    drawn = key;
    draw();
  }, signal);
  draw();
}

function noTrust({ failure: error, info }: SessionState): Child {
  if (error !== undefined)
    return failure(
      "Whom to believe could not be learnt",
      error,
      h("p", {}, "It is asked for again every few seconds."),
    );
  return h(
    "p",
    { class: "notice" },
    "Nobody has said which key this log signs with. Paste its verifier key, or a policy, to begin.",
    info === undefined && " The log says nothing of it either: it was not reached, or is of another kind.",
  );
}

function inForce(trust: PageTrust): Child {
  const { policy, origin, source, sinceSeconds, policyText } = trust;
  const [, text] = SOURCES[source];
  return [
    h("p", {}, text),
    facts(
      ["log", origin],
      ...policy.logs
        .filter(({ key }) => key.name === origin)
        .map(({ key }) => ["key", copyable(formatVerifierKey(key), "the log's key")] as const),
      ...policy.witnesses.map(
        ({ name, key }) =>
          [`witness ${showOctets(name)}`, copyable(formatVerifierKey(key), "the witness's key")] as const,
      ),
      ["quorum", quorumWords(policy)],
      sinceSeconds !== undefined && ["since", timeAgo(sinceSeconds)],
    ),
    h(
      "p",
      { class: "buttons" },
      h(
        "button",
        { type: "button", onclick: () => download("policy.txt", policyText, "text/plain") },
        "Save this policy",
      ),
    ),
  ];
}

function logNow({ session }: Page, { info, trust }: SessionState): Child {
  if (info === undefined || trust === undefined) return undefined;
  const accept = async (): Promise<void> => {
    const sinceSeconds = Math.floor(Date.now() / 1000);
    await session.memory.saveTrust(session.place.logUrl, {
      policy: info.policy,
      origin: info.origin,
      source: "first-visit",
      sinceSeconds,
    });
    await session.reopen();
  };
  return [
    h(
      "p",
      {},
      "Logs change witnesses now and then, and keys seldom. Take it over only after its operator confirmed it elsewhere.",
    ),
    h("pre", { class: "bytes", tabindex: 0 }, info.policy),
    trust.source === "first-visit" &&
      h(
        "p",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => void accept() }, "Trust this instead"),
      ),
  ];
}

function form({ session }: Page): HTMLElement {
  const told = h("div", { role: "status" });
  const field = h("textarea", {
    id: "own-trust",
    rows: 6,
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "example.com/log+530d903a+AekyeRrm…\nor a whole C2SP tlog-policy file",
  });
  const use = async (): Promise<void> => {
    try {
      const { fetcher, place, state } = session;
      const named = place.origin ?? (await shownOrigin(fetcher, state().info));
      const { policyText, origin } = trustIn(field.value, named);
      const sinceSeconds = Math.floor(Date.now() / 1000);
      await session.memory.saveTrust(session.place.logUrl, {
        policy: policyText,
        origin,
        source: "you",
        sinceSeconds,
      });
      field.value = "";
      await session.reopen();
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      put(told, failure("This cannot be used", error));
    }
  };
  return h(
    "div",
    {},
    h(
      "label",
      { for: "own-trust" },
      "A verifier key or a policy that you got from somewhere else than this log",
    ),
    field,
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "primary", onclick: () => void use() }, "Verify with this"),
      h("button", { type: "button", onclick: () => void forget(session, "trust") }, "Back to the default"),
    ),
    told,
  );
}

async function forget(session: Page["session"], what: "trust" | "all"): Promise<void> {
  await session.memory.saveTrust(session.place.logUrl, undefined);
  const { trust } = session.state();
  if (what === "all" && trust !== undefined) {
    await session.memory.saveGrowth(trust.origin, []);
    await session.memory.forgetHead(trust.origin);
  }
  await session.reopen();
}

function assumptions(): Child {
  return h(
    "ul",
    { class: "plain" },
    h(
      "li",
      {},
      h("strong", {}, "The keys. "),
      "A log that names its own key can name any. Take it from its operator's site, a package, or somebody you trust.",
    ),
    h(
      "li",
      {},
      h("strong", {}, "The witnesses. "),
      "That enough of them would notice two histories. Your policy says how many have to agree.",
    ),
    h(
      "li",
      {},
      h("strong", {}, "This page. "),
      "It checks everything the log says, but the log may have served the page. To be independent, run ",
      h("code", {}, "bristlecone verify"),
      " or serve this page from elsewhere: ",
      h("code", {}, "bristlecone explorer ./page --log URL --policy policy.txt"),
      ".",
    ),
    h("li", {}, h("strong", {}, "Your browser, "), "and SHA-256 and Ed25519."),
  );
}

function memoryPart({ session }: Page): Child {
  return [
    h(
      "p",
      {},
      session.memory.lasts
        ? "The last head that verified, the keys of your first visit, and how the log grew. A log that later shows another history is convicted by that head."
        : "Nothing: this browser keeps no storage for this page, so a log could show another history after a reload.",
    ),
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", onclick: () => void forget(session, "all") }, "Forget all of this log"),
    ),
  ];
}
