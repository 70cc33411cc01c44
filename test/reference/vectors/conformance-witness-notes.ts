import {
  ADD_CHECKPOINT,
  COSIGNED,
  EITHER_FIRST,
  type Expectation,
  type Level,
  NOTE_FORMAT,
  NOTE_SIGNATURES,
  NOTE_TEXT,
  type Recipe,
  submission,
  UNKNOWN_ORIGIN,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

const TO = "S+3";
const FORGED = "{sign log flipped}";

/** Who signed the checkpoint, and which of several errors comes first. */
export function noteCases(): readonly WitnessCase[] {
  return [
    ...notSigned(),
    ...signatures(),
    ...manySignatures(),
    ...severalErrors(),
    ...otherKeys(),
    ...mlDsaLog(),
  ];
}

function signed(signatures: readonly string[], to = TO): Recipe {
  return submission("S", to, { signatures });
}

/** Checkpoints that no trusted key signed, or a trusted key's line that fails. */
function notSigned(): readonly WitnessCase[] {
  const refused = (
    name: string,
    requirement: string,
    lines: readonly string[],
    expect: Expectation = { status: [403] },
  ) => witnessCase(ADD_CHECKPOINT, "MUST", name, requirement, { request: signed(lines), sets: TO, expect });
  return [
    refused("stranger-is-403", "A checkpoint that only an unknown key signed is 403.", ["{sign stranger}"]),
    refused("impostor-is-403", "A checkpoint signed by an unknown key of the log's own name is 403.", [
      "{sign impostor}",
    ]),
    refused("forged-signature-is-403", "A line of the log's name and key ID that does not verify is 403.", [
      FORGED,
    ]),
    refused(
      "short-signature-is-403",
      "A line of the log's name and key ID with a signature too short is 403.",
      ["{sign log short}"],
      { status: [403], otherRefusal: "warn" },
    ),
    refused(
      "unsigned-is-403",
      "A checkpoint without any signature is 403, since no trusted key signed it, or 400, since it is no note.",
      [],
      { status: [403, 400] },
    ),
    refused(
      "forged-line-then-good-is-403",
      "A line of the log's name and key ID that does not verify is 403, in front of one that does.",
      [FORGED, "{sign log}"],
    ),
  ];
}

/** Lines beside the log's that change nothing. */
function signatures(): readonly WitnessCase[] {
  const cosigned = (name: string, requirement: string, lines: readonly string[]) =>
    witnessCase(NOTE_SIGNATURES, "MUST", name, requirement, {
      request: signed(lines),
      sets: TO,
      expect: COSIGNED,
    });
  return [
    cosigned(
      "unknown-line-in-front-is-ignored",
      "A line of an unknown key in front of the log's is ignored.",
      ["{sign stranger}", "{sign log}"],
    ),
    cosigned("same-name-other-id-is-ignored", "A line with the log's name and another key ID is ignored.", [
      "{sign impostor}",
      "{sign log}",
    ]),
    cosigned("same-id-other-name-is-ignored", "A line with the log's key ID and another name is ignored.", [
      "{alias}",
      "{sign log}",
    ]),
    cosigned("repeated-signature-is-good", "The log's line twice is as good as once.", [
      "{sign log}",
      "{sign log}",
    ]),
  ];
}

/** The tree stays as it is: what comes after needs none of these long bodies. */
function manySignatures(): readonly WitnessCase[] {
  const accepted = (level: Level, name: string, requirement: string, lines: readonly string[]) =>
    witnessCase(NOTE_FORMAT, level, name, requirement, {
      request: signed(lines, "S"),
      sets: "S",
      expect: COSIGNED,
    });
  return [
    accepted("MUST", "sixteen-signatures", "A note of 16 signatures is accepted.", [
      "{strangers 15 72}",
      "{sign log}",
    ]),
    accepted(
      "MUST",
      "sixteen-signatures-of-ml-dsa-44",
      "A note of 16 signatures is accepted, also when 15 of them are as long as ML-DSA-44 ones.",
      ["{sign log}", "{strangers 15 2428}"],
    ),
    accepted(
      "SHOULD",
      "sixteen-signatures-of-5-kb",
      "A note of 16 signatures is accepted, also when 15 of them are of nearly 5 kB.",
      ["{sign log}", "{strangers 15 4900}"],
    ),
  ];
}

function both(
  name: string,
  requirement: string,
  status: readonly number[],
  request: Recipe,
  more: { readonly log?: string } = {},
): WitnessCase {
  const rest = { ...more, request, expect: { status }, note: EITHER_FIRST };
  return witnessCase(ADD_CHECKPOINT, "MUST", name, requirement, rest);
}

/** Two errors in one request: the document has a MUST for each and orders none, so that either status meets it. */
function severalErrors(): readonly WitnessCase[] {
  return [
    both(
      "unknown-origin-and-old-size-beyond",
      "An unknown origin and an old size above the checkpoint's: 404, 403 or 400.",
      [...UNKNOWN_ORIGIN, 400],
      submission("9", "7", { lines: ["old 9"] }),
      { log: "unknown" },
    ),
    both(
      "unknown-origin-and-bad-proof",
      "An unknown origin and a proof that does not belong: 404, 403 or 422.",
      [...UNKNOWN_ORIGIN, 422],
      submission("0", "7", { lines: ["old 0", "{hash 1}"] }),
      { log: "unknown" },
    ),
    both(
      "forged-and-old-size-beyond",
      "A forged signature and an old size above the checkpoint's: 403 or 400.",
      [403, 400],
      submission("S", "S-1", { lines: ["old {S}"], signatures: [FORGED] }),
    ),
    both(
      "forged-and-stale",
      "A forged signature and another old size: 403 or 409.",
      [403, 409],
      submission("S-1", TO, { signatures: [FORGED] }),
    ),
    both(
      "forged-and-bad-proof",
      "A forged signature and a proof that does not verify: 403 or 422.",
      [403, 422],
      submission("S", TO, { lines: ["old {S}", "{hash 1}"], signatures: [FORGED] }),
    ),
    both(
      "old-size-beyond-and-stale",
      "An old size that is neither the record's nor within the checkpoint's: 400 or 409.",
      [400, 409],
      submission("S+9", TO, { lines: ["old {S+9}"] }),
    ),
    both(
      "stale-and-bad-proof",
      "Another old size and a proof that does not verify: 409 or 422.",
      [409, 422],
      submission("S-1", TO, { lines: ["old {S-1}", "{hash 1}"] }),
    ),
    both(
      "zero-stale-and-proof",
      "An old size of 0 when something was cosigned, and a proof: 409 or 422.",
      [409, 422],
      submission("0", TO, { lines: ["old 0", "{hash 1}"] }),
    ),
  ];
}

function otherKeys(): readonly WitnessCase[] {
  const ask = (name: string, requirement: string, lines: readonly string[], expect: Expectation) =>
    witnessCase(ADD_CHECKPOINT, "MUST", name, requirement, {
      log: "two-keys",
      request: signed(lines),
      sets: TO,
      expect,
    });
  const refused = { status: [403] };
  return [
    ask(
      "first-of-two-keys-is-enough",
      "One signature of several trusted keys is enough: here the first.",
      ["{sign log}"],
      COSIGNED,
    ),
    ask(
      "second-of-two-keys-is-enough",
      "One signature of several trusted keys is enough: here the second.",
      ["{sign log2}"],
      COSIGNED,
    ),
    ask(
      "both-keys-are-good",
      "Signatures of both trusted keys are good.",
      ["{sign log}", "{sign log2}"],
      COSIGNED,
    ),
    ask(
      "good-key-then-forged-is-403",
      "A trusted key's line that does not verify is 403, also behind another trusted key's good one.",
      ["{sign log}", "{sign log2 flipped}"],
      refused,
    ),
    ask(
      "forged-key-then-good-is-403",
      "The same in front of it.",
      ["{sign log2 flipped}", "{sign log}"],
      refused,
    ),
  ];
}

function mlDsaLog(): readonly WitnessCase[] {
  const log = "ml-dsa";
  return [
    witnessCase(
      NOTE_TEXT,
      "practice",
      "ml-dsa-log-is-cosigned",
      "A log that signs with ML-DSA-44, as logs should, is cosigned.",
      { log, request: submission("S", TO), sets: TO, expect: COSIGNED },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "ml-dsa-forged-is-403",
      "An ML-DSA-44 signature of the log that does not verify is 403.",
      { log, request: signed([FORGED]), sets: TO, expect: { status: [403] } },
    ),
  ];
}

/** What is read two ways. It may move the witness on, so it comes last. */
export function openNoteCases(): readonly WitnessCase[] {
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MAY",
      "good-line-then-forged",
      "The log's line, and behind it a second one of the same name and key ID that does not verify.",
      {
        request: signed(["{sign log}", FORGED]),
        sets: TO,
        open: "Word for word it is 403, as any line of a trusted key that fails; but the note libraries for Go and Rust look at the first line of a key only, and witnesses that use them cosign.",
      },
    ),
  ];
}
