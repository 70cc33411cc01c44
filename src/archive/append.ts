/** Fills a store from somewhere else. */
import { TlogError } from "../errors.ts";
import { rangeAt } from "../log/read-back.ts";
import { type CompactRange, rangeRoot } from "../merkle/compact-range.ts";
import { hashesEqual } from "../merkle/hash.ts";
import type { LogStore, PublishedHead, StoreHead } from "../store/store.ts";
import type { VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import { parseCheckpoint } from "../tlog/checkpoint-body.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { parseFrozen } from "../tlog/frozen.ts";
import { parseNote } from "../tlog/note.ts";
import type { TreeHead } from "./source.ts";
import { type WalkOptions, walkLog } from "./walk.ts";

export type AppendOptions = Omit<WalkOptions, "from"> & {
  /** Told after each batch is durable. */
  readonly onProgress?: ((done: { readonly treeSize: number; readonly bytes: number }) => void) | undefined;
};

/**
 * Appends what the store does not have yet of a tree. Stopped in the middle, it goes on with the next call.
 * @returns how many entries were appended.
 * @throws {TlogError} as {@link walkLog} and `LogStore.commit`
 */
export async function appendTree(store: LogStore, options: AppendOptions): Promise<number> {
  const from: CompactRange = (await store.head()).integrated;
  if (from.treeSize >= options.head.treeSize) {
    await assertHolds(store, options.head);
    return 0;
  }
  let bytes = 0;
  let writing: Promise<void> | undefined;
  try {
    for await (const batch of walkLog({ ...options, from })) {
      await writing;
      bytes += batch.entries.bytes.length;
      const done = { treeSize: batch.head.treeSize, bytes };
      // The next batch is read and hashed while this one is written.
      writing = store.commit(batch).then(() => options.onProgress?.(done));
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  return options.head.treeSize - from.treeSize;
}

/** @throws {TlogError} ROOT_MISMATCH unless the store's tree begins with this one */
export async function assertHolds(store: LogStore, head: TreeHead): Promise<void> {
  const rootHash = rangeRoot(await rangeAt(store, head.treeSize));
  if (hashesEqual(rootHash, head.rootHash)) return;
  throw new TlogError(
    "ROOT_MISMATCH",
    `the first ${head.treeSize} entries that are here are not those of the signed tree of that size: they are two histories`,
  );
}

/**
 * Records that this head was signed and shown, where the store knows of none as large; and what it says of the log's end.
 * @throws {TlogError} LOG_CONTRADICTED (the log ended with it, and there is more here), and what the store throws
 */
export async function recordHead(store: LogStore, head: VerifiedCheckpoint): Promise<void> {
  const { treeSize, rootHash, signedNote } = head;
  const held: StoreHead = await store.head();
  const isSignedNew = held.signed === undefined || held.signed.treeSize < treeSize;
  if (endSaid(head.extensions) > 0 && held.integrated.treeSize > treeSize) {
    throw new TlogError(
      "LOG_CONTRADICTED",
      `the signed head says that the log ended at size ${treeSize}, and this data directory has ${held.integrated.treeSize}`,
    );
  }
  const isPublishedNew =
    held.published === undefined ||
    held.published.treeSize < treeSize ||
    (held.published.treeSize === treeSize &&
      endSaid(head.extensions) > endSaid(extensionsOf(held.published)));
  if (!isSignedNew && !isPublishedNew) return;
  await store.recordHeads({
    signed: isSignedNew ? { treeSize, rootHash } : undefined,
    published: isPublishedNew ? { treeSize, checkpoint: signedNote } : undefined,
  });
}

/** How much it says of an end: nothing, that it came, or the successor too. */
function endSaid(extensions: readonly string[]): number {
  const frozen = parseFrozen(extensions);
  if (frozen === undefined) return 0;
  return frozen.successor === undefined ? 1 : 2;
}

function extensionsOf({ checkpoint }: PublishedHead): readonly string[] {
  return parseCheckpoint(decodeUtf8(parseNote(checkpoint).text)).extensions;
}
