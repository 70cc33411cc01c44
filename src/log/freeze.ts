/** How a log ends: it is recorded, its last checkpoint says so, and nothing is taken any more. spec/frozen.md, spec/decisions/0045 */
import { TlogError } from "../errors.ts";
import type { FrozenHead, LogStore, StoreHead } from "../store/store.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { COSIGNATURE_V1 } from "../tlog/cosignature.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { type Frozen, formatFrozen, parseFrozen, type Successor } from "../tlog/frozen.ts";
import { ED25519, keyLabel, type NoteSigner, parseVerifierKey } from "../tlog/key.ts";
import { parseNote } from "../tlog/note.ts";
import { isQuorumMet } from "../tlog/policy.ts";
import type { ShownHead } from "./head-sources.ts";
import type { Publication } from "./log.ts";
import { isCosigned, type OwnKeys } from "./own-keys.ts";
import type { WitnessOptions } from "./witness-options.ts";

/** What somebody wants who ends a log, or names the successor of one that ended without. */
export interface FreezeRequest extends Frozen {
  /** Leave the last checkpoint as it is: too few of its witnesses cosign extension lines. */
  readonly isUnmarked?: boolean | undefined;
}

export interface FreezeOptions {
  readonly store: LogStore;
  readonly signers: readonly NoteSigner[];
  /** Undefined: leave the log as it is. */
  readonly freeze?: FreezeRequest | undefined;
}

/**
 * The log's end, as storage has it, as somebody shows it, or as it is asked for now; durable when this resolves.
 * @param head - what storage holds.
 * @param shown - elsewhere, with this log's signature.
 * @returns undefined: the log goes on.
 * @throws {TlogError} NOT_PUBLISHED (not all entries are) | ARGUMENT_INVALID (another successor is named already, or none that can
 *   be one) | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED | LOG_CONTRADICTED (its end was signed, and there is more here) | STORE_DAMAGED: nothing
 *   is changed then; and what the store throws
 */
export async function settleEnd(
  { store, signers, freeze }: FreezeOptions,
  head: StoreHead,
  shown: readonly ShownHead[],
): Promise<FrozenHead | undefined> {
  assertAnotherLog(freeze?.successor, signers);
  const said = saidEnd(head, shown);
  const statement = freeze === undefined ? said : statementAfter(said, freeze, head);
  if (statement === undefined) return undefined;
  const isUnmarked = freeze === undefined ? head.frozen?.isUnmarked === true : freeze.isUnmarked === true;
  const frozen = { treeSize: head.integrated.treeSize, statement, isUnmarked };
  if (!isRecorded(frozen, head.frozen)) await store.recordHeads({ frozen });
  return frozen;
}

function assertAnotherLog(successor: Successor | undefined, signers: readonly NoteSigner[]): void {
  if (successor === undefined) return;
  const { name } = parseVerifierKey(successor.vkey);
  if (signers.every(({ verifierKey }) => verifierKey.name !== name)) return;
  throw new TlogError("ARGUMENT_INVALID", `successor: want another log, got ${name} itself`);
}

function isRecorded(frozen: FrozenHead, held: FrozenHead | undefined): boolean {
  if (held === undefined || (held.isUnmarked === true) !== frozen.isUnmarked) return false;
  return held.statement.join("\n") === frozen.statement.join("\n");
}

/** What a statement says. @throws {TlogError} STORE_DAMAGED */
export function frozenFrom(statement: readonly string[]): Frozen {
  const frozen = parseFrozen(statement);
  if (frozen !== undefined) return frozen;
  throw new TlogError("STORE_DAMAGED", "what is recorded of the log's end is not in its form");
}

/** What the last checkpoint of a log that ended says. */
export interface Mark {
  /** None: it is not marked. */
  readonly extensions: readonly string[];
  /** Whether a checkpoint should say that, and says something else. */
  readonly isMissingIn: (publication: Publication) => boolean;
}

/**
 * The mark of a log that ended; undefined for any other one. It is none where somebody said so, and where it would keep the last checkpoint
 * from those who believe it: ML-DSA-44 signatures, of log or witnesses, do not cover extension lines. A mark that has its quorum stays.
 */
export function markOf(
  frozen: FrozenHead | undefined,
  options: {
    readonly signers: readonly NoteSigner[];
    readonly keys: Pick<OwnKeys, "labels">;
    readonly witnesses?: WitnessOptions | undefined;
  },
): Mark | undefined {
  if (frozen === undefined) return undefined;
  const isMarked = frozen.isUnmarked !== true && canMark(options);
  const extensions = isMarked ? frozen.statement : [];
  return {
    extensions,
    isMissingIn({ checkpoint }) {
      const { witnesses } = options;
      // Nobody would cosign another one.
      if (witnesses === undefined && isCosigned(checkpoint, options.keys)) return false;
      if (!isMarked && (witnesses === undefined || hasQuorum(checkpoint, witnesses))) return false;
      return extensionsOf(checkpoint).join("\n") !== extensions.join("\n");
    },
  };
}

/** By the keys of its lines: they were verified before it was published. */
function hasQuorum(checkpoint: Uint8Array, { policy }: WitnessOptions): boolean {
  const labels = new Set(parseNote(checkpoint).signatures.map(keyLabel));
  const signed = policy.witnesses.filter(({ key }) => labels.has(keyLabel(key)));
  return isQuorumMet(
    policy,
    signed.map(({ name }) => name),
  );
}

/** The statement to record. @param said - what is known of the log's end already. */
function statementAfter(
  said: readonly string[] | undefined,
  freeze: Frozen,
  { integrated, published }: StoreHead,
): readonly string[] {
  if (said !== undefined) return withSuccessor(said, freeze.successor);
  if (published?.treeSize === integrated.treeSize) return formatFrozen(freeze);
  throw new TlogError(
    "NOT_PUBLISHED",
    `the log has ${integrated.treeSize} entries, ${published?.treeSize ?? 0} of them are published: it ends when all are`,
  );
}

/** A log that ended without a successor may name one later, and no other after that. */
function withSuccessor(said: readonly string[], successor: Successor | undefined): readonly string[] {
  const frozen = frozenFrom(said);
  if (successor === undefined) return said;
  const named = formatFrozen({ ...frozen, successor });
  if (frozen.successor === undefined || named.join("\n") === said.join("\n")) return named;
  throw new TlogError(
    "ARGUMENT_INVALID",
    `the log was frozen with another successor, ${frozen.successor.vkey}: that is signed, and stays`,
  );
}

/** From its own row, its last checkpoint (an imported log has only that), or what others show; the one that says most. */
function saidEnd(head: StoreHead, shown: readonly ShownHead[]): readonly string[] | undefined {
  const { integrated, published, frozen } = head;
  const candidates = [
    ...(published === undefined
      ? []
      : [
          {
            ...published,
            extensions: extensionsOf(published.checkpoint),
            source: "the published checkpoint",
          },
        ]),
    ...shown,
  ].filter(({ extensions }) => parseFrozen(extensions) !== undefined);
  for (const { treeSize, source } of candidates) {
    if (treeSize === integrated.treeSize) continue;
    throw new TlogError(
      "LOG_CONTRADICTED",
      `${source} says that the log ended at size ${treeSize}, and this data directory has ${integrated.treeSize}`,
    );
  }
  const statements = candidates.map(({ extensions }) => extensions);
  const all = frozen === undefined ? statements : [frozen.statement, ...statements];
  return all.find((statement) => parseFrozen(statement)?.successor !== undefined) ?? all[0];
}

function canMark({
  signers,
  witnesses,
}: {
  readonly signers: readonly NoteSigner[];
  readonly witnesses?: WitnessOptions | undefined;
}): boolean {
  if (signers.some(({ verifierKey }) => verifierKey.type !== ED25519)) return false;
  if (witnesses === undefined) return true;
  const { policy } = witnesses;
  const able = policy.witnesses.filter(({ key, url }) => url !== undefined && key.type === COSIGNATURE_V1);
  return isQuorumMet(
    policy,
    able.map(({ name }) => name),
  );
}

function extensionsOf(checkpoint: Uint8Array): readonly string[] {
  return parseCheckpoint(decodeUtf8(parseNote(checkpoint).text)).extensions;
}
