import {
  FOREIGN_PAGE,
  logCase,
  OCTETS,
  READABLE,
  TILES_PARTIAL,
  TILES_PRUNING,
  TILES_TREE,
  ZIPPED,
} from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

const TILE = { ask: { path: "tile/0/{some}" } };
const FULL = { ask: { path: "tile/0/{full}" } };
const REFUSED = { status: ["3xx", "4xx", "5xx"] };
const NOT_FOUND = { status: ["404"] };
/** Tiles may go up before the checkpoint that implies them. */
const NOT_YET = { status: ["200", "404"] };

/** Tiles: which there are, what they hold, how they are served. */
export function tileCases(): readonly VectorCase[] {
  return [...TILES, ...TILE_ANSWERS, ...ABSENT];
}

const TILES: readonly VectorCase[] = [
  logCase(
    TILES_PARTIAL,
    "MUST",
    "edge-is-served",
    "The partial tiles of the checkpoint's size are served, as wide as it implies.",
    {
      check: "edge-served",
      expect: "200 and 32 bytes a hash for each",
    },
  ),
  logCase(
    TILES_TREE,
    "MUST",
    "edge-root",
    "Tiles hold the Merkle Tree Hashes of RFC 6962: those of the right edge lead to the root.",
    {
      check: "edge-root",
      expect: "the root hash of the checkpoint",
    },
  ),
  logCase(TILES_TREE, "MUST", "full-is-served", "Full tiles are 256 hashes wide, exactly 8,192 bytes.", {
    check: "full-served",
    expect: "200 and 8,192 bytes for each; open where the beginning of a level is refused, as pruning allows",
  }),
  logCase(
    TILES_TREE,
    "MUST",
    "full-hashes",
    "At level 1 and above each hash of a tile is that of a full tile of the level below.",
    {
      check: "full-hashes",
      expect: "the hash of each full tile (the first, the last, one by chance) in the tile above it",
    },
  ),
  logCase(TILES_PRUNING, "MUST", "first-full", "A log that is not pruned serves its first tile.", {
    check: "first-full",
    expect: "200 and 8,192 bytes; open where it may be pruned",
  }),
  logCase(
    TILES_PARTIAL,
    "MUST",
    "partial-of-full",
    "A partial tile is the beginning of the full one, as long as it is there.",
    {
      check: "partial-of-full",
      expect: "not 200, or the first 255 of the 256",
    },
  ),
];

const TILE_ANSWERS: readonly VectorCase[] = [
  logCase(TILES_TREE, "MUST", "tile-type", `A tile's type is ${OCTETS}.`, {
    ...TILE,
    expect: { status: ["200"], contentType: OCTETS },
  }),
  logCase(TILES_TREE, "SHOULD", "tile-caching", "A full tile's caching headers are long-lived.", {
    ...FULL,
    expect: { status: ["200"], cache: "long" },
  }),
  logCase(
    TILES_TREE,
    "SHOULD",
    "partial-caching",
    "A partial tile's caching headers are long-lived: it does not change either.",
    {
      ask: { path: "tile/0/{edge}.p/{width}" },
      expect: { status: ["200"], cache: "long" },
    },
  ),
  logCase(
    TILES_TREE,
    "practice",
    "tile-head",
    "HEAD of a tile or bundle is answered as GET is, without the body.",
    {
      ...TILE,
      check: "head-like-get",
      expect: "the status and type of GET, no body",
    },
  ),
  logCase(TILES_TREE, "practice", "tile-cors", "Pages of any origin may read tiles.", {
    ask: { path: "tile/0/{some}", headers: FOREIGN_PAGE },
    expect: { status: ["200"], headers: READABLE },
  }),
  logCase(TILES_TREE, "MAY", "tile-encoding", "A tile may be compressed for who accepts it.", {
    ask: { path: "tile/0/{some}", headers: ZIPPED },
    open: "the compression of tiles: the document speaks of bundles only, and hashes do not compress",
  }),
  logCase(
    TILES_TREE,
    "practice",
    "tile-encoding-unasked",
    "A tile that is asked for without Accept-Encoding is not compressed.",
    {
      ...TILE,
      expect: { status: ["200"], encodings: [""] },
    },
  ),
  logCase(TILES_TREE, "MAY", "tile-conditional", "A request may be conditional.", {
    ...TILE,
    check: "not-modified",
    open: "conditional requests: 200 and 304 are both HTTP",
  }),
  logCase(TILES_TREE, "MAY", "tile-range", "A part of a tile may be asked for.", {
    ask: { path: "tile/0/{some}", headers: { range: "bytes=0-31" } },
    open: "Range: 200 with all of it and 206 are both HTTP",
  }),
  logCase(TILES_TREE, "MAY", "tile-query", "A query may follow the path.", {
    ask: { path: "tile/0/{some}?conformance" },
    open: "queries: they are part of the URL, and no document gives them a meaning",
  }),
];

const ABSENT: readonly VectorCase[] = [
  logCase(TILES_PARTIAL, "MUST", "empty-width", "Empty tiles are not served: none of width 0.", {
    ask: { path: "tile/0/{end}.p/0" },
    expect: REFUSED,
  }),
  logCase(TILES_PARTIAL, "MUST", "empty-far", "Empty tiles are not served: none far behind the last one.", {
    ask: { path: "tile/0/{far}" },
    expect: REFUSED,
  }),
  logCase(TILES_PARTIAL, "MUST", "empty-above", "Empty tiles are not served: none above the highest level.", {
    ask: { path: "tile/{above}/000" },
    expect: REFUSED,
  }),
  logCase(
    TILES_PARTIAL,
    "practice",
    "absent-is-404",
    "A tile that is not there is 404: clients fall back to the full tile on nothing else.",
    {
      ask: { path: "tile/0/{far}" },
      expect: NOT_FOUND,
    },
  ),
  logCase(TILES_PARTIAL, "practice", "absent-above-is-404", "A tile of a level that is not there is 404.", {
    ask: { path: "tile/{above}/000" },
    expect: NOT_FOUND,
  }),
  logCase(
    TILES_PARTIAL,
    "practice",
    "full-before-its-time",
    "The full tile in a partial one's place is 404 until it is there, be it ahead of the checkpoint: clients ask for both.",
    {
      ask: { path: "tile/0/{edge}" },
      expect: NOT_YET,
    },
  ),
  logCase(
    TILES_PARTIAL,
    "practice",
    "partial-ahead",
    "A partial tile is 404 until it is there, be it ahead of the checkpoint.",
    {
      ask: { path: "tile/0/{ahead}" },
      expect: NOT_YET,
    },
  ),
];
