/** Making a change of a log's keys. spec/key-history.md */
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { concatBytes, encodeUtf8 } from "./encoding.ts";
import { keyLabel, type NoteSigner, type VerifierKey } from "./key.ts";
import { areSameKeys, formatKeyChange, isSameVerifierKey } from "./key-change.ts";
import {
  currentKeys,
  formatKeyHistory,
  type KeyHistory,
  openKeyHistory,
  parseKeyHistory,
} from "./key-history.ts";
import { signNote } from "./note.ts";

/** Which keys take the place of which, and at what tree. */
export interface KeyChangeRequest {
  readonly origin: string;
  readonly atSeconds: number;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** What was said before; undefined: nothing. */
  readonly history: KeyHistory | undefined;
  /** Of the log's keys now: the Ed25519 one, then an ML-DSA-44 one. */
  readonly oldSigners: readonly NoteSigner[];
  /** Of the log's keys from now on; one that stays is in both. */
  readonly newSigners: readonly NoteSigner[];
}

/**
 * Signs a change with every key before and after it, and verifies what came of it.
 * @returns the history with it.
 * @throws {TlogError} ARGUMENT_INVALID (no change, other keys than the history ends with, a key that was the log's before), and what the signers throw
 */
export async function signKeyChange(request: KeyChangeRequest): Promise<KeyHistory> {
  const { origin, atSeconds, treeSize, rootHash, history, oldSigners, newSigners } = request;
  const oldKeys = keysOf(oldSigners);
  const newKeys = keysOf(newSigners);
  if (history !== undefined && !areSameKeys(currentKeys(history), oldKeys)) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `the old keys are not those that the key history ends with: a change wants a signature of ${currentKeys(history).map(keyLabel).join(" and ")}; without one of them the keys cannot be changed any more (deploy/keys.md)`,
    );
  }
  const last = history?.changes.at(-1);
  const text = formatKeyChange({
    origin,
    number: (last?.number ?? 0) + 1,
    atSeconds,
    treeSize,
    rootHash,
    previous: last && sha256(last.note.text),
    oldKeys,
    newKeys,
  });
  const added = newSigners.filter(
    ({ verifierKey }) => !oldKeys.some((key) => isSameVerifierKey(key, verifierKey)),
  );
  const note = await signNote(encodeUtf8(text), [...oldSigners, ...added]);
  const before = history === undefined ? [] : [formatKeyHistory(history), encodeUtf8("\n")];
  const bytes = concatBytes(...before, note);
  try {
    parseKeyHistory(bytes);
    return await openKeyHistory({ history: bytes, origin, trusted: oldKeys });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("ARGUMENT_INVALID", cause.message, { cause });
  }
}

function keysOf(signers: readonly NoteSigner[]): readonly VerifierKey[] {
  return signers.map(({ verifierKey }) => verifierKey);
}
