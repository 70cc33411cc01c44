/**
 * "$.subject['common name'][0]..email": the part of RFC 9535 that names members: child names, indices, wildcards, descendants. No slices,
 * no filters: who needs more writes a module.
 */
import { TlogError } from "../errors.ts";

type Segment = {
  /** In the nodes themselves, or also in everything below them. */
  readonly isDeep: boolean;
  /** A name, an index from the beginning, or every child. */
  readonly selector: string | number | typeof EVERY;
};

const EVERY = Symbol("*");

export type JsonPath = readonly Segment[];

const MAX_PATH_LENGTH = 1024;
const MAX_SEGMENTS = 32;
/** A name that may stand without quotes.  RFC 9535 §2.5.1.1 */
const NAME = /[A-Za-z_\u{80}-\u{10ffff}][\w\u{80}-\u{10ffff}]*/uy;
const INDEX = /\[(0|[1-9]\d{0,8})\]/y;
const QUOTED = /\[(?:'((?:[^'\\]|\\['\\])*)'|"((?:[^"\\]|\\["\\])*)")\]/y;

/**
 * Parses a path at the beginning of a text.
 * @returns the path, and what stands behind it.
 * @throws {TlogError} ARGUMENT_INVALID
 */
export function parseJsonPath(text: string): { readonly path: JsonPath; readonly rest: string } {
  if (!text.startsWith("$") || text.length > MAX_PATH_LENGTH) {
    throw malformed(text, `a path of at most ${MAX_PATH_LENGTH} characters that starts with $`);
  }
  const path: Segment[] = [];
  let at = 1;
  while (text[at] === "." || text[at] === "[") {
    const isDeep = text.startsWith("..", at);
    if (isDeep) at += text[at + 2] === "[" ? 2 : 1;
    const found = selectorAt(text, at);
    path.push({ isDeep, selector: found.selector });
    at = found.end;
    if (path.length > MAX_SEGMENTS) throw malformed(text, `at most ${MAX_SEGMENTS} steps`);
  }
  return { path, rest: text.slice(at) };
}

/** Every value the path leads to in a JSON value; each object and array is looked at once for each step, whatever the path. */
export function selectJson(root: unknown, path: JsonPath): readonly unknown[] {
  let nodes: readonly unknown[] = [root];
  for (const { isDeep, selector } of path) {
    const within = isDeep ? descendants(nodes) : nodes;
    nodes = within.flatMap((node) => selected(node, selector));
  }
  return nodes;
}

function selectorAt(text: string, at: number): { selector: Segment["selector"]; end: number } {
  if (text.startsWith(".*", at)) return { selector: EVERY, end: at + 2 };
  if (text.startsWith("[*]", at)) return { selector: EVERY, end: at + 3 };
  const isDot = text[at] === ".";
  const pattern = isDot ? NAME : text[at + 1] === "'" || text[at + 1] === '"' ? QUOTED : INDEX;
  pattern.lastIndex = isDot ? at + 1 : at;
  const match = pattern.exec(text);
  if (match === null) throw malformed(text, `a name, an index or * at character ${at + 1}`);
  const end = pattern.lastIndex;
  if (isDot) return { selector: match[0], end };
  if (pattern === INDEX) return { selector: Number(match[1]), end };
  return { selector: (match[1] ?? match[2] ?? "").replace(/\\(.)/gs, "$1"), end };
}

function selected(node: unknown, selector: Segment["selector"]): readonly unknown[] {
  if (selector === EVERY) return childrenOf(node);
  if (typeof selector === "number")
    return Array.isArray(node) && selector < node.length ? [node[selector]] : [];
  // Own members only: "constructor" is a name like others.
  return isObject(node) && Object.hasOwn(node, selector) ? [node[selector]] : [];
}

/** The nodes and all below them, each once. No recursion: a stranger decides how deep it is. */
function descendants(nodes: readonly unknown[]): readonly unknown[] {
  const seen = new Set<unknown>();
  const stack = [...nodes].reverse();
  while (stack.length > 0) {
    const node = stack.pop();
    if (typeof node !== "object" || node === null || seen.has(node)) continue;
    seen.add(node);
    for (const child of childrenOf(node).toReversed()) stack.push(child);
  }
  return [...seen];
}

function childrenOf(node: unknown): readonly unknown[] {
  if (Array.isArray(node)) return node;
  return isObject(node) ? Object.values(node) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(text: string, wanted: string): TlogError {
  return new TlogError("ARGUMENT_INVALID", `want ${wanted}, got ${JSON.stringify(text.slice(0, 80))}`);
}
