/** Which entries of a bundle are not those of the signed tree, and at which bytes. */
import { hashesEqual, leafHash } from "../merkle/hash.ts";
import { readUint16 } from "../tlog/encoding.ts";
import { formatBundlePath, TILE_WIDTH, type Tile } from "../tlog/tile.ts";
import { extentOf, type Finding, type FindingList } from "./finding.ts";
import { hashAt } from "./hashing.ts";
import type { Piece } from "./source.ts";

const LENGTH_BYTES = 2;
/** How many places are tried for the entry behind one whose length is wrong, and in how many bytes. */
const MAX_TRIES = 4096;
const MAX_SEARCHED = 70_000;

interface Bundle {
  readonly tile: Tile;
  readonly bundle: Piece;
  /** The signed leaf hashes. */
  readonly right: Uint8Array;
}

/** Adds the entries whose hashes are not the signed ones. Behind one whose length is wrong the next is looked for by its hash. */
export function reportEntries(found: FindingList, { tile, bundle, right }: Bundle): void {
  const path = formatBundlePath(tile);
  const start = tile.index * TILE_WIDTH;
  const spoils = [extentOf("entries", tile.index)];
  const { bytes } = bundle;
  if (bytes === undefined) {
    found.add({ ...missing({ tile, bundle }), spoils });
    return;
  }
  const add = (place: number, where: string, detail: string, isSpoilt = true): void => {
    found.add({
      kind: isSpoilt ? "entry" : "bundle",
      where: `${path}: entry ${start + place}, ${where}`,
      detail,
      cause: "corruption",
      remedy: isSpoilt ? "copy" : "derive",
      leafIndex: start + place,
      spoils,
    });
  };
  let at = 0;
  for (let place = 0; place < tile.width; place++) {
    const end = entryEnd(bytes, at);
    if (end !== undefined && isEntry(bytes, at, end, hashAt(right, place))) {
      at = end;
      continue;
    }
    const isLast = place === tile.width - 1;
    const follows = (next: number): boolean =>
      isLast ? next === bytes.length : isNext(bytes, next, hashAt(right, place + 1));
    if (end !== undefined && follows(end)) {
      add(
        place,
        `bytes ${at + LENGTH_BYTES} to ${end - 1}`,
        "it does not hash to its leaf hash, which the signed tree has",
      );
      at = end;
      continue;
    }
    const next = search(bytes, at + LENGTH_BYTES, follows);
    if (next === undefined) {
      add(
        place,
        `from byte ${at} on`,
        "neither it nor what follows can be told apart and hashes to the signed leaf hashes",
      );
      return;
    }
    const isWhole = hashesEqual(leafHash(bytes.subarray(at + LENGTH_BYTES, next)), hashAt(right, place));
    const length = `its length says ${readUint16(bytes, at)}, want ${next - at - LENGTH_BYTES}`;
    if (isWhole) add(place, `bytes ${at} and ${at + 1}`, `${length}; its bytes are intact`, false);
    else
      add(
        place,
        `bytes ${at} to ${next - 1}`,
        `${length}; it does not hash to its leaf hash, which the signed tree has`,
      );
    at = next;
  }
  if (at < bytes.length)
    add(tile.width - 1, `behind it, from byte ${at} on`, `${bytes.length - at} bytes too many`, false);
}

function missing({ tile, bundle }: Pick<Bundle, "tile" | "bundle">): Finding {
  const start = tile.index * TILE_WIDTH;
  return {
    kind: "bundle",
    where: `${formatBundlePath(tile)}: entries ${start} to ${start + tile.width - 1}`,
    detail: bundle.problem ?? "it is missing",
    cause: "corruption",
    remedy: "copy",
    leafIndex: start,
  };
}

/** Where the entry ends whose length is at `start`; undefined when it does not end within the bytes. */
function entryEnd(bytes: Uint8Array, start: number): number | undefined {
  if (start + LENGTH_BYTES > bytes.length) return undefined;
  const end = start + LENGTH_BYTES + readUint16(bytes, start);
  return end <= bytes.length ? end : undefined;
}

function isEntry(bytes: Uint8Array, start: number, end: number, hash: Uint8Array): boolean {
  return hashesEqual(leafHash(bytes.subarray(start + LENGTH_BYTES, end)), hash);
}

/** Whether the entry with this hash begins here. */
function isNext(bytes: Uint8Array, start: number, hash: Uint8Array): boolean {
  const end = entryEnd(bytes, start);
  return end !== undefined && isEntry(bytes, start, end, hash);
}

function search(bytes: Uint8Array, from: number, follows: (at: number) => boolean): number | undefined {
  if (follows(bytes.length)) return bytes.length;
  let tries = 0;
  for (let at = from; at < Math.min(bytes.length, from + MAX_SEARCHED); at++) {
    if (entryEnd(bytes, at) === undefined) continue;
    tries += 1;
    if (tries > MAX_TRIES) return undefined;
    if (follows(at)) return at;
  }
  return undefined;
}
