import {
  ADD_CHECKPOINT,
  MALFORMED,
  type Recipe,
  submission,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

const GROWN = "S+3";

/** Requests that are malformed in one place, and would be cosigned if that place were read generously. */
export function spellingCases(): readonly WitnessCase[] {
  return [...oldLines(), ...proofLines(), ...frames()];
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
