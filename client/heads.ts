/** What this client knows of a log's heads: every head that comes in is verified, compared with the remembered one, then remembered. */
import { orUndefined, TlogError } from "../src/errors.ts";
import { hashesEqual } from "../src/merkle/hash.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../src/tlog/checkpoint.ts";
import { bytesEqual, decodeUtf8 } from "../src/tlog/encoding.ts";
import { MAX_NOTE_BYTES, type NoteSignature, parseNote } from "../src/tlog/note.ts";
import type { CheckpointMemory } from "./checkpoint-memory.ts";
import { type ForkedHeads, LogForkedError } from "./errors.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Belief, KeyRing, KeysChanged } from "./key-ring.ts";
import type { LogHead } from "./log-head.ts";
import type { Trust } from "./policy.ts";
import { readConsistency } from "./proofs.ts";
import type { TileSource } from "./tile-source.ts";
import { orAborted, throwIfAborted } from "./waiting.ts";

/** A head, and whom its signatures were held against: the log's keys may have changed since they were chosen. */
export interface JudgedHead extends LogHead {
  readonly trust: Trust;
}

export interface Heads {
  /** Asks the log for its checkpoint and judges it as {@link Heads.judge}. */
  fetch(signal: AbortSignal | undefined): Promise<JudgedHead>;
  /**
   * Verifies a checkpoint, demands consistency with the remembered one, remembers the larger of the two. While nothing larger is
   * remembered the empty tree's needs no quorum.
   * @throws {TlogError} LOG_FORKED ({@link LogForkedError}; what is remembered stays) | ORIGIN_MISMATCH | as openCheckpoint,
   *   {@link TileSource.readNodes} and {@link CheckpointMemory}
   */
  judge(signedNote: Uint8Array, signal: AbortSignal | undefined): Promise<JudgedHead>;
  /**
   * A verified head of at least `treeSize` leaves, the one at hand if it is large enough.
   * @throws {TlogError} NOT_PUBLISHED, and as {@link Heads.fetch}
   */
  covering(treeSize: number, signal: AbortSignal | undefined): Promise<JudgedHead>;
}

interface Asked {
  readonly trust: Trust;
  readonly fetcher: Fetcher;
  readonly tiles: TileSource;
  readonly memory: CheckpointMemory;
  readonly onKeyChange?: ((change: KeysChanged) => void) | undefined;
}

export function openHeads(log: Asked): Heads {
  const { origin } = log.trust;
  const believe = openBelief(log);
  /** The largest head this client saw, whole policy met; what is remembered may have met another policy. */
  let newest: JudgedHead | undefined; // owned by compareAndRemember()
  let turn: Promise<unknown> = Promise.resolve(); // the judgement in progress; owned by judge()

  /** What the memory holds: this client's own head, or one that another client put there. */
  async function openSaved(
    saved: Uint8Array | undefined,
    trust: Trust,
  ): Promise<VerifiedCheckpoint | undefined> {
    if (saved === undefined) return undefined;
    return newest !== undefined && bytesEqual(saved, newest.signedNote)
      ? newest
      : openRemembered(saved, trust, log.memory);
  }

  async function compareAndRemember(
    shown: VerifiedCheckpoint,
    { trust, adopt }: Belief,
    signal: AbortSignal | undefined,
  ): Promise<JudgedHead> {
    for (;;) {
      throwIfAborted(signal);
      const saved = await log.memory.load(origin);
      const remembered = await openSaved(saved, trust);
      const known = [...new Set([newest, remembered])].filter((head) => head !== undefined);
      if (shown.treeSize === 0 && known.some(({ treeSize }) => treeSize > 0)) await openWhole(shown, trust);
      for (const head of known) await assertConsistent({ ...log, trust, remembered: head, shown, signal });
      await adopt?.(shown);
      const isLarger = remembered === undefined || shown.treeSize > remembered.treeSize;
      // Another client remembered something meanwhile: it is compared with, too.
      if (isLarger && !(await log.memory.save(origin, shown.signedNote, saved))) continue;
      const head = { ...shown, trust, progress: progressBeyond(known, shown.treeSize) };
      if (newest === undefined || newest.treeSize < head.treeSize) newest = head;
      return head;
    }
  }

  async function judgeInTurn(signedNote: Uint8Array, signal: AbortSignal | undefined): Promise<JudgedHead> {
    const belief = await believe(signedNote, signal);
    const shown = await openShown(signedNote, belief.trust);
    // One at a time: the others of this client would only find the memory changed and start over.
    const judged = turn.then(() => compareAndRemember(shown, belief, signal));
    turn = judged.catch(() => {});
    return judged;
  }

  const judge: Heads["judge"] = (signedNote, signal) => orAborted(judgeInTurn(signedNote, signal), signal);

  async function fetch(signal: AbortSignal | undefined): Promise<JudgedHead> {
    const { body } = await log.fetcher.request({ path: "checkpoint", maxBytes: MAX_NOTE_BYTES, signal });
    return judge(body, signal);
  }

  return {
    fetch,
    judge,
    covering: async (treeSize, signal) => {
      if (newest !== undefined && newest.treeSize >= treeSize) return newest;
      const shown = await fetch(signal);
      if (shown.treeSize >= treeSize) return shown;
      throw new TlogError(
        "NOT_PUBLISHED",
        `want a tree of at least ${treeSize} leaves, got ${shown.treeSize}`,
      );
    },
  };
}

/** Whom to believe about a checkpoint: the keys of the log may have changed since they were chosen. */
function openBelief(log: Asked): KeyRing["believe"] {
  const { origin, logKeys } = log.trust;
  let ring: KeyRing | undefined; // owned by the function below
  // Of two keys of one type, one may have taken the place of the other: only a history tells.
  const isPlain = new Set(logKeys.map(({ type }) => type)).size === logKeys.length;
  const isChosen = ({ name, keyId }: NoteSignature) =>
    name !== origin || logKeys.some((key) => key.keyId === keyId);
  const areChosen = (note: Uint8Array) => parseNote(note).signatures.every(isChosen);
  return async (signedNote, signal) => {
    const isRemembered = await log.memory.load(`${origin}\n`);
    // What is remembered may have been signed by a key from before the chosen one.
    const saved = (await log.memory.load(origin)) ?? signedNote;
    const isOlder = orUndefined(() => areChosen(saved)) === false;
    if (!isRemembered && isPlain && !isOlder && areChosen(signedNote)) return log;
    ring ??= await import("./key-ring.ts").then(
      ({ openKeyRing }) => openKeyRing(log),
      (error: unknown): undefined => {
        // A page without that file follows nobody. What is remembered it must not pass over: its key may be a replaced one.
        if (isRemembered) throw error;
      },
    );
    return ring?.believe(signedNote, signal) ?? log;
  };
}

/** The policy holds, but for the quorum of the empty tree: that promises nothing, and logs do not have it cosigned. */
async function openShown(signedNote: Uint8Array, trust: Trust): Promise<VerifiedCheckpoint> {
  const isEmpty = decodeUtf8(signedNote).split("\n", 2)[1] === "0";
  const { policy } = trust;
  return openWhole({ signedNote }, isEmpty ? { ...trust, policy: { ...policy, quorum: "none" } } : trust);
}

/** By the whole policy: after entries were seen, the log's key alone must not take a client back to none. */
function openWhole(
  { signedNote }: Pick<VerifiedCheckpoint, "signedNote">,
  { policy, origin }: Trust,
): Promise<VerifiedCheckpoint> {
  return openCheckpoint({ signedNote, policy, expectedOrigin: origin });
}

/** It must still carry the log's signature, or it could not prove a fork; its quorum was met in its time. */
async function openRemembered(
  signedNote: Uint8Array,
  { logKeys, origin }: Trust,
  memory: CheckpointMemory,
): Promise<VerifiedCheckpoint> {
  try {
    return await openCheckpoint({ signedNote, logKeys, expectedOrigin: origin });
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const advice = memory.adviceOn?.(origin) ?? "";
    throw new TlogError(cause.code, `the remembered checkpoint of ${origin}: ${cause.message}${advice}`, {
      cause,
    });
  }
}

/** @throws {TlogError} LOG_FORKED, or whatever keeps the larger tree from being read: then nothing is shown, either way. */
async function assertConsistent(args: {
  readonly remembered: VerifiedCheckpoint;
  readonly shown: VerifiedCheckpoint;
  readonly trust: Trust;
  readonly tiles: TileSource;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { remembered, shown, trust, tiles, signal } = args;
  const [older, newer] = shown.treeSize < remembered.treeSize ? [shown, remembered] : [remembered, shown];
  const sizes = { fromSize: older.treeSize, toSize: newer.treeSize };
  // Verified against the newer root, so only the older one can fail to fit: that is what makes it evidence.
  const { fromRoot: alternativeRoot, proof } =
    older.treeSize === newer.treeSize
      ? { fromRoot: newer.rootHash, proof: [] }
      : await readConsistency({ tiles, head: newer, signal }, sizes);
  if (hashesEqual(alternativeRoot, older.rootHash)) return;
  const { origin } = trust;
  const heads = { remembered: remembered.signedNote, shown: shown.signedNote, alternativeRoot, proof };
  throw new LogForkedError(
    `${origin} signed size ${shown.treeSize} and size ${remembered.treeSize} of two different histories`,
    { origin, ...heads },
    await evidenceOf({ origin, ...heads }, trust),
  );
}

/** Loaded only now; where that fails, the fork is reported all the same. */
function evidenceOf(
  { remembered, shown, ...finding }: ForkedHeads,
  { logKeys }: Trust,
): Promise<string | undefined> {
  return import("./evidence.ts")
    .then(({ evidenceFromHeads }) => evidenceFromHeads({ ...finding, notes: [remembered, shown], logKeys }))
    .catch(() => undefined);
}

function progressBeyond(known: readonly VerifiedCheckpoint[], treeSize: number): LogHead["progress"] {
  const growth = treeSize - Math.max(...known.map((head) => head.treeSize));
  return known.length === 0 ? "first" : growth < 0 ? "behind" : growth > 0 ? "grew" : "same";
}
