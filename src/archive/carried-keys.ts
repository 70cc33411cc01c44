/** The signed history of a log's keys, as it goes with the log from place to place. spec/key-history.md */
import { TlogError } from "../errors.ts";
import type { LogStore } from "../store/store.ts";
import { type CheckpointTrust, openCheckpoint, type VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { formatVerifierKey, type VerifierKey } from "../tlog/key.ts";
import {
  compareKeyHistories,
  formatKeyHistory,
  type KeyHistory,
  keySets,
  keysAt,
  openKeyHistory,
  parseKeyHistory,
} from "../tlog/key-history.ts";
import { parseNote } from "../tlog/note.ts";
import { assertHolds } from "./append.ts";
import type { LogSource } from "./source.ts";

/**
 * The history that a place shows, every signature verified, about a key that is believed; undefined where there is none.
 * @throws {TlogError} KEY_HISTORY_MALFORMED | KEY_HISTORY_INVALID, and what the place fails with
 */
export async function readKeyHistory(
  source: LogSource,
  { trust, signal }: { readonly trust: CheckpointTrust; readonly signal: AbortSignal },
): Promise<KeyHistory | undefined> {
  const history = await source.readKeyHistory(signal);
  return history && (await openTrustedHistory(history, trust));
}

/** Every signature verified, about a key that is believed. @throws {TlogError} KEY_HISTORY_MALFORMED | KEY_HISTORY_INVALID */
export async function openTrustedHistory(history: Uint8Array, trust: CheckpointTrust): Promise<KeyHistory> {
  const trusted = keysIn(trust);
  const origin = trust.expectedOrigin ?? trusted[0]?.name ?? "";
  return await openKeyHistory({ history, origin, trusted: namedIn(trusted, origin) });
}

/**
 * The newest checkpoint of a place, signed by who speaks for the log at its size.
 * @param options.history - of the log's keys, as {@link readKeyHistory} has it.
 * @throws {TlogError} as `openCheckpoint`, and what the place fails with
 */
export async function openNewestHead(
  source: LogSource,
  {
    trust,
    history,
    signal,
  }: {
    readonly trust: CheckpointTrust;
    readonly history: KeyHistory | undefined;
    readonly signal: AbortSignal;
  },
): Promise<VerifiedCheckpoint> {
  return await openHead(await source.readCheckpoint(signal), { trust, history });
}

/** A checkpoint that is signed by who speaks for the log at its size. @throws {TlogError} as `openCheckpoint` */
export async function openHead(
  signedNote: Uint8Array,
  { trust, history }: { readonly trust: CheckpointTrust; readonly history: KeyHistory | undefined },
): Promise<VerifiedCheckpoint> {
  if (history === undefined) return openCheckpoint({ ...trust, signedNote });
  const { treeSize } = parseCheckpoint(decodeUtf8(parseNote(signedNote).text));
  return openCheckpoint({ ...trustAt(trust, history, treeSize), signedNote });
}

/** The one that says more. @throws {TlogError} KEY_HISTORY_FORKED */
export function longerHistory(
  one: KeyHistory | undefined,
  other: KeyHistory | undefined,
): KeyHistory | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const relation = compareKeyHistories(one, other);
  if (relation !== "forked") return relation === "longer" ? one : other;
  throw new TlogError(
    "KEY_HISTORY_FORKED",
    `there are two signed histories of the keys of ${one.origin} that contradict each other: keep both; somebody else has one of its keys`,
  );
}

/**
 * Keeps the longer of what the store has and what came with the log, held against the tree that is here by now.
 * @throws {TlogError} KEY_HISTORY_FORKED | KEY_HISTORY_INVALID (of another tree) | INCOMPLETE (of a larger tree) |
 *   KEY_RETIRED (only keys that were replaced signed the head)
 */
export async function recordKeys(
  store: LogStore,
  { head, keyHistory }: { readonly head: VerifiedCheckpoint; readonly keyHistory: KeyHistory | undefined },
): Promise<void> {
  const { keys, integrated } = await store.head();
  const held = keys && parseKeyHistory(keys.history);
  const history = longerHistory(held, keyHistory);
  if (history === undefined) return;
  const speakers = keysAt(history, keySets(history).flat(), head.treeSize).map(formatVerifierKey);
  if (!head.logKeys.some((vkey) => speakers.includes(vkey))) {
    throw new TlogError(
      "KEY_RETIRED",
      `only keys that were replaced signed the head of size ${head.treeSize}: it is not the log's`,
    );
  }
  for (const change of history.changes) {
    if (change.treeSize > integrated.treeSize) {
      throw new TlogError(
        "INCOMPLETE",
        `the log's keys changed at size ${change.treeSize}, and there are ${integrated.treeSize} entries: try again with a newer copy`,
      );
    }
    await assertHolds(store, change).catch((cause: unknown) => {
      if (!(cause instanceof TlogError) || cause.code !== "ROOT_MISMATCH") throw cause;
      const reason = `key history: change ${change.number} names another tree of size ${change.treeSize} than the log has`;
      throw new TlogError("KEY_HISTORY_INVALID", reason, { cause });
    });
  }
  if (history.changes.length === held?.changes.length) return;
  await store.recordHeads({ keys: { changes: history.changes.length, history: formatKeyHistory(history) } });
}

function keysIn({ policy, logKeys }: CheckpointTrust): readonly VerifierKey[] {
  return policy === undefined ? logKeys : policy.logs.map(({ key }) => key);
}

function namedIn(keys: readonly VerifierKey[], origin: string): readonly VerifierKey[] {
  return keys.filter(({ name }) => name === origin);
}

/** With the keys that speak for a tree of this size in place of those that were chosen. */
function trustAt(trust: CheckpointTrust, history: KeyHistory, treeSize: number): CheckpointTrust {
  const { origin } = history;
  const logKeys = keysAt(history, namedIn(keysIn(trust), origin), treeSize);
  const { policy } = trust;
  if (policy === undefined) return { ...trust, logKeys };
  const others = policy.logs.filter(({ key }) => key.name !== origin);
  return { ...trust, policy: { ...policy, logs: [...logKeys.map((key) => ({ key })), ...others] } };
}
