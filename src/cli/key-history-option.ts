/** A log's signed history of keys from a file, for copies of logs that show none. spec/key-history.md */
import { longerHistory, openTrustedHistory } from "../archive/carried-keys.ts";
import { TlogError } from "../errors.ts";
import { KeyChangesMissingError } from "../keys/guard.ts";
import type { CheckpointTrust } from "../tlog/checkpoint.ts";
import { type KeyHistory, MAX_KEY_HISTORY_BYTES } from "../tlog/key-history.ts";
import { type Call, textFlag } from "./command.ts";
import { readSmallFile } from "./files.ts";

export const KEY_HISTORY_OPTION = [
  "--key-history <FILE>",
  "what GET /key-history of the log gave, where the place that is read shows less; - for standard input",
] as const;

/**
 * The longer of what a place shows and what --key-history holds.
 * @throws {TlogError} KEY_HISTORY_MALFORMED | KEY_HISTORY_INVALID | KEY_HISTORY_FORKED | FILE_UNREADABLE
 */
export async function knownKeyHistory(
  { flags, stdin }: Call,
  shown: KeyHistory | undefined,
  trust: CheckpointTrust,
): Promise<KeyHistory | undefined> {
  const path = textFlag(flags, "keyHistory");
  if (path === undefined) return shown;
  const limits = { maxBytes: MAX_KEY_HISTORY_BYTES, tooLarge: "KEY_HISTORY_MALFORMED", stdin } as const;
  return longerHistory(await openTrustedHistory(await readSmallFile(path, limits), trust), shown);
}

/** Says where a history may come from, of a refusal for want of it. */
export function withKeyHistoryWay(error: unknown): unknown {
  if (!(error instanceof KeyChangesMissingError)) return error;
  return new TlogError(
    error.code,
    `${error.message}. Give the log's history of keys with --key-history FILE: GET /key-history of the log or any copy of it, or the file key-history of an export`,
    { cause: error },
  );
}
