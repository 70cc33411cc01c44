import { CHECKPOINT_SIGNATURES, logCase, TILES_ENTRIES, TILES_PARTIAL } from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

/** `POST add`, which no document specifies and several programs share: run only where the log's operator consents. */
export function writeCases(): readonly VectorCase[] {
  return WRITES;
}

const WRITES: readonly VectorCase[] = [
  logCase(TILES_ENTRIES, "practice", "add-get", "GET add does not add an entry.", {
    writes: true,
    ask: { path: "add" },
    expect: { status: ["4xx"] },
  }),
  logCase(TILES_ENTRIES, "practice", "add-index", "POST add answers with the entry's index.", {
    writes: true,
    check: "add-index",
    expect: "200, a decimal on the first line",
  }),
  logCase(
    TILES_ENTRIES,
    "practice",
    "add-is-served",
    "An added entry is soon covered by a checkpoint, and served under its index.",
    {
      writes: true,
      check: "add-served",
      expect: "the entry in its bundle, its hash in its tile, within 60 checkpoints",
    },
  ),
  logCase(
    TILES_PARTIAL,
    "MUST",
    "add-growth",
    "The partial tiles of every checkpoint on the way across 256 entries are served.",
    {
      writes: true,
      check: "add-growth",
      expect: "200 for the partial tiles of each checkpoint, or the full ones",
    },
  ),
  logCase(
    CHECKPOINT_SIGNATURES,
    "MUST",
    "add-consistent",
    "Each checkpoint on the way continues the one before.",
    {
      writes: true,
      check: "add-consistent",
      expect: "the tiles of the last one give the roots of all before",
    },
  ),
  logCase(TILES_ENTRIES, "MAY", "add-duplicate", "The same bytes may be added again.", {
    writes: true,
    check: "add-duplicate",
    open: "duplicates: the index they have, or a new one",
  }),
  logCase(TILES_ENTRIES, "MAY", "add-empty", "An entry may have no bytes.", {
    writes: true,
    check: "add-empty",
    open: "which entries a log takes; bundles can hold them",
  }),
  logCase(TILES_ENTRIES, "MAY", "add-largest", "An entry may have 65,535 bytes.", {
    writes: true,
    check: "add-largest",
    open: "which entries a log takes; bundles can hold them",
  }),
  logCase(
    TILES_ENTRIES,
    "practice",
    "add-too-large",
    "No entry has more bytes than its length of 16 bits can say.",
    {
      writes: true,
      check: "add-too-large",
      expect: "4xx for 65,536 bytes",
    },
  ),
  logCase(TILES_ENTRIES, "practice", "push-back", "Who is pushed back is told when to come again.", {
    writes: true,
    check: "push-back",
    expect: "Retry-After with every 429 and 503",
  }),
];
