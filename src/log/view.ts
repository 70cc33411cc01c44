import { TlogError } from "../errors.ts";
import type { LogReader, PublishedHead } from "../store/store.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { decodeBundle } from "../tlog/entry-bundle.ts";
import { parseNote } from "../tlog/note.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import type { LogView, Publication } from "./log.ts";
import { ProofSource } from "./proof-source.ts";
import { consistencyProof, inclusionBatch, inclusionProof, rootAt } from "./prove.ts";
import { type Withheld, withholding } from "./withheld.ts";

/**
 * What a process that only reads can say of a log for certain: what is published. The rest only its writer knows: what is signed
 * (the guard knows first, and the store's row follows later), how many leaves are integrated, how the witnesses do, and where a
 * leaf is that the leaf index on disk does not have yet.
 */
export type PublishedView = Omit<
  LogView,
  "limits" | "duplicates" | "lookup" | "integratedSize" | "witnessing"
>;

/** A reader of storage that has the published checkpoint at hand. */
export interface PublishedReader extends LogReader {
  /** As of the call; the same object as long as it is the same checkpoint. */
  published(): PublishedHead | undefined;
}

/**
 * Reads a log beside its writer. Each call looks at storage as it is then. A writer with `hasReaders` or with witnesses shows a
 * checkpoint after it is durable there, so whoever saw it anywhere sees none that is older here; any other one records it up to
 * 50 ms later.
 * @param options.vkeys - the log's verifier keys, as the writer has them.
 * @param options.withheld - what its writer knows to be wrong in the store.
 */
export function openView(options: {
  readonly store: PublishedReader;
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly withheld: Withheld;
}): PublishedView {
  const { origin, vkeys, withheld } = options;
  const store = withholding(options.store, withheld);
  const source = new ProofSource(store, { withheld });
  const publicationOf = publicationReader(store);
  const readableSize = () => publicationOf().treeSize;
  return {
    origin,
    vkeys,
    published: publicationOf,
    readableSize,
    async readTile(tile) {
      // Every leaf under the tile's last hash must be covered by the published head.
      const leaves = (tile.index * TILE_WIDTH + tile.width) * TILE_WIDTH ** tile.level;
      return leaves > readableSize() ? undefined : await store.readTile(tile);
    },
    async readEntries(range) {
      return range.end > readableSize() ? undefined : await store.readEntries(range);
    },
    async readEntry(leafIndex) {
      const bundle = await this.readEntries({ start: leafIndex, end: leafIndex + 1 });
      return bundle === undefined ? undefined : decodeBundle(bundle, 1)[0];
    },
    proveInclusion: (at) => inclusionProof(source.nodes, readableSize(), at),
    proveInclusionBatch: (at) => inclusionBatch(source.nodes, readableSize(), at),
    proveConsistency: (between) => consistencyProof(source.nodes, readableSize(), between),
    rootAt: (treeSize) => rootAt(source.nodes, readableSize(), treeSize),
    async receipt(leafIndex) {
      return decodeUtf8(await this.receiptBytes(leafIndex));
    },
    async receiptBytes(leafIndex) {
      const publication = publicationOf();
      if (leafIndex < publication.treeSize)
        return await source.receipt(leafIndex, publication, publication.treeSize);
      const message = `leaf ${leafIndex} is not in the tree of size ${publication.treeSize}`;
      throw new TlogError("NOT_PUBLISHED", message);
    },
  };
}

function publicationReader(store: PublishedReader): () => Publication {
  // Owned by the returned function: what it parsed last.
  let known: { readonly head: PublishedHead; readonly publication: Publication } | undefined;
  return () => {
    const head = store.published();
    if (head === undefined) throw new TlogError("STORE_DAMAGED", "the log has no published checkpoint");
    if (known?.head !== head) known = { head, publication: publicationFrom(head) };
    return known.publication;
  };
}

function publicationFrom({ treeSize, checkpoint }: PublishedHead): Publication {
  const { rootHash, ...said } = parseCheckpoint(decodeUtf8(parseNote(checkpoint).text));
  if (said.treeSize === treeSize) return { treeSize, rootHash, checkpoint };
  throw new TlogError(
    "STORE_DAMAGED",
    `the published checkpoint is of size ${said.treeSize}, recorded as ${treeSize}`,
  );
}
