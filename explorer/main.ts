/** The explorer: shows a log, and verifies in the browser whatever it shows. */
import { TlogError } from "../client/index.ts";
import { decodeHex, encodeHex, encodeUtf8, leafHash } from "../client/inspect.ts";
import { openBrowserMemory } from "./browser-memory.ts";
import { h, put } from "./dom.ts";
import { entriesView } from "./entries-view.ts";
import { entryView, leafView } from "./entry-view.ts";
import type { GivenFile } from "./file-kinds.ts";
import { headView } from "./head-view.ts";
import { failure, isAccusation, refreshTimes, waiting } from "./parts.ts";
import { placeOfPage } from "./place.ts";
import { formatRoute, parseRoute, parseSearch, type Route } from "./route.ts";
import { openSession, type Session } from "./session.ts";
import { treeView } from "./tree-view.ts";
import { trustView } from "./trust-view.ts";
import { readFiles, verifyView } from "./verify-view.ts";
import { watch } from "./watch.ts";
import { ago, grouped } from "./words.ts";

const TICK_MS = 5_000;

const main = element("main");
const status = element("status");

/** Files on their way to the page that verifies them. */
let given: readonly GivenFile[] = [];
let view = new AbortController(); // the view shown; owned by show()

async function start(): Promise<void> {
  put(main, waiting("Opening the log…"));
  const session = await openSession(placeOfPage(), await openBrowserMemory());
  const { signal } = new AbortController();
  let isTrusting = session.state().trust !== undefined; // owned by the listener
  session.onChange(() => {
    showStatus(session);
    if (isTrusting || session.state().trust === undefined) return;
    // Whatever page was asked for: until now it was "whom do you trust?".
    isTrusting = true;
    show(session, { isNavigation: false });
  }, signal);
  addEventListener("hashchange", () => show(session, { isNavigation: true }));
  listenForSearch();
  listenForDrops(session);
  listenForSkip();
  showStatus(session);
  show(session, { isNavigation: false });
  watch(session);
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    showAge(session);
    refreshTimes();
  }, TICK_MS);
}

function show(session: Session, { isNavigation }: { readonly isNavigation: boolean }): void {
  view.abort();
  view = new AbortController();
  const route = parseRoute(location.hash);
  const page = {
    session,
    main,
    signal: view.signal,
    title: (text: string) => {
      document.title = `${text} · ${session.state().trust?.origin ?? "transparency log"}`;
    },
  };
  for (const link of document.querySelectorAll("nav.pages a")) {
    const isHere = route !== undefined && link.getAttribute("href") === formatRoute(sectionOf(route));
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    showRoute(page, route);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    put(main, failure("This cannot be shown", error));
  }
  if (!isNavigation) return;
  scrollTo(0, 0);
  // So that a screen reader says where it is now, and Tab goes on from there.
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function showRoute(page: Parameters<typeof headView>[0], route: Route | undefined): void {
  if (route?.page === "verify") {
    verifyView(page, given);
    given = [];
  } else if (page.session.state().trust === undefined || route?.page === "trust") trustView(page);
  else if (route === undefined) {
    put(
      main,
      h("h1", { tabindex: -1 }, "Nothing here"),
      h(
        "p",
        {},
        "No page of this explorer has this address. ",
        h("a", { href: "#/" }, "To the head of the log"),
      ),
    );
  } else if (route.page === "entries") entriesView(page, route.last);
  else if (route.page === "entry") entryView(page, route.leafIndex);
  else if (route.page === "leaf") leafView(page, decodeHex(route.leafHash), route.leafHash);
  else if (route.page === "tree") treeView(page, route.subtree);
  else headView(page);
}

/** Which link of the navigation a page belongs to. */
function sectionOf(route: Route): Route {
  if (route.page === "entry" || route.page === "leaf" || route.page === "entries")
    return { page: "entries", last: undefined };
  return route.page === "tree" ? { page: "tree", subtree: undefined } : route;
}

/** The line in the header: is what is shown verified, and since when. Only what changes is put, and said by screen readers. */
function showStatus(session: Session): void {
  const { trust, head, failure: error, verifiedAtMs } = session.state();
  const [name, text] = ((): readonly [string, string] => {
    if (trust === undefined) return ["thin", "no key to verify with"];
    if (error !== undefined && isAccusation(error)) return ["bad", "verification failed"];
    if (error !== undefined) return ["thin", head === undefined ? "log not reached" : "log not reached now"];
    if (head === undefined || verifiedAtMs === undefined) return ["", "verifying…"];
    return trust.source === "first-visit"
      ? ["thin", "head verified, key not confirmed"]
      : ["good", "head verified"];
  })();
  if (status.textContent !== text)
    put(status, h("a", { class: `badge ${name}`, href: formatRoute({ page: "trust" }) }, text));
  put(element("origin"), trust?.origin ?? "transparency log");
  showAge(session);
}

function showAge(session: Session): void {
  const { head, verifiedAtMs = 0, isLive, failure: error } = session.state();
  const since = isLive && error === undefined ? "live" : ago(verifiedAtMs / 1000, Date.now() / 1000);
  element("age").textContent = head === undefined ? "" : `${grouped(head.treeSize)} · ${since}`;
}

/** Its link is no address of a page. */
function listenForSkip(): void {
  element("skip").addEventListener("click", (event) => {
    event.preventDefault();
    (main.querySelector("h1") ?? main).focus();
  });
}

function listenForSearch(): void {
  const field = element("search");
  document.getElementById("search-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const search = parseSearch(field instanceof HTMLInputElement ? field.value : "");
    if (search === undefined) return;
    if (search.kind === "index") location.hash = formatRoute({ page: "entry", leafIndex: search.leafIndex });
    else {
      const hash = search.kind === "hash" ? search.leafHash : encodeHex(leafHash(encodeUtf8(search.text)));
      location.hash = formatRoute({ page: "leaf", leafHash: hash });
    }
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
}

function listenForDrops(session: Session): void {
  const isOverlaid = (isShown: boolean) => document.body.classList.toggle("dropping", isShown);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    isOverlaid(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) isOverlaid(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    isOverlaid(false);
    const { files } = event.dataTransfer ?? {};
    if (files === undefined || files.length === 0) return;
    void readFiles(files).then((read) => {
      given = read;
      if (location.hash === "#/verify") show(session, { isNavigation: true });
      else location.hash = "#/verify";
    });
  });
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new TypeError(`the page has no element ${id}`);
  return found;
}

void start();
