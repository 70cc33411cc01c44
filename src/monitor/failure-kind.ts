import type { ErrorCode, TlogError } from "../errors.ts";
import type { AlarmKind } from "./alert.ts";

/** What a failure says of a log; undefined: nothing, but of this program or its machine. "silence": no answer that could be judged. */
export function failureKind({ code }: TlogError): FailureKind | undefined {
  return KINDS.find(([, codes]) => codes.includes(code))?.[0];
}

export type FailureKind =
  | Extract<AlarmKind, "fork" | "quorum-lost" | "bad-checkpoint" | "wrong-bytes">
  | "silence";

const KINDS: readonly (readonly [FailureKind, readonly ErrorCode[]])[] = [
  ["fork", ["LOG_FORKED", "KEY_HISTORY_FORKED"]],
  ["quorum-lost", ["QUORUM_NOT_MET"]],
  [
    "bad-checkpoint",
    [
      "NOTE_MALFORMED",
      "CHECKPOINT_MALFORMED",
      "COSIGNATURE_MALFORMED",
      "NUMBER_MALFORMED",
      "NUMBER_TOO_LARGE",
      "BASE64_MALFORMED",
      "UTF8_MALFORMED",
      "KEY_HISTORY_MALFORMED",
      "KEY_HISTORY_INVALID",
      "ORIGIN_MISMATCH",
      "SIGNATURE_MISSING",
      "SIGNATURE_INVALID",
    ],
  ],
  [
    "wrong-bytes",
    [
      "ROOT_MISMATCH",
      "TILE_MALFORMED",
      "HASH_MALFORMED",
      "BUNDLE_MALFORMED",
      "ENTRY_MISMATCH",
      "REMOTE_TOO_LARGE",
    ],
  ],
  ["silence", ["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT", "REMOTE_REFUSED", "REMOTE_MALFORMED"]],
];
