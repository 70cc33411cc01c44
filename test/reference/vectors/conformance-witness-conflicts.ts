import { ADD_CHECKPOINT, submission, type WitnessCase, witnessCase } from "./conformance-witness-case.ts";

export const SIZE_TYPE = "text/x.tlog.size";
export const CONFLICT = { status: [409], contentType: SIZE_TYPE, body: "{S}\n" };

/** The statuses for checkpoints that are not consistent with what the witness has. */
export function conflictCases(): readonly WitnessCase[] {
  return [...conflicts(), ...proofs()];
}

function conflicts(): readonly WitnessCase[] {
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "old-size-zero-tells-the-size",
      "An old size of 0, when something was cosigned, is 409 with the size, in this Content-Type and with a newline.",
      { request: submission("0", "S+4"), sets: "S+4", expect: CONFLICT },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "conflict-has-just-the-type",
      "The Content-Type of the size is written just so: clients compare it byte by byte.",
      {
        request: submission("0", "S+4"),
        sets: "S+4",
        expect: { status: [409], checks: ["size-type-exact"] },
        note: "RFC 9110 lets a type be written in any case, and have parameters.",
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "smaller-old-size-is-409",
      "An old size below the newest cosigned one is 409, although the proof from it is good.",
      { request: submission("S-1", "S+4"), sets: "S+4", expect: CONFLICT },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "larger-old-size-is-409",
      "An old size above the newest cosigned one is 409, although the proof from it is good.",
      { request: submission("S+2", "S+4"), sets: "S+4", expect: CONFLICT },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "smaller-tree-is-409",
      "A tree smaller than the newest cosigned one is not cosigned again.",
      { request: submission("S-3", "S-1"), sets: "S-1", expect: CONFLICT },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "old-size-beyond-the-checkpoint-is-400",
      "An old size above the checkpoint's is 400.",
      { request: submission("S", "S-1", { lines: ["old {S}"] }), sets: "S-1", expect: { status: [400] } },
    ),
  ];
}

function proofs(): readonly WitnessCase[] {
  const wrong = (how: string) => ({
    request: submission("S", "S+6", { lines: ["old {S}", `{proof S S+6 ${how}}`] }),
    sets: "S+6",
    expect: { status: [422] },
  });
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "proof-too-short-is-422",
      "A proof with one hash too few is 422.",
      wrong("drop-last"),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "proof-too-long-is-422",
      "A proof with one hash too many is 422.",
      wrong("extra"),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "proof-with-a-wrong-bit-is-422",
      "A proof with one bit turned is 422.",
      wrong("flipped"),
    ),
    witnessCase(ADD_CHECKPOINT, "MUST", "proof-missing-is-422", "A larger tree without a proof is 422.", {
      request: submission("S", "S+6", { lines: ["old {S}"] }),
      sets: "S+6",
      expect: { status: [422] },
    }),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "proof-between-equal-sizes-is-422",
      "A proof that is not empty, between equal sizes, is 422, or 400.",
      {
        request: submission("S", "S", { lines: ["old {S}", "{hash 1}"] }),
        sets: "S",
        expect: { status: [422, 400] },
        note: "RFC 6962 §2.1.2 has no proof between equal sizes, so the lines are none that fails to verify (422), or not what such a request has (400).",
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "refusals-change-nothing",
      "After refused requests the newest cosigned checkpoint is the one before them, and grows as if they had not been.",
      { request: submission("S", "S+2"), sets: "S+2", expect: { status: [200], checks: ["lines"] } },
    ),
  ];
}
