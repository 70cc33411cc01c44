/** Which keys speak for this log, and how they change. spec/key-history.md, spec/decisions/0049 */
import { TlogError } from "../errors.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { KeptKeyHistory, LogStore, StoreHead } from "../store/store.ts";
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

/**
 * Holds what signs against what was said of the log's keys.
 * @throws {TlogError} KEY_RETIRED (a key that was replaced would sign first) | STORE_ORIGIN_MISMATCH | STORE_DAMAGED
 */
export async function openOwnKeys(
  { keys }: Pick<StoreHead, "keys">,
  { origin, signers }: { readonly origin: string; readonly signers: readonly NoteSigner[] },
): Promise<OwnKeys> {
  const signing = signers.map(({ verifierKey }) => verifierKey);
  if (keys === undefined) return ownKeys(undefined, signing);
  const history = await openKept(keys, origin);
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
  const { treeSize } = integrated;
  const tree = { treeSize, rootHash: rangeRoot(integrated) };
  const oldSigners = firstOfEachType(signers);
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

/** A log's own key of a type stands before former ones. */
function firstOfEachType(signers: readonly NoteSigner[]): readonly NoteSigner[] {
  const types = signers.map(({ verifierKey }) => verifierKey.type);
  return signers.filter(({ verifierKey }, at) => types.indexOf(verifierKey.type) === at);
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

/** Whether the log's first key has not signed this checkpoint, which is to have its signature. */
export function lacksFirstKey({ checkpoint }: Publication, [first]: readonly NoteSigner[]): boolean {
  const label = first && keyLabel(first.verifierKey);
  return parseNote(checkpoint).signatures.every((line) => keyLabel(line) !== label);
}

function ownKeys(history: KeyHistory | undefined, signing: readonly VerifierKey[]): OwnKeys {
  const all = [...(history === undefined ? [] : keySets(history).flat()), ...signing];
  return { history, at: (treeSize) => keysAt(history, all, treeSize), labels: new Set(all.map(keyLabel)) };
}

async function openKept({ history }: KeptKeyHistory, origin: string): Promise<KeyHistory> {
  try {
    return await openKeyHistory({ history, origin });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("STORE_DAMAGED", `meta row keys: ${cause.message}`, { cause });
  }
}

/** @throws {TlogError} KEY_RETIRED | STORE_ORIGIN_MISMATCH */
function assertCurrent(history: KeyHistory, signing: readonly VerifierKey[]): void {
  const current = currentKeys(history);
  const isIn = (keys: readonly VerifierKey[], key: VerifierKey): boolean =>
    keys.some((one) => isSameVerifierKey(one, key));
  for (const key of signing) {
    const ofType = current.find(({ type }) => type === key.type);
    const isFirst = signing.find(({ type }) => type === key.type) === key;
    if (!isFirst || isIn(current, key)) continue;
    if (isIn(keySets(history).flat(), key)) throw retired(history, key, ofType);
    // Another second key than the history speaks of is nobody's successor, and takes nobody's place.
    if (key.type !== ED25519) continue;
    throw new TlogError(
      "STORE_ORIGIN_MISMATCH",
      `the log's key is ${ofType === undefined ? "another one" : keyLabel(ofType)}, and ${keyLabel(key)} never was`,
    );
  }
}

function retired(history: KeyHistory, key: VerifierKey, next: VerifierKey | undefined): TlogError {
  const last = history.changes.findLast(({ oldKeys }) => oldKeys.some((one) => isSameVerifierKey(one, key)));
  const by = next === undefined ? "" : ` The log's key is ${keyLabel(next)}`;
  return new TlogError(
    "KEY_RETIRED",
    `${keyLabel(key)} was replaced at tree size ${last?.treeSize ?? 0}: what it signs alone nobody believes any more.${by}`,
  );
}
