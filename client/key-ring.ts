/**
 * Follows a log from the keys that its user chose to those that took their place: spec/key-history.md. Loaded when a checkpoint has a
 * line of the log by a key that nobody chose, or when a change of keys is remembered.
 */
import { orUndefined, TlogError } from "../src/errors.ts";
import { emptyRootHash, hashesEqual } from "../src/merkle/hash.ts";
import { parseCheckpoint, type VerifiedCheckpoint } from "../src/tlog/checkpoint.ts";
import { bytesEqual, decodeUtf8 } from "../src/tlog/encoding.ts";
import { formatVerifierKey, keyLabel, type VerifierKey } from "../src/tlog/key.ts";
import { isSameVerifierKey } from "../src/tlog/key-change.ts";
import {
  compareKeyHistories,
  formatKeyHistory,
  historyUpTo,
  KEY_HISTORY_PATH,
  type KeyHistory,
  keySets,
  keysAt,
  MAX_KEY_HISTORY_BYTES,
  openKeyHistory,
} from "../src/tlog/key-history.ts";
import { type NoteSignature, parseNote } from "../src/tlog/note.ts";
import type { CheckpointMemory } from "./checkpoint-memory.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Trust } from "./policy.ts";
import { readConsistency } from "./proofs.ts";
import type { TileSource } from "./tile-source.ts";

/** What a client is told when it learns that a log changed its keys. */
export interface KeysChanged {
  /** Larger trees are signed by a new key, or are not the log's. */
  readonly treeSize: number;
  /** By the log's clock. */
  readonly atSeconds: number;
  readonly oldKeys: readonly string[];
  /** Verifier keys: what to choose from now on. */
  readonly newKeys: readonly string[];
}

/** Whom to believe about one checkpoint. */
export interface Belief {
  readonly trust: Trust;
  /** Remembers what was learnt, once the checkpoint is known to continue what is remembered. */
  readonly adopt?: ((head: VerifiedCheckpoint) => Promise<void>) | undefined;
}

export interface KeyRing {
  /** @throws {TlogError} KEY_HISTORY_FORKED ({@link KeyHistoryForkedError}) | SIGNATURE_MISSING (by a replaced key alone), and as CheckpointMemory and the network */
  believe(signedNote: Uint8Array, signal: AbortSignal | undefined): Promise<Belief>;
}

/** Two changes of the same keys, both signed: code KEY_HISTORY_FORKED. Somebody else has one of the keys, or the log lies. */
export class KeyHistoryForkedError extends TlogError {
  readonly remembered: Uint8Array;
  readonly shown: Uint8Array;

  constructor(origin: string, remembered: KeyHistory, shown: KeyHistory) {
    super(
      "KEY_HISTORY_FORKED",
      `${origin} shows another change of its keys than the one that is remembered, and both are signed: somebody else has one of its keys; ask its operator which one is right`,
    );
    this.remembered = formatKeyHistory(remembered);
    this.shown = formatKeyHistory(shown);
  }
}

/** How many sets of keys that no history names are remembered as such: a log may have a second key that nobody chose. */
const MAX_STRANGE = 32;
/** What answered that there is no history may have been a cache. */
const ASK_AGAIN_MS = 300_000;

interface Ringed {
  readonly trust: Trust;
  readonly fetcher: Fetcher;
  readonly tiles: TileSource;
  readonly memory: CheckpointMemory;
  readonly onKeyChange?: ((change: KeysChanged) => void) | undefined;
}

export function openKeyRing(log: Ringed): KeyRing {
  const { trust, memory } = log;
  const { origin, logKeys } = trust;
  const place = placeOf(origin);
  // Sets, not keys: when another one signs alone, what a cache once said of both is worth nothing. Owned by learn().
  const strange = new Map<string, number>();
  // Of several chosen keys of a type, one may have taken the place of another: they are asked about as those that nobody chose.
  const alone = logKeys.filter(({ type }) => logKeys.filter((key) => key.type === type).length === 1);

  async function remembered(): Promise<{ bytes: Uint8Array | undefined; history: KeyHistory | undefined }> {
    const bytes = await memory.load(place);
    if (bytes === undefined) return { bytes, history: undefined };
    // Of an earlier choice of keys it may be, or cut: then the client must not forget, and cannot go on.
    return { bytes, history: await openKeyHistory({ history: bytes, origin, trusted: logKeys }) };
  }

  /** The history as far as this tree has come. @throws {KeyHistoryForkedError} */
  async function learn(
    known: KeyHistory | undefined,
    note: {
      readonly labels: readonly string[];
      readonly rememberedLabels: readonly string[];
      readonly treeSize: number;
    },
    signal: AbortSignal | undefined,
  ): Promise<KeyHistory | undefined> {
    const mine = new Set([...(known === undefined ? [] : keySets(known).flat()), ...alone].map(keyLabel));
    const strangeIn = (labels: readonly string[]) => labels.filter((label) => !mine.has(label)).join("\n");
    const unknown = strangeIn(note.labels) || strangeIn(note.rememberedLabels);
    const isSigned = isSignedByOneOf(keysAt(known, logKeys, note.treeSize), note.labels);
    const askedAt = strange.get(unknown) ?? Number.NEGATIVE_INFINITY;
    if (isSigned && (unknown === "" || log.fetcher.now() - askedAt < ASK_AGAIN_MS)) return known;
    const { shown, isAnswer } = await servedBy(log, { isNeeded: !isSigned, signal });
    if (known !== undefined && shown !== undefined && compareKeyHistories(shown, known) === "forked") {
      throw new KeyHistoryForkedError(origin, known, shown);
    }
    if (isAnswer && strange.size < MAX_STRANGE) strange.set(unknown, log.fetcher.now());
    const upTo = shown && historyUpTo(shown, note.treeSize);
    const isLonger =
      upTo !== undefined && (known === undefined || compareKeyHistories(upTo, known) === "longer");
    return isLonger ? upTo : known;
  }

  const labelsIn = (lines: readonly NoteSignature[]): readonly string[] =>
    lines.filter(({ name }) => name === origin).map(keyLabel);

  return {
    async believe(signedNote, signal) {
      const { text, signatures } = parseNote(signedNote);
      const { treeSize } = parseCheckpoint(decodeUtf8(text));
      const labels = labelsIn(signatures);
      const head = await memory.load(origin);
      const rememberedLabels =
        head === undefined ? [] : labelsIn(orUndefined(() => parseNote(head).signatures) ?? []);
      const { bytes, history: known } = await remembered();
      const history = await learn(known, { labels, rememberedLabels, treeSize }, signal);
      const keys = keysAt(history, logKeys, treeSize);
      assertSignedByOneOf(keys, { labels, treeSize, history });
      const from = known?.changes.length ?? 0;
      const isNew = history !== undefined && history.changes.length > from;
      return {
        trust: withKeys(trust, keys, history),
        adopt: isNew ? (head) => adopt(log, { bytes, from, to: history }, head, signal) : undefined,
      };
    },
  };
}

interface Served {
  /** Undefined: none that is of use. */
  readonly shown?: KeyHistory;
  /** The log itself said what it has: not a cache, a limit or the network. */
  readonly isAnswer: boolean;
}

/** What the log shows. Throws what the network throws only where a history is needed. */
async function servedBy(
  { fetcher, trust: { origin, logKeys } }: Ringed,
  { isNeeded, signal }: { readonly isNeeded: boolean; readonly signal: AbortSignal | undefined },
): Promise<Served> {
  const request = { path: KEY_HISTORY_PATH, maxBytes: MAX_KEY_HISTORY_BYTES, signal };
  try {
    const { body: history } = await fetcher.request(request);
    return { shown: await openKeyHistory({ history, origin, trusted: logKeys }), isAnswer: true };
  } catch (error) {
    const code = codeOf(error);
    // A log that never changed its keys has none, nor has one of another kind.
    if (code === "REMOTE_REFUSED") return { isAnswer: isAbsence(error) };
    if (["REMOTE_TOO_LARGE", "KEY_HISTORY_MALFORMED", "KEY_HISTORY_INVALID"].includes(code))
      return { isAnswer: true };
    if (!isNeeded && ["REMOTE_UNREACHABLE", "REMOTE_TIMEOUT"].includes(code)) return { isAnswer: false };
    throw error;
  }
}

async function adopt(
  { tiles, memory, trust, onKeyChange }: Ringed,
  {
    bytes,
    from,
    to,
  }: { readonly bytes: Uint8Array | undefined; readonly from: number; readonly to: KeyHistory },
  head: VerifiedCheckpoint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const changes = to.changes.slice(from);
  for (const { treeSize, rootHash } of changes) {
    if (hashesEqual(rootHash, await rootOf(tiles, head, treeSize, signal))) continue;
    throw new TlogError(
      "KEY_HISTORY_INVALID",
      `key history: a change of keys names a tree of size ${treeSize} that is not the beginning of this one`,
    );
  }
  const place = placeOf(trust.origin);
  const learnt = formatKeyHistory(to);
  if (!(await memory.save(place, learnt, bytes))) {
    const found = await memory.load(place);
    // Another client learnt the same meanwhile; or something else, with which the next look compares.
    if (found !== undefined && bytesEqual(found, learnt)) return;
    throw new TlogError(
      "KEY_HISTORY_INVALID",
      "key history: another client is learning it at this moment; try again",
    );
  }
  for (const { treeSize, atSeconds, oldKeys, newKeys } of changes) {
    const names = { oldKeys: oldKeys.map(formatVerifierKey), newKeys: newKeys.map(formatVerifierKey) };
    onKeyChange?.({ treeSize, atSeconds, ...names });
  }
}

/** By its code: the file this is bundled into has an error class of its own. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "status" in error && error.status === 404;
}

/** Where a memory keeps what is known of a log's keys: no origin has a line break. */
export function placeOf(origin: string): string {
  return `${origin}\n`;
}

/** The policy with these keys of this log. */
function withKeys(trust: Trust, keys: readonly VerifierKey[], history: KeyHistory | undefined): Trust {
  const { policy, origin } = trust;
  const others = policy.logs.filter(({ key }) => key.name !== origin);
  // What is remembered was verified when it was new: any key that the log had may have signed it, those before the chosen one too.
  const logKeys = [...trust.logKeys, ...(history === undefined ? [] : keySets(history).flat())].filter(
    (key, at, all) => all.findIndex((one) => isSameVerifierKey(one, key)) === at,
  );
  return { origin, logKeys, policy: { ...policy, logs: [...keys.map((key) => ({ key })), ...others] } };
}

function isSignedByOneOf(keys: readonly VerifierKey[], labels: readonly string[]): boolean {
  return keys.some((key) => labels.includes(keyLabel(key)));
}

function assertSignedByOneOf(
  keys: readonly VerifierKey[],
  note: {
    readonly labels: readonly string[];
    readonly treeSize: number;
    readonly history: KeyHistory | undefined;
  },
): void {
  const { labels, treeSize, history } = note;
  if (history === undefined || isSignedByOneOf(keys, labels)) return;
  const change = history.changes.findLast((one) => one.treeSize < treeSize);
  throw new TlogError(
    "SIGNATURE_MISSING",
    `no key of the log signed the checkpoint: since size ${change?.treeSize ?? 0} its key is ${keys.map(keyLabel).join(", ")}, and this one of size ${treeSize} has lines of ${labels.join(", ") || "nobody"}`,
  );
}

async function rootOf(
  tiles: TileSource,
  head: VerifiedCheckpoint,
  treeSize: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (treeSize === 0) return emptyRootHash();
  if (treeSize === head.treeSize) return head.rootHash;
  return (await readConsistency({ tiles, head, signal }, { fromSize: treeSize, toSize: head.treeSize }))
    .fromRoot;
}
