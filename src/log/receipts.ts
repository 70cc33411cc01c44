import { InvariantError, TlogError } from "../errors.ts";
import { HASH_BYTES, hashesEqual } from "../merkle/hash.ts";
import { rootFromInclusion } from "../merkle/inclusion.ts";
import { encodeUtf8, formatDecimal } from "../tlog/encoding.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";
import type { Publication } from "./log.ts";
import type { NodeCache } from "./node-cache.ts";
import { hashesIn, type LeafPath, leafPath, upperPath } from "./prove.ts";

/** Of the newest checkpoint. Who waited for it asks about the last tile or two. */
const MAX_TAILS = 16;

const HEADER = encodeUtf8("c2sp.org/tlog-proof@v1\nindex ");
const BASE64_DIGITS = encodeUtf8("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** A hash in base64 and a newline. */
const LINE_BYTES = 45;

/**
 * Receipts against the newest checkpoint, as bytes. Leaves of one tile have most of the path and the checkpoint in common: that end of
 * their receipts is read and spelled once, and compared with the signed root: what is below, {@link NodeCache} compares with it.
 */
export class Receipts {
  readonly #nodes: NodeCache;
  readonly #tails = new Map<number, Promise<Uint8Array>>(); // owned by #tail(), as is the next
  #checkpoint: Uint8Array | undefined; // what the tails end with

  constructor(nodes: NodeCache) {
    this.#nodes = nodes;
  }

  /**
   * What `formatTlogProof` says, as bytes of the caller's own.
   * @param against - a published checkpoint, the same object as long as it is the same bytes.
   * @throws {TlogError} ARGUMENT_INVALID (the leaf is not in its tree) | STORE_DAMAGED
   */
  async encode(leafIndex: number, against: Publication, readableSize: number): Promise<Uint8Array> {
    const { treeSize } = against;
    const path = await leafPath(this.#nodes, readableSize, { leafIndex, treeSize });
    const tail = await this.#tail(path, against, readableSize);
    const height = Math.min(path.height, TILE_HEIGHT);
    const siblings = new Uint8Array(height * HASH_BYTES);
    await this.#nodes.siblingsInto({ leafIndex, height, treeSize: readableSize }, siblings);
    return receiptOf(leafIndex, siblings, tail);
  }

  #tail(path: LeafPath, against: Publication, readableSize: number): Promise<Uint8Array> {
    const { checkpoint } = against;
    if (this.#checkpoint !== checkpoint) {
      this.#tails.clear();
      this.#checkpoint = checkpoint;
    }
    const key = tailKey(path);
    let tail = this.#tails.get(key);
    if (tail === undefined) {
      tail = this.#makeTail(path, against, readableSize);
      for (const oldest of this.#tails.keys()) {
        if (this.#tails.size < MAX_TAILS) break;
        this.#tails.delete(oldest);
      }
      this.#tails.set(key, tail);
      tail.catch(() => this.#tails.delete(key));
    }
    return tail;
  }

  async #makeTail(path: LeafPath, against: Publication, readableSize: number): Promise<Uint8Array> {
    const { checkpoint } = against;
    const hashes = await upperPath(this.#nodes, readableSize, path);
    await this.#verifyUpper(path, { ...against, hashes, readableSize });
    const tail = new Uint8Array((hashes.length / HASH_BYTES) * LINE_BYTES + 1 + checkpoint.length);
    const end = writeLines(hashes, tail, 0);
    tail[end] = NEWLINE;
    tail.set(checkpoint, end + 1);
    return tail;
  }

  /** @throws {TlogError} STORE_DAMAGED: bytes of tiles were read that are not those of the signed tree. */
  async #verifyUpper(
    { leafIndex, height }: LeafPath,
    of: Pick<Publication, "treeSize" | "rootHash"> & {
      readonly hashes: Uint8Array;
      readonly readableSize: number;
    },
  ): Promise<void> {
    // A tree is also one of perfect subtrees of one height, of which the last may lack leaves.
    const level = Math.min(height, TILE_HEIGHT);
    const index = Math.floor(leafIndex / 2 ** level);
    const leafHash = await this.#nodes.read([{ level, index }], of.readableSize);
    const treeSize = Math.ceil(of.treeSize / 2 ** level);
    const root = rootFromInclusion({ leafIndex: index, treeSize, leafHash, proof: hashesIn(of.hashes) });
    if (hashesEqual(root, of.rootHash)) return;
    throw new TlogError(
      "STORE_DAMAGED",
      `the tiles above leaf ${leafIndex} do not hash to the root that is signed for ${of.treeSize} entries`,
    );
  }
}

/** Leaves with the same key have the same path from the root of their tile on, or, in the last tile, from the peak inside it. */
function tailKey({ leafIndex, peak, height }: LeafPath): number {
  return height < TILE_HEIGHT ? -1 - peak : Math.floor(leafIndex / TILE_WIDTH);
}

function receiptOf(leafIndex: number, siblings: Uint8Array, tail: Uint8Array): Uint8Array {
  const digits = formatDecimal(leafIndex);
  const linesAt = HEADER.length + digits.length + 1;
  const tailAt = linesAt + (siblings.length / HASH_BYTES) * LINE_BYTES;
  const receipt = new Uint8Array(tailAt + tail.length);
  receipt.set(HEADER);
  for (let at = 0; at < digits.length; at++) receipt[HEADER.length + at] = digits.charCodeAt(at);
  receipt[linesAt - 1] = NEWLINE;
  if (writeLines(siblings, receipt, linesAt) !== tailAt) throw new InvariantError("lines of another length");
  receipt.set(tail, tailAt);
  return receipt;
}

/** Writes each hash in base64 and a newline. By hand: no text is made only to be copied. @returns where they end. */
function writeLines(hashes: Uint8Array, out: Uint8Array, offset: number): number {
  let to = offset;
  for (let from = 0; from < hashes.length; from += HASH_BYTES) {
    // 32 bytes are ten groups of three, and two bytes that end in one padding character.
    for (let at = from; at < from + HASH_BYTES; at += 3) {
      const first = hashes[at] ?? 0;
      const second = hashes[at + 1] ?? 0;
      const third = at + 2 < from + HASH_BYTES ? (hashes[at + 2] ?? 0) : 0;
      out[to] = digit((first - (first % 4)) / 4);
      out[to + 1] = digit((first % 4) * 16 + (second - (second % 16)) / 16);
      out[to + 2] = digit((second % 16) * 4 + (third - (third % 64)) / 64);
      out[to + 3] = digit(third % 64);
      to += 4;
    }
    out[to - 1] = EQUALS;
    out[to] = NEWLINE;
    to += 1;
  }
  return to;
}

function digit(value: number): number {
  return BASE64_DIGITS[value] ?? 0;
}
