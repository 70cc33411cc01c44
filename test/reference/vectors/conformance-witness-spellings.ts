import {
  ADD_CHECKPOINT,
  MALFORMED,
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

/** Requests that are malformed in one place, and would be cosigned if that place were read generously. */
export function spellingCases(): readonly WitnessCase[] {
  return [...oldLines(), ...proofLines(), ...frames(), ...sizes(), ...roots(), ...characters()];
}

/** A request that is right but for what is changed. */
function malformed(change: Partial<Recipe>, to = GROWN) {
  return { request: submission("S", to, change), sets: to, expect: MALFORMED };
}

function oldLines(): readonly WitnessCase[] {
  const spelled: readonly (readonly [name: string, line: string, what: string])[] = [
    ["leading-zero", "old 0{S}", "a leading zero"],
    ["plus-sign", "old +{S}", "a plus sign"],
    ["exponent", "old {S}e0", "an exponent"],
    ["hexadecimal", "old 0x{S}", "the prefix 0x"],
    ["trailing-word", "old {S} 1", "a second number behind it"],
    ["trailing-space", "old {S} ", "a space behind it"],
    ["two-spaces", "old  {S}", "two spaces in front of it"],
    ["no-number", "old ", "no number at all"],
  ];
  return [
    ...spelled.map(([name, line, what]) =>
      witnessCase(
        ADD_CHECKPOINT,
        "practice",
        `old-line-${name}`,
        `An old size line with ${what} is malformed, and refused by 400.`,
        malformed({ lines: [line, `{proof S ${GROWN}}`] }),
      ),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "old-line-beyond-64-bits",
      "An old size above 2^64 - 1 is refused by 400, and not taken for what is left of it in 64 bits.",
      malformed({ lines: ["old 18446744073709551616", `{proof S ${GROWN}}`] }),
    ),
  ];
}

function proofLines(): readonly WitnessCase[] {
  const to = "S+37";
  const spelled = (how: string) => ({ lines: ["old {S}", `{proof S ${to} ${how}}`] });
  const line = (name: string, what: string, change: Partial<Recipe>) =>
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      `proof-line-${name}`,
      `A proof line ${what} is malformed, and refused by 400.`,
      malformed(change, to),
    );
  return [
    line("without-padding", "without its padding", spelled("no-padding")),
    line("in-url-alphabet", "in the alphabet for URLs", spelled("url-alphabet")),
    line("of-31-bytes", "of 31 bytes", spelled("short")),
    line("of-33-bytes", "of 33 bytes", spelled("long")),
    line("with-trailing-space", "with a space behind it", {
      lines: ["old {S}", `{proof S ${to}}`, "{hash 1} "],
    }),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "proof-of-64-lines",
      "More than 63 proof lines, which no client may send, are refused by 400.",
      malformed({ lines: ["old {S}", ...Array(64).fill("{hash 1}")] }),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "proof-of-63-lines",
      "63 proof lines are well-formed: they do not verify, which is 422.",
      {
        request: submission("S", GROWN, { lines: ["old {S}", ...Array(63).fill("{hash 1}")] }),
        sets: GROWN,
        expect: { status: [422] },
      },
    ),
  ];
}

function frames(): readonly WitnessCase[] {
  const frame = (name: string, requirement: string, change: Partial<Recipe>) =>
    witnessCase(ADD_CHECKPOINT, "practice", name, requirement, malformed(change));
  const lines = ["old {S}", `{proof S ${GROWN}}`];
  return [
    witnessCase(ADD_CHECKPOINT, "practice", "empty-body", "An empty body is refused by 400.", {
      request: { method: "POST", path: "add-checkpoint", lines: [] },
      expect: MALFORMED,
    }),
    frame("no-blank-line", "No empty line between the proof and the checkpoint is refused by 400.", {
      edits: [{ replace: "\n\n", which: "first", with: "\n" }],
    }),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "no-checkpoint",
      "No checkpoint behind the empty line is refused by 400.",
      {
        request: { method: "POST", path: "add-checkpoint", lines: ["old {S}", ""] },
        expect: MALFORMED,
      },
    ),
    frame("no-old-line", "A request that starts with the proof is refused by 400.", {
      lines: [`{proof S ${GROWN}}`],
    }),
    frame("old-line-twice", "A second old size line in front of the proof is refused by 400.", {
      lines: ["old {S}", ...lines],
    }),
    frame("carriage-returns", "Lines that end in CR LF are refused by 400.", {
      edits: [{ replace: "\n", which: "all", with: "\r\n" }],
    }),
  ];
}

/** The log signs what no checkpoint is: that must not be cosigned, whatever the log says. */
function sizes(): readonly WitnessCase[] {
  const spelled: readonly (readonly [name: string, line: string, what: string])[] = [
    ["leading-zero", `0{${GROWN}}`, "a leading zero"],
    ["plus-sign", `+{${GROWN}}`, "a plus sign"],
    ["exponent", `{${GROWN}}e0`, "an exponent"],
    ["trailing-space", `{${GROWN}} `, "a space behind it"],
    ["trailing-letter", `{${GROWN}}x`, "a letter behind it"],
    ["beyond-64-bits", "18446744073709551616{S}", "a value above 2^64 - 1"],
  ];
  return spelled.map(([name, line, what]) =>
    witnessCase(
      NOTE_TEXT,
      "MUST",
      `tree-size-${name}`,
      `A signed text whose tree size has ${what} is no checkpoint: it is not cosigned, but refused by 400.`,
      malformed({ text: ["{origin}", line, `{root ${GROWN}}`] }),
    ),
  );
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
        `A signed text with a root hash line ${what} is no checkpoint: it is not cosigned, but refused by 400.`,
        malformed({ text: ["{origin}", `{${GROWN}}`, line] }),
      ),
    ),
    witnessCase(
      NOTE_TEXT,
      "MUST",
      "root-line-in-url-alphabet",
      "A signed text with a root hash in the alphabet for URLs is no checkpoint: it is not cosigned, but refused by 400.",
      malformed(
        { text: ["{origin}", "{S+6}", "{root S+6 url-alphabet}"], lines: ["old {S}", "{proof S S+6}"] },
        "S+6",
      ),
    ),
    ...notes.map(([name, text, what]) =>
      witnessCase(
        NOTE_TEXT,
        "MUST",
        `checkpoint-${name}`,
        `A signed text ${what} is no checkpoint: it is not cosigned, but refused by 400.`,
        malformed({ text }),
      ),
    ),
  ];
}

function characters(): readonly WitnessCase[] {
  const text = (extension: string) => ["{origin}", `{${GROWN}}`, `{root ${GROWN}}`, extension];
  const refused = (
    name: string,
    requirement: string,
    change: Partial<Recipe>,
    status: readonly number[] = [400],
  ) =>
    witnessCase(NOTE_FORMAT, "MUST", name, requirement, {
      ...malformed(change),
      expect: { ...MALFORMED, status },
    });
  return [
    refused(
      "note-with-control-character",
      "A note with a control character, here in an extension line, is malformed: it is not cosigned, but refused by 400.",
      { text: text("a\u0001b") },
    ),
    refused(
      "note-with-carriage-returns",
      "A note whose signed lines end in CR LF is malformed: it is not cosigned, but refused by 400, or by 404 for the origin.",
      { text: ["{origin}\r", `{${GROWN}}\r`, `{root ${GROWN}}\r`] },
      [400, 404],
    ),
    refused(
      "note-that-is-not-utf-8",
      "A note that is not UTF-8 is malformed: it is not cosigned, but refused by 400.",
      { text: text("a\ue0ffb") },
    ),
    refused(
      "note-without-final-newline",
      "A note whose last line does not end is malformed: it is not cosigned, but refused by 400.",
      { edits: [{ cut: 1 }] },
    ),
    refused(
      "note-without-blank-line",
      "A note without an empty line between text and signatures is malformed: it is not cosigned, but refused by 400.",
      { edits: [{ replace: "\n\n", which: "last", with: "\n" }] },
    ),
    refused(
      "note-with-something-behind",
      "A note with a line behind its signatures that is none is malformed: it is not cosigned, but refused by 400.",
      { edits: [{ append: "x\n" }] },
    ),
    refused(
      "note-with-blank-line-at-the-end",
      "A note that ends in an empty line has no signatures behind the last empty line: it is not cosigned.",
      { edits: [{ append: "\n" }] },
    ),
    refused(
      "signature-line-with-hyphen",
      "A signature line that starts with a hyphen instead of U+2014 is malformed: the note is not cosigned.",
      { edits: [{ replace: "\n— ", which: "last", with: "\n- " }] },
    ),
    refused(
      "signature-without-padding",
      "A signature without its base64 padding is malformed: the note is not cosigned.",
      { signatures: ["{sign log no-padding}"] },
    ),
    refused(
      "signature-in-url-alphabet",
      "A signature in the base64 alphabet for URLs is malformed: the note is not cosigned.",
      { signatures: ["{sign log url-alphabet}"] },
    ),
  ];
}

/** What the documents leave open. Each may move the witness on, so they come last. */
export function openSpellingCases(): readonly WitnessCase[] {
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
