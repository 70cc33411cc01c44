import {
  ADD_CHECKPOINT,
  MALFORMED,
  NOT_COSIGNED,
  NOTE_FORMAT,
  NOTE_TEXT,
  type Recipe,
  submission,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

/** RFC 4648 §3.5: "implementations MAY choose to reject". */
const PADDING_BITS =
  "RFC 4648 §3.5 lets a decoder reject or ignore bits that are set in front of the padding.";
const GROWN = "S+3";

/** What the log signs, or seems to, and is no checkpoint: that must not be cosigned, whatever the log says. */
export function textCases(): readonly WitnessCase[] {
  return [...sizes(), ...roots(), ...characters(), ...notes()];
}

/** A request that is right but for what is changed. */
function notCosigned(change: Partial<Recipe>, to = GROWN) {
  return { request: submission("S", to, change), sets: to, expect: NOT_COSIGNED };
}

function sizes(): readonly WitnessCase[] {
  const spelled: readonly (readonly [name: string, line: string, what: string])[] = [
    ["leading-zero", `0{${GROWN}}`, "a leading zero"],
    ["plus-sign", `+{${GROWN}}`, "a plus sign"],
    ["exponent", `{${GROWN}}e0`, "an exponent"],
    ["trailing-space", `{${GROWN}} `, "a space behind it"],
    ["trailing-letter", `{${GROWN}}x`, "a letter behind it"],
  ];
  const refused = (name: string, requirement: string, line: string) =>
    witnessCase(
      NOTE_TEXT,
      "MUST",
      `tree-size-${name}`,
      requirement,
      notCosigned({ text: ["{origin}", line, `{root ${GROWN}}`] }),
    );
  return [
    ...spelled.map(([name, line, what]) =>
      refused(name, `A signed text whose tree size has ${what} is no checkpoint, and not cosigned.`, line),
    ),
    refused(
      "beyond-64-bits",
      "A tree size above 2^64 - 1 is not taken for what is left of it in 64 bits: the proof does not lead to it.",
      "18446744073709551616{S}",
    ),
  ];
}

function roots(): readonly WitnessCase[] {
  const spelled: readonly (readonly [name: string, line: string, what: string])[] = [
    ["without-padding", `{root ${GROWN} no-padding}`, "without its padding"],
    ["of-31-bytes", `{root ${GROWN} short}`, "of 31 bytes"],
    ["of-33-bytes", `{root ${GROWN} long}`, "of 33 bytes"],
    ["with-trailing-space", `{root ${GROWN}} `, "with a space behind it"],
  ];
  const notes: readonly (readonly [name: string, text: readonly string[], what: string])[] = [
    ["without-root", ["{origin}", `{${GROWN}}`], "without a root hash"],
    [
      "with-an-empty-extension",
      ["{origin}", `{${GROWN}}`, `{root ${GROWN}}`, "", "x"],
      "with an empty extension line",
    ],
  ];
  return [
    ...spelled.map(([name, line, what]) =>
      witnessCase(
        NOTE_TEXT,
        "MUST",
        `root-line-${name}`,
        `A signed text with a root hash line ${what} is no checkpoint, and not cosigned.`,
        notCosigned({ text: ["{origin}", `{${GROWN}}`, line] }),
      ),
    ),
    witnessCase(
      NOTE_TEXT,
      "MUST",
      "root-line-in-url-alphabet",
      "A signed text with a root hash in the alphabet for URLs is no checkpoint, and not cosigned.",
      notCosigned(
        { text: ["{origin}", "{S+7}", "{root S+7 url-alphabet}"], lines: ["old {S}", "{proof S S+7}"] },
        "S+7",
      ),
    ),
    ...notes.map(([name, text, what]) =>
      witnessCase(
        NOTE_TEXT,
        "MUST",
        `checkpoint-${name}`,
        `A signed text ${what} is no checkpoint, and not cosigned.`,
        notCosigned({ text }),
      ),
    ),
  ];
}

function refusedNote(name: string, requirement: string, change: Partial<Recipe>): WitnessCase {
  return witnessCase(NOTE_FORMAT, "MUST", name, requirement, notCosigned(change));
}

function characters(): readonly WitnessCase[] {
  const text = (extension: string) => ["{origin}", `{${GROWN}}`, `{root ${GROWN}}`, extension];
  return [
    refusedNote(
      "note-with-control-character",
      "A note with a control character, here in an extension line, is malformed, and not cosigned.",
      { text: text("a\u0001b") },
    ),
    refusedNote(
      "note-with-carriage-returns",
      "A note whose signed lines end in CR LF is malformed, and not cosigned.",
      { text: ["{origin}\r", `{${GROWN}}\r`, `{root ${GROWN}}\r`] },
    ),
    refusedNote("note-that-is-not-utf-8", "A note that is not UTF-8 is malformed, and not cosigned.", {
      text: text("a\ue0ffb"),
    }),
  ];
}

function notes(): readonly WitnessCase[] {
  return [
    refusedNote(
      "note-without-final-newline",
      "A note whose last line does not end is malformed, and not cosigned.",
      { edits: [{ cut: 1 }] },
    ),
    refusedNote(
      "note-without-blank-line",
      "A note without an empty line between text and signatures is malformed, and not cosigned.",
      { edits: [{ replace: "\n\n", which: "last", with: "\n" }] },
    ),
    refusedNote(
      "note-with-something-behind",
      "A note with a line behind its signatures that is none is malformed, and not cosigned.",
      { edits: [{ append: "x\n" }] },
    ),
    refusedNote(
      "note-with-blank-line-at-the-end",
      "A note that ends in an empty line has no signatures behind the last empty line: it is not cosigned.",
      { edits: [{ append: "\n" }] },
    ),
    refusedNote(
      "signature-line-with-hyphen",
      "A signature line that starts with a hyphen instead of U+2014 is malformed: the note is not cosigned.",
      { edits: [{ replace: "\n— ", which: "last", with: "\n- " }] },
    ),
    refusedNote(
      "signature-without-padding",
      "A signature without its base64 padding is malformed: the note is not cosigned.",
      { signatures: ["{sign log no-padding}"] },
    ),
    refusedNote(
      "signature-in-url-alphabet",
      "A signature in the base64 alphabet for URLs is malformed: the note is not cosigned.",
      { signatures: ["{sign log url-alphabet}"] },
    ),
    witnessCase(
      NOTE_TEXT,
      "practice",
      "malformed-checkpoint-is-400",
      "What is no checkpoint, here one without a root hash, is refused by 400.",
      { ...notCosigned({ text: ["{origin}", `{${GROWN}}`] }), expect: MALFORMED },
    ),
  ];
}

/** What the documents leave open. Each may move the witness on, so they come last. */
export function openTextCases(): readonly WitnessCase[] {
  const open = (name: string, requirement: string, change: Partial<Recipe>, what: string, to = GROWN) =>
    witnessCase(ADD_CHECKPOINT, "MAY", name, requirement, {
      request: submission("S", to, change),
      sets: to,
      open: what,
    });
  return [
    open(
      "padding-bits-in-proof",
      "Bits set before the padding of a proof line.",
      { lines: ["old {S}", `{proof S ${GROWN} padding-bits}`] },
      PADDING_BITS,
    ),
    open(
      "padding-bits-in-signature",
      "Bits set before the padding of the log's signature.",
      { signatures: ["{sign log padding-bits}"] },
      PADDING_BITS,
    ),
    // No larger: Go's x/mod v0.42 never comes back from checking a proof for 2^63 - 1 leaves.
    open(
      "tree-size-above-2-53",
      "A tree of 2^53 + 1 leaves with a proof that does not verify.",
      { lines: ["old {S}", "{hash 1}"], text: ["{origin}", "9007199254740993", `{root ${GROWN}}`] },
      "No document bounds the tree size: 422 for the proof, or 400 where such sizes cannot be handled.",
    ),
    open(
      "gzip-body",
      "A body with Content-Encoding: gzip.",
      { headers: { "Content-Encoding": "gzip" }, edits: [{ gzip: true }] },
      "tlog-witness says nothing of a request's Content-Encoding: 415, 400, or read as it is meant.",
    ),
    // Last: there are witnesses that answer nothing more for a log of which they stored such a checkpoint.
    open(
      "extension-line",
      "A checkpoint with an extension line.",
      { text: ["{origin}", `{${GROWN}}`, `{root ${GROWN}}`, "an extension line"] },
      "tlog-checkpoint allows extension lines and does not recommend them; an ML-DSA-44 cosignature does not cover them. Some witnesses cosign with Ed25519 only, some refuse.",
    ),
    open(
      "padding-bits-in-root",
      "Bits set before the padding of the root hash line.",
      { text: ["{origin}", `{${GROWN}}`, `{root ${GROWN} padding-bits}`] },
      PADDING_BITS,
    ),
  ];
}
