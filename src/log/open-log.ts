import { TlogError } from "../errors.ts";
import { type LogEvents, shielded } from "../events.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { FrozenHead, LogStore, StoreHead } from "../store/store.ts";
import { parseVerifierKey } from "../tlog/key.ts";
import { changeHashes } from "../tlog/key-history.ts";
import { assertGuardedKeysKnown, type Claimed, claimLog } from "./claim.ts";
import { frozenFrom, type Mark, markOf, settleEnd } from "./freeze.ts";
import { type HeadSource, headSources, type OwnLog } from "./head-sources.ts";
import { HeadWatch } from "./head-watch.ts";
import type { Log, LogEnd, Publication } from "./log.ts";
import { type OpenedPublished, openPublished } from "./open-published.ts";
import { openStage, ownNote, ownPart, reachableWitnesses } from "./open-stage.ts";
import { checkedOrigin, type LogOptions } from "./options.ts";
import {
  isCosigned,
  lacksNewKey,
  type OwnKeys,
  openKeptHistory,
  openOwnKeys,
  settleKeyChange,
  signersAfter,
} from "./own-keys.ts";
import { nodesOf, rootAt } from "./prove.ts";
import { Publisher } from "./publish.ts";
import { rangeAt } from "./read-back.ts";
import { Sequencer } from "./sequence.ts";
import { type ComparedTree, learnShownHeads } from "./shown-heads.ts";
import { assertNewestKeys } from "./shown-keys.ts";
import { HeadSigner } from "./sign-head.ts";
import { StoredLog } from "./stored-log.ts";
import { TrailingRows } from "./trailing-rows.ts";
import { hearClaims, type ShownToWitnesses } from "./witness-claims.ts";

type Options = LogOptions & { readonly events: Required<LogEvents> };

/**
 * Opens the engine over a store: holds it against what others show of it and against its guard, rebuilds the signed tree from
 * storage, and publishes what is integrated, so that there is a checkpoint before the first request; with witnesses, as their
 * quorum allows.
 * @throws {TlogError} LOG_ROLLED_BACK | LOG_CONTRADICTED | GUARD_MISSING | GUARD_AHEAD | GUARD_MISMATCH | GUARD_MALFORMED |
 *   GUARD_FAILED | STORE_DAMAGED | STORE_ORIGIN_MISMATCH (the published checkpoint was signed by other keys) | KEY_RETIRED | SIGNER_FAILED |
 *   LOG_READ_ONLY (a write of the first publication failed) | QUORUM_NOT_MET (a log with entries that never published) |
 *   ARGUMENT_INVALID | NOT_PUBLISHED (a log that should end with entries that are not published)
 */
export async function openLogEngine(given: LogOptions): Promise<Log> {
  const asked = { ...given, events: shielded(given.events) };
  const { store } = asked;
  const origin = checkedOrigin(asked);
  const options = { ...asked, signers: signersAfter(asked.keyChange, asked.signers) };
  checkedOrigin(options);
  const reachable = reachableWitnesses(options);
  const sources = headSources({ origin }, { ...options, reachable });
  const found = await takeOver(asked, { origin, sources });
  const { head, published, end, keys } = found;

  let failure: TlogError | undefined; // owned by turnReadOnly()
  const turnReadOnly = (error: TlogError): void => {
    if (failure !== undefined) return;
    failure = error;
    options.events.turnedReadOnly?.({ code: error.code, message: error.message, reason: firstCodeOf(error) });
    // What is integrated is still published where that works; who waits for more is told.
    void sequencer.stop(error).then(() => publisher.stop(error));
  };
  const rows = new TrailingRows({
    store,
    mayTrail: options.witnesses === undefined && !options.hasReaders,
    unrecorded: found.unrecorded,
    published: published && head.published,
    onFailure: (error) => publisher.fail(error),
  });
  const { isOutdated, isReplaced, signed, extensions } = replacementOf(found, options);
  const signer = new HeadSigner({ ...options, ...found, rows, origin, signed, extensions });
  const onContradiction = (error: TlogError) => publisher.fail(error);
  const watch = openWatch(options, { own: found, sources, signer, end, onContradiction });
  const onConflict = () => watch.lookAtAll();
  const stage = await openStage(options, { ...found, reachable, signer, onConflict });
  const publisher = new Publisher({
    ...options,
    signer,
    rows,
    stage,
    integrated: head.integrated,
    published,
    isOutdated,
    isReplacementAwaited: (options.freeze !== undefined || options.keyChange !== undefined) && isReplaced,
    intervalMs: options.checkpointIntervalMs,
    onFailure: turnReadOnly,
  });
  const sequencer = new Sequencer({
    ...options,
    store: { indexOf: (leafHashes) => store.indexOf(leafHashes), commit: (batch) => rows.commit(batch) },
    range: head.integrated,
    signerRefusal: () => publisher.signerRefusal,
    onIntegrated: (range) => publisher.integrated(range),
    onFailure: turnReadOnly,
  });
  if (end !== undefined) void sequencer.stop(ended(end));
  await publisher.publishFirst().catch((error: unknown) => watch.close().then(() => Promise.reject(error)));
  watch.start();
  return new StoredLog({
    ...options,
    origin,
    publisher,
    sequencer,
    stage,
    watch,
    end,
    keyHistory: keys.history,
    failure: () => failure,
  });
}

/** What an opening goes on from. */
interface TakenOver extends Claimed, OpenedPublished, OwnLog {
  readonly keys: OwnKeys;
  readonly mark: Mark | undefined;
  readonly end: LogEnd | undefined;
}

/** Looks around, then makes this opening the only one that may sign. */
async function takeOver(
  options: Options,
  { origin, sources }: { readonly origin: string; readonly sources: readonly HeadSource[] },
): Promise<TakenOver> {
  const { store, events, keyChange } = options;
  const stored = await store.head();
  const kept = await openKeptHistory(stored, origin);
  const keyChanges = changeHashes(kept);
  await assertGuardedKeysKnown(options, { origin, keyChanges });
  const before = openOwnKeys({ ...stored, history: kept }, options);
  const isKeyLeaked = options.isKeyLeaked === true;
  const own = { origin, keys: before, isKeyLeaked };
  // Before store and guard change hands: a refusal leaves both as they were.
  const { servedSize, shown, empty } = await learnShownHeads(sources, own, {
    tree: await storedTree(store),
    events,
  });
  await assertNewestKeys(sources, own);
  await hearClaims(empty, shownToWitnesses(await store.head(), before), options);
  const claimed = await claimLog(options, origin, { shown: shown[0], keyChanges });
  const { head } = claimed;
  const opened = await openPublished(options, { ...claimed, servedSize }, own);
  // Last, for it cannot be taken back: whoever is refused ended or changed nothing.
  const believed = shown.filter(({ isDoubtful }) => !isDoubtful);
  const frozen = await settleEnd(options, head, believed);
  const keys =
    keyChange === undefined
      ? before
      : await settleKeyChange(keyChange, { ...options, head, keys: before, origin });
  const mark = markOf(frozen, { ...options, keys });
  return { ...claimed, ...opened, ...own, keys, mark, end: frozen && endOf(frozen, claimed) };
}

/** Whether another checkpoint of its tree has to take the place of the published one: with the mark of an end, or by a new key. */
function replacementOf(
  { mark, published, keys }: TakenOver,
  options: Pick<LogOptions, "signers" | "witnesses">,
): {
  readonly isOutdated: (publication: Publication) => boolean;
  readonly isReplaced: boolean;
  readonly signed: Publication | undefined;
  readonly extensions: readonly string[] | undefined;
} {
  const isOutdated = (publication: Publication): boolean =>
    mark?.isMissingIn(publication) === true || wantsNewKey(publication, options, keys);
  const isReplaced = published !== undefined && isOutdated(published);
  const signed = isReplaced ? undefined : ownPart(published, keys);
  return { isOutdated, isReplaced, signed, extensions: mark?.extensions };
}

/** A checkpoint from before a key that the log has now; who has it cosigned would lose that where nobody is asked. */
function wantsNewKey(
  publication: Publication,
  { signers, witnesses }: Pick<LogOptions, "signers" | "witnesses">,
  keys: OwnKeys,
): boolean {
  if (!lacksNewKey(publication, signers, keys)) return false;
  return witnesses !== undefined || !isCosigned(publication.checkpoint, keys);
}

function shownToWitnesses({ integrated, published }: StoreHead, keys: OwnKeys): ShownToWitnesses | undefined {
  if (published === undefined) return undefined;
  const { treeSize } = published;
  return {
    treeSize,
    checkpoint: ownNote(published.checkpoint, keys),
    integratedSize: integrated.treeSize,
  };
}

/** The tree as storage holds it. */
async function storedTree(store: LogStore): Promise<ComparedTree> {
  const { treeSize } = (await store.head()).integrated;
  return { treeSize, rootAt: async (size) => rangeRoot(await rangeAt(store, size)) };
}

function endOf({ statement, treeSize }: FrozenHead, { head }: Claimed): LogEnd {
  return { ...frozenFrom(statement), treeSize, rootHash: rangeRoot(head.integrated) };
}

function ended({ treeSize, successor }: LogEnd): TlogError {
  const next = successor && [parseVerifierKey(successor.vkey).name, successor.url].join(" ").trimEnd();
  const goTo = next === undefined ? "" : `; they go to ${next}`;
  return new TlogError(
    "LOG_ENDED",
    `the log was frozen at size ${treeSize} and takes no more entries${goTo}`,
  );
}

/** A refusal says what it means; what led to it is behind it. */
function firstCodeOf(error: TlogError): string {
  return error.cause instanceof TlogError ? firstCodeOf(error.cause) : error.code;
}

function openWatch(
  { store, served, events }: Options,
  parts: {
    readonly own: OwnLog;
    readonly sources: readonly HeadSource[];
    readonly signer: HeadSigner;
    readonly end: LogEnd | undefined;
    readonly onContradiction: (error: TlogError) => void;
  },
): HeadWatch {
  const nodes = nodesOf(store);
  const { signer } = parts;
  return new HeadWatch({
    ...parts,
    events,
    intervalMs: served?.intervalMs ?? 0,
    signedSize: () => signer.readableSize,
    rootAt: (treeSize) => rootAt(nodes, signer.readableSize, treeSize),
  });
}
