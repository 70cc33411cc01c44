import {
  ADD_CHECKPOINT,
  COSIGNED,
  EITHER_FIRST,
  NOTE_FORMAT,
  NOTE_TEXT,
  submission,
  UNKNOWN_ORIGIN,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

const TO = "S+3";

/** Logs the witness does not know, empty ones, and ones that contradict themselves; and what is too large. */
export function logCases(): readonly WitnessCase[] {
  return [...unknownLogs(), ...sizeZero(), ...oversize(), ...forks()];
}

function sizeZero(): readonly WitnessCase[] {
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "empty-tree-is-cosigned",
      "A checkpoint of size 0 with the root of the empty tree is cosigned.",
      { log: "empty", state: "never", request: submission("0", "0"), sets: "0", expect: COSIGNED },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "empty-tree-with-a-proof-is-422",
      "A proof for a tree of size 0 is 422.",
      {
        log: "empty",
        state: "never",
        request: submission("0", "0", { lines: ["old 0", "{hash 1}"] }),
        sets: "0",
        expect: { status: [422] },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "empty-tree-with-old-size-is-400",
      "An old size of 1 for a tree of size 0 is 400, or 409 since it is not the record's.",
      {
        log: "empty",
        state: "never",
        request: submission("0", "0", { lines: ["old 1"] }),
        sets: "0",
        expect: { status: [400, 409] },
        note: EITHER_FIRST,
      },
    ),
  ];
}

function oversize(): readonly WitnessCase[] {
  return [
    witnessCase(
      NOTE_FORMAT,
      "SHOULD",
      "one-mib-is-refused",
      "There is a limit to a note's size: one of 1 MiB, of lines that are well-formed, is refused, by 413 in practice, or the connection is closed.",
      {
        request: submission("S", TO, { signatures: ["{strangers 190 4096}", "{sign log}"] }),
        sets: TO,
        expect: { status: [413, 400, 403], closed: "met" },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "serves-on-after-an-oversize-body",
      "An oversize request spoils none behind it.",
      { request: submission("S", "S"), sets: "S", expect: COSIGNED },
    ),
  ];
}

/** A good witness may never cosign such a log again, so each has one of its own, and they come last. */
function forks(): readonly WitnessCase[] {
  const note = "A witness that froze this log in an earlier run refuses it from the start.";
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "other-root-of-the-same-size-is-422",
      "A tree of the newest cosigned size with another root is 422.",
      {
        log: "fork",
        request: submission("S", "S", { text: ["{origin}", "{S}", "{root S fork}"] }),
        sets: "S",
        expect: { status: [422] },
        note,
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "growth-of-another-tree-is-422",
      "A larger tree that continues another one, with a proof from that other one, is 422.",
      {
        log: "fork-growth",
        request: submission("S", "S+5", {
          lines: ["old {S}", "{proof S S+5 fork}"],
          text: ["{origin}", "{S+5}", "{root S+5 fork}"],
        }),
        sets: "S+5",
        expect: { status: [422] },
        note,
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "empty-tree-with-another-root-is-422",
      "A tree of size 0 whose root is not the hash of the empty string is 422.",
      {
        log: "fork-empty",
        state: "never",
        request: submission("0", "0", { text: ["{origin}", "0", "{root 1}"] }),
        sets: "0",
        expect: { status: [422] },
        note,
      },
    ),
  ];
}

function unknownLogs(): readonly WitnessCase[] {
  const first = submission("0", "7");
  const other = (text: readonly string[]) => submission("0", "7", { text });
  const unknown = { status: UNKNOWN_ORIGIN };
  const note = EITHER_FIRST;
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "unknown-origin-is-refused",
      "A checkpoint of an unknown origin is 404, or 403 since no trusted key signed it.",
      { log: "unknown", request: first, expect: unknown, note },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "unknown-origin-is-404",
      "Of the two it is 404: so a log learns that the witness does not know it.",
      { log: "unknown", request: first, expect: { status: [404] } },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "unknown-origin-signed-by-a-known-key-is-refused",
      "An unknown origin is 404 or 403, also when a known log's key signed it.",
      { request: other(["{origin}/other", "{7}", "{root 7}"]), expect: unknown, note },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "origin-with-a-space-is-refused",
      "Origins are compared byte by byte: the known one with a space behind it is unknown.",
      { request: other(["{origin} ", "{7}", "{root 7}"]), expect: unknown, note },
    ),
    witnessCase(
      NOTE_TEXT,
      "MUST",
      "empty-origin-is-refused",
      "An empty origin is no origin: 400, or 404 or 403 as for any that is unknown.",
      {
        request: other(["", "{7}", "{root 7}"]),
        expect: { status: [...UNKNOWN_ORIGIN, 400], otherRefusal: "warn" },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "own-name-is-no-log",
      "A checkpoint whose origin is the witness's own name is not cosigned: 404, or 403.",
      { needs: ["witness-keys"], request: other(["{witness}", "{7}", "{root 7}"]), expect: unknown },
    ),
  ];
}
