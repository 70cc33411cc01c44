import {
  ADD_CHECKPOINT,
  COSIGNATURE_FORMAT,
  ED25519_MESSAGE,
  ML_DSA_MESSAGE,
  submission,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";

const FIRST = submission("0", "11");
const AGAIN = submission("S", "S");
const SIZE_TYPE = "text/x.tlog.size";
const CONFLICT = { status: [409], contentType: SIZE_TYPE, body: "{S}\n" };

/** What a witness answers to good requests, and the statuses for those that are not consistent with what it has. */
export function answerCases(): readonly WitnessCase[] {
  return [...neverCosigned(), ...cosigning(), ...answers(), ...conflicts(), ...proofs()];
}

function neverCosigned(): readonly WitnessCase[] {
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "never-cosigned-old-size-is-409",
      "An old size other than 0 for a log of which nothing was cosigned is 409, with the size 0.",
      {
        log: "fresh",
        state: "discovers",
        request: submission("1", "1"),
        sets: "1",
        expect: { status: [409], contentType: SIZE_TYPE, body: "{S}\n" },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "never-cosigned-larger-old-size-is-409",
      "The same with an old size below the checkpoint's, and a proof that would hold.",
      {
        log: "fresh",
        state: "never",
        request: submission("3", "7"),
        sets: "7",
        expect: { status: [409], contentType: SIZE_TYPE, body: "0\n" },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "never-cosigned-proof-is-422",
      "A proof that is not empty when the old size is 0 is 422.",
      {
        log: "fresh",
        state: "never",
        request: submission("0", "7", { lines: ["old 0", "{hash 1}"] }),
        sets: "7",
        expect: { status: [422] },
      },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "first-checkpoint-is-cosigned",
      "The first checkpoint of a known log is cosigned without a proof.",
      { state: "discovers", request: FIRST, sets: "11", expect: { status: [200], checks: ["lines"] } },
    ),
  ];
}

function cosigning(): readonly WitnessCase[] {
  const growth = (by: number) => ({
    request: submission("S", `S+${by}`),
    sets: `S+${by}`,
    expect: { status: [200], checks: ["lines"] },
  });
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "growth-is-cosigned",
      "A larger tree with a consistency proof from the newest cosigned one is cosigned.",
      growth(4),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "growth-across-levels-is-cosigned",
      "The same for a tree that grew by more than it had at the start.",
      growth(50),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "same-checkpoint-is-cosigned-again",
      "The newest cosigned checkpoint, sent again with its size as the old size and no proof, is cosigned.",
      { request: AGAIN, sets: "S", expect: { status: [200], checks: ["lines"] } },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "growth-was-recorded",
      "The record is that of the newest cosigned checkpoint: a proof from it, and from no older one, is good.",
      {
        request: submission("S-4", "S"),
        expect: CONFLICT,
      },
    ),
  ];
}

/** Each sends the newest checkpoint again and looks at one thing in the answer. */
function answers(): readonly WitnessCase[] {
  const look = (checks: readonly string[], needsKeys: boolean) => ({
    request: AGAIN,
    sets: "S",
    ...(needsKeys ? { needs: ["witness-keys" as const] } : {}),
    expect: { status: [200], checks },
  });
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "answer-verifies",
      "Each line of a witness key is that key's cosignature on the checkpoint.",
      look(["verify"], true),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "answer-holds-own-lines-only",
      "All lines are of the witness's keys: the log's and others' are not sent back.",
      { ...look(["own-lines"], true), note: "Give every key of the witness." },
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "answer-has-a-time",
      "No cosignature has the timestamp 0.",
      look(["time-set"], false),
    ),
    witnessCase(
      COSIGNATURE_FORMAT,
      "MUST",
      "answer-has-the-time-of-now",
      "The timestamp is the time at which the cosignature was generated: within 600 s of the tester's clock.",
      look(["time-near"], false),
    ),
    witnessCase(
      ED25519_MESSAGE,
      "practice",
      "answer-times-do-not-go-back",
      "A checkpoint that is cosigned again has no earlier timestamp than before.",
      look(["time-not-back"], false),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "SHOULD",
      "answer-has-ml-dsa",
      "Witnesses should use ML-DSA-44 cosignatures.",
      look(["has-ml-dsa"], false),
    ),
    witnessCase(
      ML_DSA_MESSAGE,
      "MUST",
      "answer-ml-dsa-is-of-the-whole-tree",
      "An ML-DSA-44 cosignature on a checkpoint has start 0 and the checkpoint's size as its end.",
      { ...look(["verify-ml-dsa"], true), needs: ["witness-keys", "ml-dsa"] },
    ),
    witnessCase(
      ED25519_MESSAGE,
      "practice",
      "answer-has-ed25519",
      "There is an Ed25519 cosignature too, and it verifies: many verifiers know no other kind.",
      look(["verify-ed25519"], true),
    ),
    witnessCase(
      ADD_CHECKPOINT,
      "practice",
      "answer-is-small",
      "The answer is smaller than 16 KiB: clients read no more.",
      look(["small"], false),
    ),
  ];
}

function conflicts(): readonly WitnessCase[] {
  return [
    witnessCase(
      ADD_CHECKPOINT,
      "MUST",
      "old-size-zero-tells-the-size",
      "An old size of 0, when something was cosigned, is 409 with the size, in exactly this Content-Type and with a newline.",
      { request: submission("0", "S+4"), sets: "S+4", expect: CONFLICT },
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
      "A proof that is not empty, between equal sizes, is 422: RFC 6962 §2.1.2 gives an empty one.",
      {
        request: submission("S", "S", { lines: ["old {S}", "{hash 1}"] }),
        sets: "S",
        expect: { status: [422] },
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
