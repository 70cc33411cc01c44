import {
  ADD_CHECKPOINT,
  COSIGNATURE_FORMAT,
  ED25519_MESSAGE,
  ML_DSA_MESSAGE,
  type Place,
  submission,
  type WitnessCase,
  witnessCase,
} from "./conformance-witness-case.ts";
import { CONFLICT, SIZE_TYPE } from "./conformance-witness-conflicts.ts";

const FIRST = submission("0", "11");
const AGAIN = submission("S", "S");

/** What a witness answers to good requests, and for a log of which it has nothing. */
export function answerCases(): readonly WitnessCase[] {
  return [...neverCosigned(), ...cosigning(), ...answers(), ...answersInPractice()];
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
        request: submission("S", "S"),
        sets: "S",
        expect: { status: [409], contentType: SIZE_TYPE, body: "0\n" },
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
function look(checks: readonly string[], needs: NonNullable<WitnessCase["needs"]> = []) {
  return { request: AGAIN, sets: "S", ...(needs.length > 0 && { needs }), expect: { status: [200], checks } };
}

function answers(): readonly WitnessCase[] {
  const keys = ["witness-keys"] as const;
  const must = (name: string, requirement: string, rest: Parameters<typeof witnessCase>[4]) =>
    witnessCase(ADD_CHECKPOINT, "MUST", name, requirement, rest);
  return [
    must(
      "answer-verifies",
      "Each line of a witness key is that key's cosignature on the checkpoint.",
      look(["verify"], keys),
    ),
    must(
      "answer-holds-own-lines-only",
      "All lines are of the witness's keys: the log's and others' are not sent back.",
      {
        ...look(["own-lines"], keys),
        request: submission("S", "S", { signatures: ["{sign log}", "{sign stranger}"] }),
      },
    ),
    must("answer-has-a-time", "No cosignature has the timestamp 0.", look(["time-set"])),
    witnessCase(
      ADD_CHECKPOINT,
      "SHOULD",
      "answer-has-ml-dsa",
      "Witnesses should use ML-DSA-44 cosignatures.",
      look(["has-ml-dsa"]),
    ),
    witnessCase(
      ML_DSA_MESSAGE,
      "MUST",
      "answer-ml-dsa-is-of-the-whole-tree",
      "An ML-DSA-44 cosignature on a checkpoint has start 0 and the checkpoint's size as its end.",
      look(["verify-ml-dsa"], ["witness-keys", "ml-dsa"]),
    ),
  ];
}

/** What no document says of a good answer. */
function answersInPractice(): readonly WitnessCase[] {
  const practice = (
    place: Place,
    name: string,
    requirement: string,
    rest: Parameters<typeof witnessCase>[4],
  ) => witnessCase(place, "practice", name, requirement, rest);
  return [
    practice(
      COSIGNATURE_FORMAT,
      "answer-has-the-time-of-now",
      "The timestamp of what is cosigned for the first time is that of now: within 600 s of the answer's Date or the tester's clock.",
      { request: submission("S", "S+1"), sets: "S+1", expect: { status: [200], checks: ["time-near"] } },
    ),
    practice(
      ED25519_MESSAGE,
      "answer-times-do-not-go-back",
      "A checkpoint that is cosigned again has no earlier timestamp than before.",
      look(["time-not-back"]),
    ),
    practice(
      ED25519_MESSAGE,
      "answer-has-ed25519",
      "There is an Ed25519 cosignature too, and it verifies: many verifiers know no other kind.",
      look(["verify-ed25519"], ["witness-keys"]),
    ),
    practice(
      ADD_CHECKPOINT,
      "answer-is-small",
      "The answer is smaller than 16 KiB: clients read no more.",
      look(["small"]),
    ),
  ];
}
