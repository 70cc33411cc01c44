import { logCase, TILES_ENTRIES, TILES_TREE } from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

/**
 * Other spellings of the paths of tiles that exist: a lenient parser answers them with the tile. The document says what a path
 * is, not what to answer to others; but readers of Go's module system take one spelling only, and what has two names is
 * cached, pruned and monitored under one of them.
 */
export function pathCases(): readonly VectorCase[] {
  return [
    ...PATHS.map(([name, requirement, path]) => {
      const place = path.startsWith("tile/entries") ? TILES_ENTRIES : TILES_TREE;
      return logCase(place, "practice", `path-${name}`, requirement, { ask: { path }, expect: NOT_A_TILE });
    }),
    logCase(TILES_TREE, "MAY", "path-escaped-digit", "The path may be percent-encoded.", {
      ask: { path: "tile/%30/{some}" },
      open: "percent-encoding: RFC 3986 §6.2.2.2 takes %30 for 0, static servers decode it, and no client writes it",
    }),
  ];
}

/** Moved, or refused: not answered with the tile. */
const NOT_A_TILE = { status: ["3xx", "4xx"] };

const PATHS: readonly (readonly [name: string, requirement: string, path: string])[] = [
  ["level-zeros", "A level has no leading zeros.", "tile/00/{some}"],
  ["level-64", "Levels are 0 to 63.", "tile/64/000"],
  ["level-wraps", "Level 256 is not level 0, for who counts in bytes.", "tile/256/{some}"],
  ["level-negative", "A level has no sign, as in -0.", "tile/-0/{some}"],
  ["level-plus", "A level has no sign, as in +0.", "tile/+0/{some}"],
  ["level-missing", "A tile has a level.", "tile//{some}"],
  ["index-short", "An index has groups of three digits, not of one.", "tile/0/0{suffix}"],
  ["index-four", "An index has groups of three digits, not of four.", "tile/0/0000{suffix}"],
  ["index-no-x", "All groups of an index but the last begin with x.", "tile/0/000/000{suffix}"],
  ["index-zero-group", "An index has no group more than it needs.", "tile/0/x000/000{suffix}"],
  ["index-last-x", "The last group of an index does not begin with x.", "tile/0/x000{suffix}"],
  ["index-upper-x", "The x of an index is small.", "tile/0/X000/000{suffix}"],
  ["index-negative", "An index has no sign.", "tile/0/-00{suffix}"],
  [
    "index-2-64",
    "An index of 2^64 is not one of 0, for who counts in 64 bits.",
    "tile/0/x018/x446/x744/x073/x709/x551/616{suffix}",
  ],
  ["index-endless", "An index of 90 digits is not a tile's.", `tile/0/${"x999/".repeat(29)}999`],
  ["width-zeros", "A width has no leading zeros.", "tile/0/{edge}.p/0{width}"],
  ["width-256", "A full tile has no width.", "tile/0/{full}.p/256"],
  ["width-large", "A width is at most 255.", "tile/0/{full}.p/1000"],
  ["width-missing", "Behind .p/ stands a width, not nothing.", "tile/0/{full}.p/"],
  ["width-half", "Behind .p stand a slash and a width.", "tile/0/{full}.p"],
  ["slash-behind", "No slash follows the path of a tile.", "tile/0/{some}/"],
  ["slash-double", "No slash is doubled in the path of a tile.", "tile/0//{some}"],
  ["slash-escaped", "An escaped slash is not a slash (RFC 3986 §2.2).", "tile%2F0%2F{some}"],
  ["dots", "Dot segments are resolved by a redirection, if at all.", "tile/0/x001/../{some}"],
  ["dots-escaped", "Escaped dot segments are not resolved.", "tile/0/x001/%2e%2e/{some}"],
  ["upper-case", "The paths of tiles are in lower case.", "TILE/0/{some}"],
  ["listing", "Directories of tiles are not listed.", "tile/0/"],
  ["entries-short", "The index of a bundle is spelled as that of a tile.", "tile/entries/0{suffix}"],
  [
    "entries-zero-group",
    "The index of a bundle has no group more than it needs.",
    "tile/entries/x000/000{suffix}",
  ],
  ["entries-width-zeros", "The width of a bundle has no leading zeros.", "tile/entries/{edge}.p/0{width}"],
  ["entries-upper-case", "The paths of bundles are in lower case.", "tile/Entries/{some}"],
  ["entries-listing", "Directories of bundles are not listed.", "tile/entries/"],
];
