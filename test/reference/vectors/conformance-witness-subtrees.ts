import {
  checkpoint,
  EITHER_FIRST,
  type Recipe,
  SIGN_SUBTREE,
  UNKNOWN_ORIGIN,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

/** A good request for a subtree of the newest cosigned checkpoint, with some of it changed. */
function ask(start: string, end: string, change: Partial<Recipe> = {}): Recipe {
  return {
    method: "POST",
    path: "sign-subtree",
    lines: [
      `subtree {${start}} {${end}}`,
      `{subtree-hash ${start} ${end}}`,
      `{subtree-proof ${start} ${end}}`,
    ],
    ...checkpoint("S"),
    signatures: ["{cosignatures}"],
    ...change,
  };
}

/** What tells whether sign-subtree is offered at all. */
export const SUBTREE_OFFER = ask("4", "6");

export function subtreeCases(): readonly WitnessCase[] {
  return [...signedSubtrees(), ...malformedSubtrees(), ...refusedSubtrees(), ...openSubtrees()];
}

const needs = ["subtrees"] as const;
type Rest = Parameters<typeof witnessCase>[4];

function must(name: string, requirement: string, rest: Rest): WitnessCase {
  return witnessCase(SIGN_SUBTREE, "MUST", name, requirement, { needs, ...rest });
}

function signedSubtrees(): readonly WitnessCase[] {
  const good = (start: string, end: string, checks: readonly string[]) => ({
    needs,
    subtree: [start, end] as const,
    request: ask(start, end),
    expect: { status: [200], checks },
  });
  return [
    must(
      "subtree-is-signed",
      "A subtree of a cosigned checkpoint with its proof is signed.",
      good("4", "6", ["lines"]),
    ),
    must("subtree-verifies", "The answer is ML-DSA-44 cosignatures of just those leaves, with timestamp 0.", {
      ...good("8", "11", ["subtree-verify"]),
      needs: ["subtrees", "witness-keys"],
    }),
    witnessCase(
      SIGN_SUBTREE,
      "SHOULD",
      "subtree-is-signed-by-the-same-key",
      "The keys are of those that signed the checkpoint.",
      good("0", "8", ["subtree-same-key"]),
    ),
    must(
      "subtree-of-the-whole-tree",
      "The whole tree is a subtree of itself, with an empty proof.",
      good("0", "S", ["lines"]),
    ),
    witnessCase(
      SIGN_SUBTREE,
      "practice",
      "subtree-with-the-logs-line",
      "The log's own line in the checkpoint, which clients should leave out, does no harm.",
      {
        ...good("4", "6", ["lines"]),
        request: ask("4", "6", { signatures: ["{sign log}", "{cosignatures}"] }),
      },
    ),
  ];
}

function bad(status: readonly number[], change: Partial<Recipe>): Rest {
  return { request: ask("4", "6", change), expect: { status } };
}

function malformedSubtrees(): readonly WitnessCase[] {
  const lines = (range: string) => ({ lines: [range, "{subtree-hash 4 6}", "{subtree-proof 4 6}"] });
  const malformed = (name: string, requirement: string, change: Partial<Recipe>) =>
    must(name, requirement, bad([400], change));
  return [
    malformed(
      "subtree-beyond-the-tree-is-400",
      "An end beyond the checkpoint's size is 400.",
      lines("subtree {0} {S+1}"),
    ),
    malformed("subtree-turned-round-is-400", "A start behind the end is 400.", lines("subtree 6 4")),
    malformed(
      "subtree-not-aligned-is-400",
      "A start that is no multiple of the subtree's width is 400.",
      lines("subtree 5 7"),
    ),
    malformed("subtree-leading-zero-is-400", "A start with a leading zero is 400.", lines("subtree 04 6")),
    malformed(
      "subtree-third-number-is-400",
      "A third number in the range line is 400.",
      lines("subtree 4 6 8"),
    ),
    malformed("subtree-without-hash-is-400", "A request without the hash line is 400.", {
      lines: ["subtree 4 6"],
    }),
    must("subtree-proof-of-64-lines-is-refused", "More than 63 proof lines are 400, or 422.", {
      ...bad([400, 422], { lines: ["subtree 4 6", "{subtree-hash 4 6}", ...Array(64).fill("{hash 1}")] }),
      note: "That many no client may send, which is 400; and they do not verify, which is 422. The document does not say which comes first.",
    }),
  ];
}

function refusedSubtrees(): readonly WitnessCase[] {
  return [
    must(
      "subtree-bad-proof-is-422",
      "A proof with a turned bit is 422.",
      bad([422], { lines: ["subtree 4 6", "{subtree-hash 4 6}", "{subtree-proof 4 6 flipped}"] }),
    ),
    must(
      "subtree-other-hash-is-422",
      "Another hash than the subtree's is 422.",
      bad([422], { lines: ["subtree 4 6", "{hash 1}", "{subtree-proof 4 6}"] }),
    ),
    must(
      "subtree-without-cosignature-is-403",
      "A checkpoint that the witness did not cosign is 403.",
      bad([403], { signatures: ["{sign log}"] }),
    ),
    must(
      "subtree-forged-cosignature-is-403",
      "A checkpoint whose cosignatures do not verify is 403.",
      bad([403], { signatures: ["{cosignatures flipped}"] }),
    ),
    must(
      "subtree-of-an-unknown-log-is-404",
      "An unknown origin is 404, or 403 since the witness cosigned no such checkpoint.",
      { ...bad(UNKNOWN_ORIGIN, { text: ["{origin}/other", "{S}", "{root S}"] }), note: EITHER_FIRST },
    ),
    witnessCase(
      SIGN_SUBTREE,
      "practice",
      "subtree-get-is-405",
      "GET is not what sign-subtree is called by: 405.",
      {
        needs,
        state: "cosigned",
        request: { method: "GET", path: "sign-subtree" },
        expect: { status: [405] },
      },
    ),
  ];
}

function openSubtrees(): readonly WitnessCase[] {
  return [
    witnessCase(
      SIGN_SUBTREE,
      "MAY",
      "subtree-empty-range",
      "A subtree of no leaves, start and end the same.",
      {
        needs,
        request: ask("4", "6", { lines: ["subtree 4 4", "{root 0}"] }),
        open: "draft-ietf-plants-merkle-tree-certs §4.1 does not exclude an empty range, and nothing can be proven of one.",
      },
    ),
  ];
}
