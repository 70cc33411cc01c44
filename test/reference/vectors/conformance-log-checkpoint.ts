import {
  CHECKPOINT_SIGNATURES,
  CHECKPOINT_TEXT,
  FOREIGN_PAGE,
  logCase,
  NOTE_FORMAT,
  READABLE,
  TILES_CHECKPOINTS,
  TILES_PARAMETERS,
  ZIPPED,
} from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

const CHECKPOINT = { ask: { path: "checkpoint" } };

/** The checkpoint: how it is served, what it says, who signed it. */
export function checkpointCases(): readonly VectorCase[] {
  return [...SERVED, ...NOTE, ...TEXT, ...SIGNATURES];
}

const SERVED: readonly VectorCase[] = [
  logCase(
    TILES_CHECKPOINTS,
    "MUST",
    "checkpoint-is-served",
    "The checkpoint is served at <prefix>/checkpoint.",
    {
      ...CHECKPOINT,
      expect: { status: ["200"] },
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "MUST",
    "checkpoint-type",
    "The checkpoint's type is text/plain; charset=utf-8.",
    {
      ...CHECKPOINT,
      expect: { status: ["200"], contentType: "text/plain; charset=utf-8" },
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "MUST",
    "checkpoint-encoding",
    "The checkpoint is encoded as its Content-Encoding says, or not at all: else no HTTP client can read it.",
    {
      ask: { path: "checkpoint", headers: ZIPPED },
      check: "encoded-as-said",
      expect: "no Content-Encoding, or gzip that is gzip",
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "practice",
    "checkpoint-encoding-unasked",
    "A checkpoint that is asked for without Accept-Encoding is not compressed.",
    {
      ...CHECKPOINT,
      expect: { status: ["200"], encodings: [""] },
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "SHOULD",
    "checkpoint-caching",
    "The checkpoint's headers prevent caching beyond a few seconds.",
    { ...CHECKPOINT, expect: { status: ["200"], cache: "seconds" } },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "practice",
    "checkpoint-head",
    "HEAD of the checkpoint is answered as GET is, without the body.",
    {
      ...CHECKPOINT,
      check: "head-like-get",
      expect: "the status and type of GET, no body",
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "practice",
    "checkpoint-cors",
    "Pages of any origin may read the checkpoint: verifiers in browsers do.",
    {
      ask: { path: "checkpoint", headers: FOREIGN_PAGE },
      expect: { status: ["200"], headers: READABLE },
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "practice",
    "checkpoint-post",
    "Another method than GET is refused with a status that says so.",
    {
      ask: { method: "POST", path: "checkpoint" },
      expect: { status: ["405", "501"] },
    },
  ),
  logCase(
    TILES_CHECKPOINTS,
    "practice",
    "checkpoint-slash",
    "The checkpoint has one URL: nothing is served at checkpoint/.",
    {
      ask: { path: "checkpoint/" },
      expect: { status: ["3xx", "4xx"] },
    },
  ),
  logCase(TILES_CHECKPOINTS, "MAY", "checkpoint-conditional", "A request may be conditional.", {
    ...CHECKPOINT,
    check: "not-modified",
    open: "conditional requests: 200 and 304 are both HTTP",
  }),
  logCase(TILES_CHECKPOINTS, "MAY", "checkpoint-query", "A query may follow the path.", {
    ask: { path: "checkpoint?conformance" },
    open: "queries: they are part of the URL, and no document gives them a meaning",
  }),
];

const NOTE: readonly VectorCase[] = [
  logCase(
    NOTE_FORMAT,
    "MUST",
    "note-text",
    "A note is UTF-8 without control characters other than newline.",
    {
      ...CHECKPOINT,
      check: "note-text",
      expect: "UTF-8, no control character but newline",
    },
  ),
  logCase(NOTE_FORMAT, "MUST", "note-newline", "Every signature line ends in a newline, the last one too.", {
    ...CHECKPOINT,
    check: "note-newline",
    expect: "a newline at the end",
  }),
  logCase(
    NOTE_FORMAT,
    "MUST",
    "note-lines",
    "Behind the last empty line there are signature lines, at least one: em dash, key name, base64.",
    {
      ...CHECKPOINT,
      check: "note-lines",
      expect: "an empty line, then at least one signature line",
    },
  ),
  logCase(
    NOTE_FORMAT,
    "MUST",
    "note-base64",
    "Signatures are base64 as RFC 4648 §4 encodes it, the bits before the padding 0.",
    {
      ...CHECKPOINT,
      check: "note-base64",
      expect: "padded base64 without bits before the padding",
    },
  ),
  logCase(
    NOTE_FORMAT,
    "practice",
    "note-count",
    "A note has no more signatures than every verifier has to accept.",
    {
      ...CHECKPOINT,
      check: "note-count",
      expect: "at most 16 signature lines",
    },
  ),
];

const TEXT: readonly VectorCase[] = [
  logCase(
    CHECKPOINT_TEXT,
    "MUST",
    "checkpoint-lines",
    "The checkpoint's text is at least three non-empty lines, the first of them the origin.",
    {
      ...CHECKPOINT,
      check: "checkpoint-lines",
      expect: "origin, tree size, root hash, no empty line",
    },
  ),
  logCase(
    CHECKPOINT_TEXT,
    "SHOULD",
    "origin-form",
    "The origin is a URL without scheme, spaces and plus signs.",
    {
      ...CHECKPOINT,
      check: "origin-form",
      expect: "an origin such as example.com/log42",
    },
  ),
  logCase(
    TILES_PARAMETERS,
    "SHOULD",
    "origin-is-prefix",
    "The origin is the URL prefix without scheme and slash.",
    {
      ...CHECKPOINT,
      check: "origin-is-prefix",
      open: "whether the URL asked here is the log's prefix: it may be a mirror, or an address of the operator's own",
    },
  ),
  logCase(
    CHECKPOINT_TEXT,
    "MUST",
    "checkpoint-size",
    "The tree size is ASCII decimal without leading zeros.",
    {
      ...CHECKPOINT,
      check: "checkpoint-size",
      expect: "0, or digits that begin with 1 to 9",
    },
  ),
  logCase(CHECKPOINT_TEXT, "MUST", "checkpoint-root", "The root hash is the base64 of 32 bytes.", {
    ...CHECKPOINT,
    check: "checkpoint-root",
    expect: "padded base64 of 32 bytes without bits before the padding",
  }),
  logCase(CHECKPOINT_TEXT, "SHOULD", "checkpoint-extensions", "A checkpoint has no extension lines.", {
    ...CHECKPOINT,
    check: "checkpoint-extensions",
    expect: "three lines",
  }),
  logCase(CHECKPOINT_TEXT, "MUST", "empty-root", "The root of a tree of size 0 is SHA-256 of nothing.", {
    ...CHECKPOINT,
    check: "empty-root",
    expect: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
  }),
];

const SIGNATURES: readonly VectorCase[] = [
  logCase(CHECKPOINT_SIGNATURES, "MUST", "signed-by-key", "The log's key signed the checkpoint.", {
    ...CHECKPOINT,
    check: "signed-by-key",
    expect: "a signature of a given key, and none that fails",
  }),
  logCase(
    TILES_CHECKPOINTS,
    "MUST",
    "signed-ed25519",
    "A public log's checkpoint carries an Ed25519 signature of the log.",
    {
      ...CHECKPOINT,
      check: "signed-ed25519",
      expect: "a valid Ed25519 signature (type 0x01) of a given key",
    },
  ),
  logCase(CHECKPOINT_SIGNATURES, "SHOULD", "key-name", "The log's key name is its origin.", {
    ...CHECKPOINT,
    check: "key-name",
    expect: "a signature line under the name of the origin",
  }),
  logCase(
    CHECKPOINT_SIGNATURES,
    "SHOULD",
    "signature-types",
    "The log signs with ML-DSA-44, or any algorithm of its ecosystem.",
    {
      ...CHECKPOINT,
      check: "signature-types",
      open: "which algorithms: tlog-checkpoint prefers ML-DSA-44, tlog-tiles demands Ed25519 of public logs",
    },
  ),
];
