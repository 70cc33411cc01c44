import { CHECKPOINT_SIGNATURES, logCase, TILES_PARTIAL } from "./conformance-log-case.ts";
import type { VectorCase } from "./vector-file.ts";

const CHECKPOINT = { ask: { path: "checkpoint" } };

/** What is asked once more at the end: whether the log kept its word. */
export function laterCases(): readonly VectorCase[] {
  return [
    logCase(
      CHECKPOINT_SIGNATURES,
      "SHOULD",
      "later-not-smaller",
      "A checkpoint that is fetched later is as large as an earlier one, or larger.",
      {
        ...CHECKPOINT,
        check: "later",
        open: "whether a smaller one may be served again: caches and replicas lag; what a log must not do is to sign inconsistent ones",
      },
    ),
    logCase(
      CHECKPOINT_SIGNATURES,
      "MUST",
      "later-consistent",
      "A consistency proof leads from the smaller of two checkpoints to the larger one.",
      {
        ...CHECKPOINT,
        check: "consistent",
        expect: "the tiles of the larger tree give the root of the smaller one",
      },
    ),
    logCase(
      TILES_PARTIAL,
      "MUST",
      "older-partials",
      "The partial tiles of every checkpoint that was produced are served, until the full tiles are.",
      {
        check: "older-partials",
        expect: "200 for the partial tiles of the first checkpoint, or the full ones",
      },
    ),
  ];
}
