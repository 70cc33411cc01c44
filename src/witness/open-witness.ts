import { TlogError } from "../errors.ts";
import { shieldedWitness, type WitnessEvents } from "../events.ts";
import { claimLineage } from "../keys/guard.ts";
import { rangeRoot } from "../merkle/compact-range.ts";
import type { RowPosition } from "../store/witness-store.ts";
import { type AddCheckpointRequest, parseAddCheckpoint } from "../tlog/add-checkpoint.ts";
import { formatVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { adoptOwnSignatures } from "./adopt.ts";
import { CommitQueue } from "./commit-queue.ts";
import { HeadCosigner } from "./cosign-head.ts";
import { SubtreeCosigner } from "./cosign-subtree.ts";
import { EvidenceShelf } from "./evidence-shelf.ts";
import { assertWitnessOptions, type WitnessOptions } from "./options.ts";
import { RateLimit } from "./rate-limit.ts";
import { Standing } from "./standing.ts";
import { Suspects } from "./suspects.ts";
import {
  type OwnSignature,
  RateLimitedError,
  type Roster,
  type Witness,
  type WitnessedLog,
  type WitnessedLogState,
} from "./witness.ts";

/**
 * Opens the engine over a store: holds it against its guard and against the witness's own signatures seen elsewhere, before
 * anything is cosigned.
 * @throws {TlogError} GUARD_MISSING | GUARD_AHEAD | GUARD_MISMATCH | GUARD_MALFORMED | GUARD_FAILED | WITNESS_ROLLED_BACK |
 *   ARGUMENT_INVALID, and what the store throws
 */
export async function openWitnessEngine(given: WitnessOptions): Promise<Witness> {
  assertWitnessOptions(given);
  const options = { ...given, events: shieldedWitness(given.events) };
  const { name, store, guard, events } = options;
  const lineage = await claim(options, events);
  const commits = new CommitQueue({
    name,
    store,
    guard,
    lineage,
    onFailure: (error) => events.turnedReadOnly({ code: error.code, message: error.message }),
  });
  await adoptOwnSignatures({ ...options, commits });
  const shelf = new EvidenceShelf(options);
  const standing = new Standing(shelf, events);
  const suspects = new Suspects(options.now);
  return new StoredWitness({
    ...options,
    commits,
    shelf,
    suspects,
    heads: new HeadCosigner({ ...options, commits, shelf, standing, suspects }),
    subtrees: new SubtreeCosigner({ ...options, standing }),
    rateLimit: new RateLimit(options.now),
  });
}

interface StoredWitnessParts extends WitnessOptions {
  readonly commits: CommitQueue;
  readonly shelf: EvidenceShelf;
  readonly suspects: Suspects;
  readonly heads: HeadCosigner;
  readonly subtrees: SubtreeCosigner;
  readonly rateLimit: RateLimit;
}

class StoredWitness implements Witness {
  readonly name: string;
  readonly vkeys: readonly string[];
  readonly roster: Roster;
  readonly suspects: Suspects;
  readonly #parts: StoredWitnessParts;
  readonly #underWay = new Set<Promise<Uint8Array>>(); // owned by #sign()
  #closing: Promise<void> | undefined; // owned by close()

  constructor(parts: StoredWitnessParts) {
    this.name = parts.name;
    this.vkeys = parts.keys.map(({ verifierKey }) => formatVerifierKey(verifierKey));
    this.roster = parts.roster;
    this.suspects = parts.suspects;
    this.#parts = parts;
  }

  addCheckpoint(body: Uint8Array): Promise<Uint8Array> {
    const { heads, rateLimit } = this.#parts;
    return this.#sign(() =>
      heads.cosign(parseAddCheckpoint(body), (log) => {
        const retryAfterSeconds = rateLimit.take(log);
        if (retryAfterSeconds > 0) throw new RateLimitedError(log.origin, retryAfterSeconds);
      }),
    );
  }

  submit(request: AddCheckpointRequest): Promise<Uint8Array> {
    return this.#sign(() => this.#parts.heads.cosign(request));
  }

  signSubtree(body: Uint8Array): Promise<Uint8Array> {
    return this.#sign(() => this.#parts.subtrees.cosign(body));
  }

  async checkpoint(originHash: string): Promise<Uint8Array | undefined> {
    const log = this.roster.findByHash(originHash);
    return log === undefined ? undefined : (await this.#parts.commits.head(log.origin))?.signedNote;
  }

  async headAt(origin: string, size?: number) {
    const { commits, store } = this.#parts;
    const newest = await commits.head(origin);
    if (newest === undefined || (size ?? 0) > newest.treeSize) return undefined;
    if (size === undefined || size === newest.treeSize) {
      return { treeSize: newest.treeSize, rootHash: newest.rootHash, logNote: newest.signedNote };
    }
    const [row] = await store.rows(origin, { fromSize: size, toSize: size, limit: 1 });
    if (row?.logNote === undefined) return undefined;
    return { treeSize: row.treeSize, rootHash: row.rootHash, logNote: row.logNote };
  }

  addEvidence(
    evidence: Uint8Array,
    witnessKeys: readonly VerifierKey[] = [],
    beforeVerifying?: (origin: string) => void,
  ) {
    return this.#parts.shelf.add(evidence, witnessKeys, beforeVerifying);
  }

  async evidence(originHash: string) {
    const log = this.roster.findByHash(originHash);
    return log === undefined ? [] : await this.#parts.store.evidence(log.origin);
  }

  async evidenceFile(originHash: string, id: string) {
    const log = this.roster.findByHash(originHash);
    return log === undefined ? undefined : await this.#parts.store.evidenceFile(log.origin, id);
  }

  conviction(origin: string) {
    return this.#parts.shelf.conviction(origin);
  }

  meetOwnSignature(found: OwnSignature): Promise<void> {
    return this.#parts.heads.meetOwnSignature(found);
  }

  async logs(): Promise<readonly WitnessedLogState[]> {
    return await Promise.all(this.roster.logs().map((log) => this.#stateOf(log)));
  }

  async logState(origin: string): Promise<WitnessedLogState | undefined> {
    const log = this.roster.find(origin);
    return log && (await this.#stateOf(log));
  }

  async #stateOf(log: WitnessedLog): Promise<WitnessedLogState> {
    const { commits, shelf } = this.#parts;
    const frozenBy = (await shelf.conviction(log.origin))?.id;
    return { log, head: await commits.head(log.origin), frozenBy };
  }

  async thin({ signal }: { readonly signal: AbortSignal }): Promise<number> {
    const { store, thinning: rules, now } = this.#parts;
    const nowSeconds = Math.floor(now() / 1000);
    let removed = 0;
    for (const origin of await store.origins()) {
      let from: RowPosition | undefined;
      do {
        if (signal.aborted || this.#closing !== undefined) return removed;
        const step = await store.thin(origin, { rules, nowSeconds, ...(from === undefined ? {} : { from }) });
        removed += step.removed;
        from = step.next;
      } while (from !== undefined);
    }
    return removed;
  }

  state(): ReturnType<Witness["state"]> {
    if (this.#closing !== undefined) return { status: "closing" };
    const { failure } = this.#parts.commits;
    if (failure === undefined) return { status: "ok" };
    return { status: "read-only", code: failure.code, message: failure.message };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { commits, store, guard } = this.#parts;
    try {
      await Promise.allSettled(this.#underWay);
      await commits.stop(closing());
    } finally {
      await store.close().finally(() => guard.close());
    }
  }

  async #sign(work: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#closing !== undefined) throw closing();
    const signing = work();
    this.#underWay.add(signing);
    return await signing.finally(() => this.#underWay.delete(signing));
  }
}

function closing(): TlogError {
  return new TlogError("WITNESS_CLOSING", "the witness is shutting down");
}

async function claim(
  { name, store, guard, recreateGuard, randomToken }: WitnessOptions,
  events: Required<WitnessEvents>,
): Promise<string> {
  const journal = await store.journal();
  const signed =
    journal.treeSize === 0 ? undefined : { treeSize: journal.treeSize, rootHash: rangeRoot(journal) };
  const nextToken = randomToken();
  try {
    const vouch = () => Promise.resolve(signed);
    await claimLineage({ store, guard, origin: name, vouch, recreateGuard, nextToken });
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "GUARD_AHEAD") throw error;
    const message = `the data directory knows of ${journal.treeSize} cosignatures only, and this witness made more (guard ${guard.location})`;
    throw new TlogError("GUARD_AHEAD", message, { cause: error });
  }
  if (recreateGuard) {
    const message = `the guard ${guard.location} starts anew from the data directory`;
    events.warning({ code: "GUARD_RECREATED", message });
  }
  return nextToken;
}
