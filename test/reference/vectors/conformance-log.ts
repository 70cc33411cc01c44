import { bundleCases } from "./conformance-log-bundles.ts";
import { checkpointCases } from "./conformance-log-checkpoint.ts";
import { laterCases } from "./conformance-log-later.ts";
import { pathCases } from "./conformance-log-paths.ts";
import { tileCases } from "./conformance-log-tiles.ts";
import { writeCases } from "./conformance-log-writes.ts";
import type { VectorFile } from "./vector-file.ts";

/** What a log must, should and had better answer: the cases of `bristlecone conformance log`. */
export function conformanceLogVectors(): readonly VectorFile[] {
  return [
    {
      name: "conformance-log",
      description:
        "What a log that serves c2sp.org/tlog-tiles has to answer, seen from outside. Run the cases in their order against the URL prefix of " +
        "a log, of any size, one request at a time. S is the tree size of the checkpoint that was fetched first; once entries were added, that of the largest since. A case has `ask` (a request; " +
        "GET unless it has a `method`; its `path` is below the prefix and goes out as it stands once the names in braces are replaced, " +
        "`places`; a name the tree has no place for: the case cannot be run) and `expect` (what each member means: `answers`), or `check` (what is computed: `checks`) " +
        "and `expect` as a sentence. A case with `open` is judged by nobody: the document leaves it open, and what came is reported. Unmet: " +
        '"MUST" is a failure, "SHOULD", "MAY" and "practice" (in no document; real programs rely on it) a warning. No case asks for what the next hundred entries ' +
        "could bring about, lest a cache remembers that it was not there; but for the full tile in a partial one's place, which any client may ask for. Cases with `writes` add entries, and are run only with the log's consent; they come before " +
        "the tiles, so that an empty log has tiles by then. " +
        "What says nothing about the log is judged by nobody, and the case cannot be run: 429, 502, 503 and 504; a redirection where 200 is wanted (a checkpoint that redirects: nothing can be run); a request without an answer, unless the same one had none twice. " +
        "Nor a tile of S entries that is 4xx where its case is unmet: a partial one whose full one is answered 200, for it may be deleted then; a full one is reported as open, for it may be pruned.",
      shared: {
        documents: [
          { name: "c2sp.org/tlog-tiles", revision: "5ba5ee8 of 2026-07-22" },
          { name: "c2sp.org/tlog-checkpoint", revision: "5ba5ee8 of 2026-07-22" },
          { name: "c2sp.org/signed-note", revision: "5ba5ee8 of 2026-07-22" },
        ],
        places: PLACES,
        answers: ANSWERS,
        checks: CHECKS,
      },
      cases: [
        ...checkpointCases(),
        ...writeCases(),
        ...tileCases(),
        ...bundleCases(),
        ...pathCases(),
        ...laterCases(),
      ],
    },
  ];
}

const PLACES = {
  some: 'a tile of level 0 that exists: "<edge>.p/<width>", which no log may prune, or {full} when S mod 256 is 0; S must not be 0',
  large: '{full}, or "000.p/<S>" when S is 1 to 255',
  suffix: 'what follows the index of tile 0: "" when S is at least 256, ".p/<S>" when S is 1 to 255',
  full: 'the last full tile of level 0, floor(S/256) - 1 as an index path ("x001/234"); S must be at least 256',
  edge: "the tile of level 0 that is partial, floor(S/256) as an index path; S mod 256 must not be 0",
  width: "S mod 256, which must not be 0",
  end: "floor(S/256) as an index path: the tile the next entry goes to",
  far: "floor(S/256) + 1,000,000 as an index path",
  above:
    "the lowest level without any tile: the smallest L with 256^L > S, but at least 2, since a log may grow to 256 entries at any time",
  ahead:
    'a partial tile of level 0 that no entry implies yet: "<edge>.p/255" when S mod 256 is 1 to 127, else the tile behind the last one, "<N>.p/255"',
};

const ANSWERS = {
  status: 'one of these; "4xx" is any status from 400 to 499.',
  contentType:
    "the media type, as RFC 9110 §8.3.1 compares: without regard to case in type, subtype and charset, and to blanks around the semicolon",
  cache:
    '"seconds": Cache-Control has no-store, no-cache or a max-age (s-maxage too, if there) of at most 10; "long": max-age of at least a day and neither no-store nor no-cache; "not-long": anything but a max-age or s-maxage above 600 or "immutable". Without max-age and s-maxage, Expires minus Date counts as one (RFC 9111 §5.3: what is no date is 0)',
  headers: "each of these fields has one of its values",
  encodings: 'Content-Encoding is one of these; "" is none; x-gzip is gzip',
  body: '"empty": there is none',
};

const CHECKS = {
  "note-text": "The checkpoint is UTF-8 without a byte below 0x20 other than 0x0A.",
  "note-newline": "The checkpoint's last byte is 0x0A.",
  "note-lines":
    "Behind the last empty line there is at least one line, and each is U+2014, a space, a key name without Unicode spaces or plus signs, a space, and base64 of at least 5 bytes.",
  "note-base64":
    "The base64 in each signature line is padded, without white space, and the bits before the padding are 0.",
  "note-count": "There are at most 16 signature lines.",
  "checkpoint-lines":
    "The text has at least three lines, none of them empty. The first is the origin: the wanted one, if one was given.",
  "origin-form": "The origin has no scheme, no Unicode space, no plus sign and no slash at its end.",
  "checkpoint-size": 'The second line is "0" or ASCII digits that do not begin with 0.',
  "checkpoint-root":
    "The third line is padded base64 of 32 bytes, and the bits before the padding are 0 (RFC 4648 §3.5: a MUST for encoders).",
  "checkpoint-extensions": "There is no fourth line.",
  "empty-root": "S is 0, and the root is SHA-256 of nothing: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=.",
  "signed-by-key": "A line of a given key is there, and every line of a given key verifies.",
  "signed-ed25519": "A line of a given key of type 0x01 is there and verifies. Needs such a key.",
  "origin-is-prefix": "Reported: the origin beside the URL asked.",
  "key-name": "A signature line has the origin for a key name.",
  "signature-types":
    "Reported: the signature lines' key names, and how many bytes each has behind the key ID.",
  "head-like-get":
    "HEAD has the status and Content-Type of GET, no body, and a Content-Length, if there, equal to the length of GET's body with the same request headers.",
  "not-modified": "Reported: what is answered to If-None-Match with the ETag of the answer before.",
  "vary-when-negotiated":
    "When the answers to Accept-Encoding gzip and identity differ in Content-Encoding, Vary names Accept-Encoding.",
  later: "Reported: the tree size of the first checkpoint, and of one fetched at the end of the run.",
  consistent:
    "Of the first checkpoint and one fetched at the end, whichever is larger: its tiles, themselves verified against its root, give the other one's root.",
  "older-partials":
    "When the log grew during the run: the partial tiles of the first checkpoint are still served, or the full tiles in their places.",
  "edge-served":
    "At each level l with floor(S/256^l) mod 256 = W > 0 the tile floor(S/256^(l+1)) with .p/W is answered 200 with 32 W bytes.",
  "edge-root": "The hashes of these tiles, folded as RFC 6962 §2.1 says, are the root of the checkpoint.",
  "full-served":
    "The last full tile of each level, the first one of level 0 and one at random, and the full tiles above them, are answered 200 with 8,192 bytes. When those of a level that are 4xx come before those that are not: open, for the log may be pruned, and nothing tells up to where.",
  "full-hashes":
    "Each of these tiles hashes to what the tile above it holds at its place. Needs S to be at least 256.",
  "first-full":
    "tile/0/000 is answered 200 with 8,192 bytes. Open when it is 4xx, for the log may be pruned. Needs S to be at least 256.",
  "partial-of-full":
    "tile/0/{full}.p/255 and tile/entries/{full}.p/255 may never have been there, or be gone: any status but 200 is met. When they are answered 200, they are the first 255 hashes, or entries, of the full ones.",
  "bundle-exact":
    "The bundle at the right edge (or, when it is 4xx, the full one in its place), and the last full one, hold exactly as many entries as they are wide, and no byte more. Open when the last full one is 4xx, for the log may be pruned.",
  "bundle-leaves":
    "SHA-256(0x00 || entry) of each of their entries is the hash at its place in the tile of level 0.",
  "gzip-same":
    "A bundle's body, decoded as its Content-Encoding says, is the same for Accept-Encoding gzip, identity and none.",
  "bundle-compressed":
    "A full bundle of more than 1,024 bytes is answered with a Content-Encoding when Accept-Encoding is gzip.",
  "encoded-as-said": "An answer 200 has no Content-Encoding, or gzip and a body that is so encoded.",
  "error-body":
    "An answer 4xx to a request with Accept-Encoding gzip has no Content-Encoding, or a body that is so encoded.",
  "add-index":
    "POST add with a new entry of 24 bytes is answered 200, and the first line of the body is a decimal without leading zeros.",
  "add-served":
    "Within 60 checkpoints, fetched a second apart, one covers that index, and the bundle and tile that hold the index have the entry and its leaf hash.",
  "add-growth":
    "With fewer than 256 entries: single entries until there are 258. Of every checkpoint met on the way, all tiles of the right edge are served and hash to its root, and at the end so are those of the ones before, or the full tiles in their places. Cannot be run when add is not answered 200 with a larger index each time, or no checkpoint covers it within 60: no document asks for that.",
  "add-consistent": "The tiles of the largest of these checkpoints give the roots of all others.",
  "add-duplicate": "Reported: the index for the same bytes again.",
  "add-empty": "Reported: what is answered to an entry of no bytes.",
  "add-largest":
    "Reported: what is answered to an entry of 65,535 bytes; when 200, it is served like any other.",
  "add-too-large": "An entry of 65,536 bytes is answered 4xx: no bundle can hold it.",
  "push-back":
    "Every 429 and 503 to a write has Retry-After in seconds, or as a date. Needs one to have come.",
};
