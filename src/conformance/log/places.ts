/** Names for places in a tree of any size, in the paths of cases: "tile/0/{edge}.p/{width}". */
import { TlogError } from "../../errors.ts";
import { formatTilePath, TILE_WIDTH } from "../../tlog/tile.ts";

/** Far enough behind the end that no log gets there while it is tested. */
const FAR_TILES = 1_000_000;

/** A path, or why the tree has no such place. */
export type FilledPath = { readonly path: string } | { readonly missing: string };

/** @throws {TlogError} CASES_MALFORMED (a name in braces is not that of a place) */
export function assertPlaces(template: string): void {
  fillPath(template, Number.MAX_SAFE_INTEGER);
}

/**
 * Puts places of a tree of `treeSize` entries into a path.
 * @throws {TlogError} CASES_MALFORMED (no such name)
 */
export function fillPath(template: string, treeSize: number): FilledPath {
  let missing: string | undefined;
  const path = template.replace(/\{([a-z]+)\}/g, (_, name: string) => {
    const place = PLACES[name];
    if (place === undefined) throw new TlogError("CASES_MALFORMED", `no place is called {${name}}`);
    if (place.needs(treeSize)) return place.at(treeSize);
    missing ??= `needs ${place.what}: the tree has ${treeSize} entries`;
    return "";
  });
  return missing === undefined ? { path } : { missing };
}

/** "x001/234": an index as in a path. */
function indexPath(index: number): string {
  return formatTilePath({ level: 0, index, width: TILE_WIDTH }).slice("tile/0/".length);
}

interface Place {
  needs(treeSize: number): boolean;
  /** What is needed, in words. */
  readonly what: string;
  at(treeSize: number): string;
}

const hasEntry = { needs: (size: number) => size > 0, what: "an entry" };
const hasFull = { needs: (size: number) => size >= TILE_WIDTH, what: "a full tile" };
const hasEdge = { needs: (size: number) => size % TILE_WIDTH !== 0, what: "a partial tile at level 0" };
const always = { needs: () => true, what: "nothing" };

const PLACES: Readonly<Record<string, Place>> = {
  some: { ...hasEntry, at: (size) => (size % TILE_WIDTH === 0 ? lastFull(size) : partial(size)) },
  large: { ...hasEntry, at: (size) => (size < TILE_WIDTH ? partial(size) : lastFull(size)) },
  suffix: { ...hasEntry, at: suffix },
  full: { ...hasFull, at: lastFull },
  edge: { ...hasEdge, at: (size) => indexPath(Math.floor(size / TILE_WIDTH)) },
  width: { ...hasEdge, at: (size) => `${size % TILE_WIDTH}` },
  end: { ...always, at: (size) => indexPath(Math.floor(size / TILE_WIDTH)) },
  far: { ...always, at: (size) => indexPath(Math.floor(size / TILE_WIDTH) + FAR_TILES) },
  above: { ...always, at: (size) => `${levelAbove(size)}` },
  ahead: { ...always, at: ahead },
};

function lastFull(treeSize: number): string {
  return indexPath(Math.floor(treeSize / TILE_WIDTH) - 1);
}

function partial(treeSize: number): string {
  return `${indexPath(Math.floor(treeSize / TILE_WIDTH))}.p/${treeSize % TILE_WIDTH}`;
}

function suffix(treeSize: number): string {
  return treeSize >= TILE_WIDTH ? "" : `.p/${treeSize}`;
}

function levelAbove(treeSize: number): number {
  let level = 2;
  while (TILE_WIDTH ** level <= treeSize) level += 1;
  return level;
}

/** A width no checkpoint has yet, and none will have before a hundred entries more. */
function ahead(treeSize: number): string {
  const width = treeSize % TILE_WIDTH;
  const isFar = width > 0 && width < TILE_WIDTH / 2;
  const index = isFar ? Math.floor(treeSize / TILE_WIDTH) : Math.ceil(treeSize / TILE_WIDTH);
  return `${indexPath(index)}.p/255`;
}
