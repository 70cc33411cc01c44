/**
 * "#/", "#/entries/1200", "#/entry/17", "#/leaf/<64 hex>", "#/tree/0-1024", "#/verify", "#/trust": what follows the "#" in a permalink.
 * No server sees it.
 */

export type Route =
  | { readonly page: "head" | "verify" | "trust" | "search" }
  /** `last`: the list goes down from this index; undefined: from the newest. */
  | { readonly page: "entries"; readonly last: number | undefined }
  | { readonly page: "entry"; readonly leafIndex: number }
  | { readonly page: "leaf"; readonly leafHash: string }
  /** undefined: the whole tree. */
  | { readonly page: "tree"; readonly subtree: { readonly start: number; readonly end: number } | undefined };

/** @returns undefined for what no link of this program looks like. */
export function parseRoute(hash: string): Route | undefined {
  const [page = "", argument, ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (rest.length > 0) return undefined;
  if (argument === undefined) return pageAlone(page);
  const index = parseIndex(argument);
  if (page === "entries" && index !== undefined) return { page, last: index };
  if (page === "entry" && index !== undefined) return { page, leafIndex: index };
  if (page === "leaf" && /^[0-9a-f]{64}$/.test(argument)) return { page, leafHash: argument };
  return page === "tree" ? treeRoute(argument) : undefined;
}

function pageAlone(page: string): Route | undefined {
  switch (page) {
    case "":
      return { page: "head" };
    case "verify":
    case "trust":
    case "search":
      return { page };
    case "entries":
      return { page, last: undefined };
    case "tree":
      return { page, subtree: undefined };
    default:
      return undefined;
  }
}

function treeRoute(argument: string): Route | undefined {
  const [from = "", to = "", ...rest] = argument.split("-");
  const start = parseIndex(from);
  const end = parseIndex(to);
  if (start === undefined || end === undefined || start >= end || rest.length > 0) return undefined;
  return { page: "tree", subtree: { start, end } };
}

/** parseRoute(formatRoute(x)) is x. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case "head":
      return "#/";
    case "entry":
      return `#/entry/${route.leafIndex}`;
    case "leaf":
      return `#/leaf/${route.leafHash}`;
    case "entries":
      return route.last === undefined ? "#/entries" : `#/entries/${route.last}`;
    case "tree":
      return route.subtree === undefined ? "#/tree" : `#/tree/${route.subtree.start}-${route.subtree.end}`;
    default:
      return `#/${route.page}`;
  }
}

/** A whole number below 2^53, in its one spelling. */
export function parseIndex(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number.parseInt(text, 10);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** What somebody typed into the search field. "text" is taken as an entry's own bytes. */
export type Search =
  | { readonly kind: "index"; readonly leafIndex: number }
  | { readonly kind: "hash"; readonly leafHash: string }
  | { readonly kind: "text"; readonly text: string };

/** Understands 60412, 60,412, "#60412", a leaf hash in hex, and takes all else for an entry. @returns undefined for nothing. */
export function parseSearch(typed: string): Search | undefined {
  const text = typed.trim();
  if (text === "") return undefined;
  const leafIndex = parseIndex(text.replace(/^#/, "").replace(/(?<=\d)[,_ '](?=\d)/g, ""));
  if (leafIndex !== undefined) return { kind: "index", leafIndex };
  const hex = text.toLowerCase().replace(/^sha256:|^0x/, "");
  return /^[0-9a-f]{64}$/.test(hex) ? { kind: "hash", leafHash: hex } : { kind: "text", text: typed };
}
