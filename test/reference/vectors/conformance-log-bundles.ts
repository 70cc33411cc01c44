import {
  FOREIGN_PAGE,
  logCase,
  OCTETS,
  READABLE,
  TILES_ENTRIES,
  TILES_TREE,
  ZIPPED,
} from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

const SOME = { ask: { path: "tile/entries/{some}" } };
const LARGE = { ask: { path: "tile/entries/{large}" } };

/** Entry bundles, and what is said of tiles and bundles that are not there. */
export function bundleCases(): readonly VectorCase[] {
  return [...BUNDLES, ...BUNDLE_ANSWERS, ...ERRORS];
}

const BUNDLES: readonly VectorCase[] = [
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

const BUNDLE_ANSWERS: readonly VectorCase[] = [
  logCase(TILES_ENTRIES, "MUST", "bundle-type", `A bundle's type is ${OCTETS}.`, {
    ...SOME,
    expect: { status: ["200"], contentType: OCTETS },
  }),
  logCase(TILES_ENTRIES, "SHOULD", "bundle-caching", "A bundle's caching headers are long-lived.", {
    ...SOME,
    expect: { status: ["200"], cache: "long" },
  }),
  logCase(
    TILES_ENTRIES,
    "MUST",
    "bundle-encoding-unasked",
    "A bundle is compressed with nothing but gzip unless other is asked for.",
    {
      ...SOME,
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
    ...LARGE,
    check: "gzip-same",
    expect: "the same entries each time",
  }),
  logCase(
    TILES_ENTRIES,
    "practice",
    "bundle-vary",
    "An answer that depends on Accept-Encoding says so to caches.",
    {
      ...LARGE,
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
      ...SOME,
      check: "head-like-get",
      expect: "the status and type of GET, no body",
    },
  ),
  logCase(TILES_ENTRIES, "practice", "bundle-cors", "Pages of any origin may read bundles.", {
    ask: { path: "tile/entries/{some}", headers: FOREIGN_PAGE },
    expect: { status: ["200"], headers: READABLE },
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
    "The full bundle in a partial one's place is 404 until it is there, be it ahead of the checkpoint.",
    {
      ask: { path: "tile/entries/{edge}" },
      expect: { status: ["200", "404"] },
    },
  ),
];

const ERRORS: readonly VectorCase[] = [
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
