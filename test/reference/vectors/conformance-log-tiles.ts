import { logCase, TILES_ENTRIES, TILES_PARTIAL, TILES_PRUNING, TILES_TREE } from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

const OCTETS = "application/octet-stream";
const ZIPPED = { "accept-encoding": "gzip" };

/** Tiles and entry bundles: which there are, what they hold, how they are served. */
export function tileCases(): readonly VectorCase[] {
  return [...tiles(), ...tileAnswers(), ...absent(), ...bundles(), ...bundleAnswers(), ...errors()];
}

function tiles(): readonly VectorCase[] {
  return [
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
      expect: "200 and 8,192 bytes for each",
    }),
    logCase(
      TILES_TREE,
      "MUST",
      "full-hashes",
      "At level 1 and above each hash of a tile is that of a full tile of the level below.",
      {
        check: "full-hashes",
        expect: "each full tile's hash in the tile above it",
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
        expect: "an error, or the first 255 of the 256",
      },
    ),
  ];
}

function tileAnswers(): readonly VectorCase[] {
  const tile = { ask: { path: "tile/0/{some}" } };
  const full = { ask: { path: "tile/0/{full}" } };
  return [
    logCase(TILES_TREE, "MUST", "tile-type", `A tile's type is ${OCTETS}.`, {
      ...tile,
      expect: { status: ["200"], contentType: OCTETS },
    }),
    logCase(TILES_TREE, "SHOULD", "tile-caching", "A full tile's caching headers are long-lived.", {
      ...full,
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
        ...tile,
        check: "head-like-get",
        expect: "the status and type of GET, no body",
      },
    ),
    logCase(TILES_TREE, "practice", "tile-cors", "Pages of any origin may read tiles.", {
      ...tile,
      expect: { status: ["200"], headers: { "access-control-allow-origin": "*" } },
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
        ...tile,
        expect: { status: ["200"], encodings: [""] },
      },
    ),
    logCase(TILES_TREE, "MAY", "tile-conditional", "A request may be conditional.", {
      ...tile,
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
}

function absent(): readonly VectorCase[] {
  const refused = { status: ["3xx", "4xx", "5xx"] };
  const notFound = { status: ["404"] };
  return [
    logCase(TILES_PARTIAL, "MUST", "empty-width", "Empty tiles are not served: none of width 0.", {
      ask: { path: "tile/0/{end}.p/0" },
      expect: refused,
    }),
    logCase(TILES_PARTIAL, "MUST", "empty-beyond", "Empty tiles are not served: none behind the last one.", {
      ask: { path: "tile/0/{beyond}" },
      expect: refused,
    }),
    logCase(TILES_PARTIAL, "MUST", "empty-far", "Empty tiles are not served: none far behind the last one.", {
      ask: { path: "tile/0/{far}" },
      expect: refused,
    }),
    logCase(
      TILES_PARTIAL,
      "MUST",
      "empty-above",
      "Empty tiles are not served: none above the highest level.",
      {
        ask: { path: "tile/{above}/000" },
        expect: refused,
      },
    ),
    logCase(
      TILES_PARTIAL,
      "practice",
      "absent-is-404",
      "A tile that is not there is 404: clients fall back to the full tile on nothing else.",
      {
        ask: { path: "tile/0/{far}" },
        expect: notFound,
      },
    ),
    logCase(TILES_PARTIAL, "practice", "absent-above-is-404", "A tile of a level that is not there is 404.", {
      ask: { path: "tile/{above}/000" },
      expect: notFound,
    }),
    logCase(
      TILES_PARTIAL,
      "practice",
      "full-before-its-time",
      "The full tile in a partial one's place is 404 until it is there: clients ask for both.",
      {
        ask: { path: "tile/0/{edge}" },
        expect: notFound,
      },
    ),
    logCase(TILES_PARTIAL, "practice", "partial-ahead", "A partial tile that no checkpoint implies is 404.", {
      ask: { path: "tile/0/{ahead}" },
      expect: notFound,
    }),
  ];
}

function bundles(): readonly VectorCase[] {
  return [
    logCase(
      TILES_ENTRIES,
      "MUST",
      "bundle-exact",
      "A bundle is its entries, each behind its length in two bytes, and nothing else.",
      {
        check: "bundle-exact",
        expect: "as many entries as it is wide, up to the last byte",
      },
    ),
    logCase(
      TILES_ENTRIES,
      "MUST",
      "bundle-leaves",
      "Each entry of a bundle hashes to its place in the tile of level 0.",
      {
        check: "bundle-leaves",
        expect: "the hashes of the tile of level 0",
      },
    ),
  ];
}

function bundleAnswers(): readonly VectorCase[] {
  const some = { ask: { path: "tile/entries/{some}" } };
  return [
    logCase(TILES_ENTRIES, "MUST", "bundle-type", `A bundle's type is ${OCTETS}.`, {
      ...some,
      expect: { status: ["200"], contentType: OCTETS },
    }),
    logCase(TILES_ENTRIES, "SHOULD", "bundle-caching", "A bundle's caching headers are long-lived.", {
      ...some,
      expect: { status: ["200"], cache: "long" },
    }),
    logCase(
      TILES_ENTRIES,
      "MUST",
      "bundle-encoding-unasked",
      "A bundle is compressed with nothing but gzip unless other is asked for.",
      {
        ...some,
        expect: { status: ["200"], encodings: ["", "gzip"] },
      },
    ),
    logCase(TILES_ENTRIES, "MUST", "bundle-encoding-gzip", "Who accepts gzip is sent gzip, or no encoding.", {
      ask: { path: "tile/entries/{some}", headers: ZIPPED },
      expect: { status: ["200"], encodings: ["", "gzip"] },
    }),
    logCase(TILES_ENTRIES, "SHOULD", "bundle-compressed", "Bundles are compressed.", {
      ask: { path: "tile/entries/{full}", headers: ZIPPED },
      check: "bundle-compressed",
      expect: "Content-Encoding: gzip",
    }),
    logCase(TILES_ENTRIES, "MUST", "gzip-same", "Compressed or not, a bundle is the same.", {
      ...some,
      check: "gzip-same",
      expect: "the same entries each time",
    }),
    logCase(
      TILES_ENTRIES,
      "practice",
      "bundle-vary",
      "An answer that depends on Accept-Encoding says so to caches.",
      {
        ...some,
        check: "vary-when-negotiated",
        expect: "Vary: Accept-Encoding where the answers differ",
      },
    ),
    logCase(
      TILES_ENTRIES,
      "practice",
      "bundle-head",
      "HEAD of a tile or bundle is answered as GET is, without the body.",
      {
        ...some,
        check: "head-like-get",
        expect: "the status and type of GET, no body",
      },
    ),
    logCase(TILES_ENTRIES, "practice", "bundle-cors", "Pages of any origin may read bundles.", {
      ...some,
      expect: { status: ["200"], headers: { "access-control-allow-origin": "*" } },
    }),
    logCase(TILES_ENTRIES, "MUST", "bundle-empty-width", "No bundle of width 0 is served.", {
      ask: { path: "tile/entries/{end}.p/0" },
      expect: { status: ["3xx", "4xx", "5xx"] },
    }),
    logCase(TILES_ENTRIES, "MUST", "bundle-empty-far", "No bundle behind the last one is served.", {
      ask: { path: "tile/entries/{far}" },
      expect: { status: ["3xx", "4xx", "5xx"] },
    }),
    logCase(TILES_ENTRIES, "practice", "bundle-absent-is-404", "A bundle that is not there is 404.", {
      ask: { path: "tile/entries/{far}" },
      expect: { status: ["404"] },
    }),
    logCase(
      TILES_ENTRIES,
      "practice",
      "bundle-before-its-time",
      "The full bundle in a partial one's place is 404 until it is there.",
      {
        ask: { path: "tile/entries/{edge}" },
        expect: { status: ["404"] },
      },
    ),
  ];
}

function errors(): readonly VectorCase[] {
  return [
    logCase(
      TILES_TREE,
      "practice",
      "error-caching",
      "That a tile is not there is not cached for long: it will be.",
      {
        ask: { path: "tile/0/{far}" },
        expect: { status: ["4xx"], cache: "not-long" },
      },
    ),
    logCase(
      TILES_ENTRIES,
      "practice",
      "error-bundle-caching",
      "That a bundle is not there is not cached for long: it will be.",
      {
        ask: { path: "tile/entries/{far}", headers: ZIPPED },
        expect: { status: ["4xx"], cache: "not-long" },
      },
    ),
    logCase(
      TILES_ENTRIES,
      "practice",
      "error-encoding",
      "An error is not labelled with the encoding that the bundle would have had.",
      {
        ask: { path: "tile/entries/{far}", headers: ZIPPED },
        check: "error-body",
        expect: "4xx, without Content-Encoding or truly so encoded",
      },
    ),
  ];
}
