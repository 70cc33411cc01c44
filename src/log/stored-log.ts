import { InvariantError, TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import type { LogStore } from "../store/store.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { decodeBundle, type EntryBlock, encodeEntryBlock } from "../tlog/entry-bundle.ts";
import { formatVerifierKey } from "../tlog/key.ts";
import type { KeyHistory } from "../tlog/key-history.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { appendedEach, checkedBytes } from "./added.ts";
import type { CosignStage } from "./cosign.ts";
import type { HeadWatch } from "./head-watch.ts";
import type {
  Appended,
  AppendedBlock,
  Log,
  LogEnd,
  LogLimits,
  LogState,
  Publication,
  Scrubbing,
  Witnessing,
} from "./log.ts";
import type { LogOptions } from "./options.ts";
import { ProofSource } from "./proof-source.ts";
import { consistencyProof, inclusionBatch, inclusionProof, rootAt } from "./prove.ts";
import type { Publisher } from "./publish.ts";
import type { Sequencer } from "./sequence.ts";
import { type Withheld, withholding } from "./withheld.ts";

/** What an opening put together. */
export interface StoredLogParts extends LogOptions {
  readonly origin: string;
  readonly publisher: Publisher;
  readonly sequencer: Sequencer;
  readonly stage: CosignStage | undefined;
  readonly watch: HeadWatch;
  readonly end: LogEnd | undefined;
  readonly keyHistory: KeyHistory | undefined;
  readonly failure: () => TlogError | undefined;
}

/** A log over a store: hands each call to the stage it is about. */
export class StoredLog implements Log {
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly limits: LogLimits;
  readonly duplicates: "first" | "allow";
  readonly end: LogEnd | undefined;
  readonly keyHistory: KeyHistory | undefined;
  readonly withheld: Withheld | undefined;
  readonly #parts: StoredLogParts;
  readonly #store: LogStore;
  readonly #source: ProofSource;
  #closing: Promise<void> | undefined; // owned by close()

  constructor(parts: StoredLogParts) {
    this.origin = parts.origin;
    this.vkeys = parts.signers.map((signer) => formatVerifierKey(signer.verifierKey));
    this.limits = parts.limits;
    this.duplicates = parts.duplicates;
    this.end = parts.end;
    this.keyHistory = parts.keyHistory;
    this.withheld = parts.scrub?.withheld;
    // Reading for others only: what is signed next does not stand on old bytes, and goes on.
    this.#store = parts.scrub ? withholding(parts.store, parts.scrub.withheld) : parts.store;
    this.#parts = parts;
    this.#source = new ProofSource(this.#store, { withheld: this.withheld, events: parts.events });
  }

  async add(entry: Uint8Array): Promise<Appended> {
    const { leafIndices, duplicates, leafHashes } = await this.#addOwn([entry]);
    const [leafIndex] = leafIndices;
    if (leafIndex === undefined) throw new InvariantError("an entry was integrated without an index");
    return { leafIndex, leafHash: leafHashes, duplicate: duplicates.length > 0 };
  }

  async addBatch(entries: readonly Uint8Array[]): Promise<readonly Appended[]> {
    return appendedEach(await this.#addOwn(entries));
  }

  addBlock(block: EntryBlock): Promise<AppendedBlock> {
    return this.#parts.sequencer.add(block);
  }

  published(): Publication {
    return copyOf(this.#publication());
  }

  readableSize(): number {
    return this.#parts.publisher.readableSize;
  }

  integratedSize(): number {
    return this.#parts.sequencer.integratedSize;
  }

  async untilPublished(
    leafIndex: number,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Publication> {
    return copyOf(await this.#parts.publisher.untilPublished(leafIndex, signal));
  }

  async readTile(tile: { readonly level: number; readonly index: number; readonly width: number }) {
    // Every leaf under the tile's last hash must be covered by a signed head.
    const leaves = (tile.index * TILE_WIDTH + tile.width) * TILE_WIDTH ** tile.level;
    return leaves > this.readableSize() ? undefined : await this.#store.readTile(tile);
  }

  async readEntries(range: { readonly start: number; readonly end: number }) {
    return range.end > this.readableSize() ? undefined : await this.#store.readEntries(range);
  }

  async readEntry(leafIndex: number): Promise<Uint8Array | undefined> {
    const bundle = await this.readEntries({ start: leafIndex, end: leafIndex + 1 });
    return bundle === undefined ? undefined : decodeBundle(bundle, 1)[0];
  }

  async lookup(leafHash: Uint8Array): Promise<number | undefined> {
    if (leafHash.length !== HASH_BYTES) {
      throw new TlogError("ARGUMENT_INVALID", `leafHash: want 32 bytes, got ${leafHash.length}`);
    }
    const [leafIndex] = await this.#parts.store.indexOf(leafHash);
    return leafIndex !== undefined && leafIndex < this.readableSize() ? leafIndex : undefined;
  }

  proveInclusion(at: { readonly leafIndex: number; readonly treeSize: number }) {
    return inclusionProof(this.#source.nodes, this.readableSize(), at);
  }

  proveInclusionBatch(at: { readonly leafIndices: readonly number[]; readonly treeSize: number }) {
    return inclusionBatch(this.#source.nodes, this.readableSize(), at);
  }

  proveConsistency(between: { readonly fromSize: number; readonly toSize: number }) {
    return consistencyProof(this.#source.nodes, this.readableSize(), between);
  }

  rootAt(treeSize: number): Promise<Uint8Array> {
    return rootAt(this.#source.nodes, this.readableSize(), treeSize);
  }

  async receipt(leafIndex: number): Promise<string> {
    return decodeUtf8(await this.receiptBytes(leafIndex));
  }

  async receiptBytes(leafIndex: number): Promise<Uint8Array> {
    const publication = this.#publication();
    if (leafIndex < publication.treeSize) {
      return await this.#source.receipt(leafIndex, publication, this.readableSize());
    }
    throw leafIndex < this.integratedSize()
      ? new TlogError(
          "NOT_PUBLISHED",
          `leaf ${leafIndex} is integrated, and not yet in the published tree of size ${publication.treeSize}`,
        )
      : new TlogError(
          "ENTRY_UNKNOWN",
          `there is no leaf ${leafIndex}: the log has ${this.integratedSize()} entries`,
        );
  }

  state(): LogState {
    const { failure, space, publisher } = this.#parts;
    // A log that ended needs no room.
    const passing = this.end === undefined ? (space?.refusal ?? publisher.signerRefusal) : undefined;
    const refusal = failure() ?? passing;
    if (refusal !== undefined) return { status: "read-only", code: refusal.code, message: refusal.message };
    if (this.#closing !== undefined) return { status: "closing" };
    return { status: this.end === undefined ? "writable" : "frozen" };
  }

  pending() {
    return this.#parts.sequencer.pending;
  }

  scrubbing(): Scrubbing | undefined {
    return this.#parts.scrub?.status();
  }

  witnessing(): Witnessing | undefined {
    const { stage, witnesses } = this.#parts;
    if (stage === undefined || witnesses === undefined) return undefined;
    const { policy, mode } = witnesses;
    return { policy, mode, isQuorumMissing: stage.isQuorumMissing, witnesses: stage.status() };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #publication(): Publication {
    const publication = this.#parts.publisher.publication;
    if (publication === undefined) throw new InvariantError("an open log has no checkpoint");
    return publication;
  }

  #addOwn(entries: readonly Uint8Array[]): Promise<AppendedBlock> {
    const { sequencer, limits } = this.#parts;
    sequencer.assertTakes({ entries: entries.length, bytes: checkedBytes(entries, limits) });
    return sequencer.add(encodeEntryBlock(entries));
  }

  async #close(): Promise<void> {
    const { sequencer, publisher, watch, store, guard } = this.#parts;
    const refusal = new TlogError("LOG_CLOSING", "the log is shutting down");
    try {
      const watched = watch.close();
      await sequencer.stop(refusal);
      await publisher.stop(refusal);
      await watched;
    } finally {
      await store.close().finally(() => guard.close());
    }
  }
}

/** What readers are served must not change under a caller's hands. */
function copyOf({ treeSize, rootHash, checkpoint }: Publication): Publication {
  return { treeSize, rootHash: rootHash.slice(), checkpoint: checkpoint.slice() };
}
