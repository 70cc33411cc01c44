/** Which keys speak for this log, and how they change. spec/key-history.md, spec/decisions/0049 */
import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { LogStore, PublishedHead, StoreHead } from "../store/store.ts";
import { ED25519, keyLabel, type NoteSigner, type VerifierKey } from "../tlog/key.ts";
import { isSameVerifierKey } from "../tlog/key-change.ts";
import {
  currentKeys,
  formatKeyHistory,
  type KeyHistory,
  keySets,
  keysAt,
  openKeyHistory,
} from "../tlog/key-history.ts";
import { parseNote } from "../tlog/note.ts";
import { signKeyChange } from "../tlog/sign-key-change.ts";
import { ownSigners } from "./former-signers.ts";
import type { Publication } from "./log.ts";

/** New keys for a log, at this opening: the change is signed, kept, and from then on the new keys sign beside the old ones. */
export interface KeyChangeWish {
  /** POSIX seconds. */
  readonly atSeconds: number;
  /** The log's keys from now on: an Ed25519 one, then at most one ML-DSA-44 one. One that stays is among them. */
  readonly signers: readonly NoteSigner[];
}

/** The keys of a log, as it knows them itself. */
export interface OwnKeys {
  /** Undefined: they never changed. */
  readonly history: KeyHistory | undefined;
  /** Those whose signature makes a head of this size the log's. */
  at(treeSize: number): readonly VerifierKey[];
  /** Of every key it has or had: what tells its lines from those of others. */
  readonly labels: ReadonlySet<string>;
}

/** The history that is stored, signatures verified; undefined: the keys never changed. @throws {TlogError} STORE_DAMAGED */
export async function openKeptHistory(
  { keys }: Pick<StoreHead, "keys">,
  origin: string,
): Promise<KeyHistory | undefined> {
  try {
    return keys && (await openKeyHistory({ history: keys.history, origin }));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("STORE_DAMAGED", `meta row keys: ${cause.message}`, { cause });
  }
}

/**
 * Holds what signs against what was said of the log's keys.
 * @param stored.history - as {@link openKeptHistory} has it.
 * @throws {TlogError} KEY_RETIRED (a key that was replaced would sign first) | STORE_ORIGIN_MISMATCH
 */
export function openOwnKeys(
  {
    history,
    published,
  }: { readonly history: KeyHistory | undefined; readonly published: PublishedHead | undefined },
  { signers }: { readonly signers: readonly NoteSigner[] },
): OwnKeys {
  const signing = signers.map(({ verifierKey }) => verifierKey);
  if (history === undefined) {
    assertFirstKeys(published, signing);
    return ownKeys(undefined, signing);
  }
  assertCurrent(history, signing);
  return ownKeys(history, signing);
}

/**
 * Changes the keys of a log all of whose entries are published; durable when this resolves.
 * @throws {TlogError} ARGUMENT_INVALID | NOT_PUBLISHED: nothing is changed then; and what signers and store throw
 */
export async function settleKeyChange(
  { atSeconds, signers: newSigners }: KeyChangeWish,
  from: {
    readonly store: LogStore;
    readonly head: StoreHead;
    readonly keys: OwnKeys;
    readonly origin: string;
    /** Those the log is opened with: its keys up to now, and maybe former ones. */
    readonly signers: readonly NoteSigner[];
  },
): Promise<OwnKeys> {
  const { store, head, keys, origin, signers } = from;
  const { integrated, published } = head;
  if (published?.treeSize !== integrated.treeSize) {
    throw new TlogError(
      "NOT_PUBLISHED",
      `the log has ${integrated.treeSize} entries, ${published?.treeSize ?? 0} of them are published: its keys change when all are`,
    );
  }
  assertAllKeys(published.checkpoint, { origin, labels: keys.labels });
  const { treeSize } = integrated;
  const tree = { treeSize, rootHash: rangeRoot(integrated) };
  const oldSigners = ownSigners(signers);
  const before = keys.history;
  const history = await signKeyChange({
    origin,
    atSeconds,
    ...tree,
    history: before,
    oldSigners,
    newSigners,
  });
  await store.recordHeads({ keys: { changes: history.changes.length, history: formatKeyHistory(history) } });
  return ownKeys(history, []);
}

/** @throws {TlogError} ARGUMENT_INVALID when the log has a key that is not at hand: the change would not say that it is gone */
function assertAllKeys(
  checkpoint: Uint8Array,
  { origin, labels }: { readonly origin: string; readonly labels: ReadonlySet<string> },
): void {
  const lines = parseNote(checkpoint).signatures.filter(({ name }) => name === origin);
  const unknown = lines.map(keyLabel).find((label) => !labels.has(label));
  if (unknown === undefined) return;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `the log's last checkpoint is signed with ${unknown}, too: a change of keys wants all keys of the log, or nobody could tell what became of that one`,
  );
}

/** Who signs heads from now on: the new keys, then those that are given and differ, as long as somebody may want them. */
export function signersAfter(
  wish: KeyChangeWish | undefined,
  given: readonly NoteSigner[],
): readonly NoteSigner[] {
  if (wish === undefined) return given;
  const isNew = ({ verifierKey }: NoteSigner): boolean =>
    !wish.signers.some((signer) => isSameVerifierKey(signer.verifierKey, verifierKey));
  return [...wish.signers, ...given.filter(isNew)];
}

/** Whether it has lines that are not the log's own. */
export function isCosigned(checkpoint: Uint8Array, { labels }: Pick<OwnKeys, "labels">): boolean {
  return parseNote(checkpoint).signatures.some((line) => !labels.has(keyLabel(line)));
}

/** Whether a key that a change brought has not signed this checkpoint, and is at hand. */
export function lacksNewKey(
  { checkpoint }: Publication,
  signers: readonly NoteSigner[],
  { history }: Pick<OwnKeys, "history">,
): boolean {
  const lines = new Set(parseNote(checkpoint).signatures.map(keyLabel));
  const current = history === undefined ? [] : currentKeys(history);
  const given = current.filter((key) => signers.some((one) => isSameVerifierKey(one.verifierKey, key)));
  return given.some((key) => !lines.has(keyLabel(key)));
}

function ownKeys(history: KeyHistory | undefined, signing: readonly VerifierKey[]): OwnKeys {
  const all = [...(history === undefined ? [] : keySets(history).flat()), ...signing];
  return { history, at: (treeSize) => keysAt(history, all, treeSize), labels: new Set(all.map(keyLabel)) };
}

/** @throws {TlogError} KEY_RETIRED | STORE_ORIGIN_MISMATCH */
function assertCurrent(history: KeyHistory, signing: readonly VerifierKey[]): void {
  const current = currentKeys(history);
  const isIn = (keys: readonly VerifierKey[], key: VerifierKey): boolean =>
    keys.some((one) => isSameVerifierKey(one, key));
  for (const key of signing) {
    const ofType = current.find(({ type }) => type === key.type);
    const isFirst = signing.find(({ type }) => type === key.type) === key;
    const isFormer = isIn(keySets(history).flat(), key);
    if (isIn(current, key) || (isFormer && !isFirst)) continue;
    if (isFormer) throw retired(history, key, ofType);
    if (ofType === undefined) {
      throw new TlogError(
        "ARGUMENT_INVALID",
        `${keyLabel(key)} is not among the keys that the log's signed history ends with, and nobody would be led to it: bristlecone rotate --new-ml-dsa-key makes it one of them`,
      );
    }
    throw new TlogError(
      "STORE_ORIGIN_MISMATCH",
      `the log's key is ${keyLabel(ofType)}, and ${keyLabel(key)} never was`,
    );
  }
}

/**
 * Where the keys never changed, those that signed what is published are the log's, and there are no former ones.
 * @throws {TlogError} ARGUMENT_INVALID (a former key of a log that published nothing) | STORE_ORIGIN_MISMATCH
 */
function assertFirstKeys(published: PublishedHead | undefined, signing: readonly VerifierKey[]): void {
  const types = signing.map(({ type }) => type);
  const former = signing.find((key, at) => types.indexOf(key.type) !== at);
  if (published === undefined && former !== undefined) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `the log has published nothing yet, so that ${keyLabel(former)} can be no former key of it: leave it out`,
    );
  }
  if (published === undefined) return;
  const lines = parseNote(published.checkpoint).signatures;
  const signed = new Set(lines.map(keyLabel));
  const given = new Set(signing.map(keyLabel));
  const isLost = lines.some((line) => line.name === signing[0]?.name && !given.has(keyLabel(line)));
  // A second key may come to a log whose last checkpoint has none; where it has another one, it would take its place without a word to readers.
  const foreign =
    former ?? signing.find((key) => !signed.has(keyLabel(key)) && (key.type === ED25519 || isLost));
  if (foreign === undefined) return;
  throw new TlogError(
    "STORE_ORIGIN_MISMATCH",
    `the log's keys never changed, and ${keyLabel(foreign)} is not one that signed its last checkpoint: bristlecone rotate changes them`,
  );
}

function retired(history: KeyHistory, key: VerifierKey, next: VerifierKey | undefined): TlogError {
  const last = history.changes.findLast(({ oldKeys }) => oldKeys.some((one) => isSameVerifierKey(one, key)));
  const by = next === undefined ? "" : ` The log's key is ${keyLabel(next)}`;
  return new TlogError(
    "KEY_RETIRED",
    `${keyLabel(key)} was replaced at tree size ${last?.treeSize ?? 0}: what it signs alone nobody believes any more.${by}`,
  );
}
