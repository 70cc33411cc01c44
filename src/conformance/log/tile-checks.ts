/** What a log's tiles have to be.  c2sp.org/tlog-tiles, "Merkle Tree" */
import { orUndefined, TlogError } from "../../errors.ts";
import { HASH_BYTES } from "../../merkle/hash.ts";
import type { Checkpoint } from "../../tlog/checkpoint-body.ts";
import { bytesEqual } from "../../tlog/encoding.ts";
import { entryOffsets } from "../../tlog/entry-bundle.ts";
import {
  formatBundlePath,
  formatTilePath,
  partialTilesAt,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  tileOfNode,
} from "../../tlog/tile.ts";
import { planTiles, verifyTiles } from "../../tlog/tile-reader.ts";
import { showAnswer } from "./answers.ts";
import { type Finding, met, metIf, notRun, reported, unmet } from "./finding.ts";
import { askForThere, contentOf, get, isRefusal, type LogSubject, readTile, treeOf } from "./subject.ts";

type Check = (subject: LogSubject) => Promise<Finding>;

const FULL_BYTES = TILE_WIDTH * HASH_BYTES;

export const TILE_CHECKS = {
  "edge-served": onTree(1, async (subject, { treeSize }) => {
    const edge = await readEdge(subject, treeSize);
    return edge.failure === undefined ? met(widthsOf(treeSize)) : unmet(edge.failure);
  }),
  "edge-root": onTree(1, async (subject, checkpoint) => {
    const edge = await readEdge(subject, checkpoint.treeSize);
    if (edge.failure !== undefined) return notRun("needs the tiles of the right edge");
    verifyTiles({ ...checkpoint, tiles: edge.tiles });
    return met("the root of the checkpoint");
  }),
  "full-served": onTree(TILE_WIDTH, async (subject, { treeSize }) => {
    const tiles = fullTiles(treeSize, subject.sample);
    const refused: Tile[] = [];
    for (const tile of tiles) {
      const answer = await askForThere(subject, formatTilePath(tile));
      if ((await contentOf(answer))?.length === FULL_BYTES) continue;
      if (!isRefusal(answer)) return unmet(`${formatTilePath(tile)}: ${showAnswer(answer)}`);
      refused.push(tile);
    }
    const [first] = refused;
    if (first === undefined) return met(`${tiles.length} tiles`);
    const shown = `${formatTilePath(first)} and ${refused.length - 1} others of ${tiles.length} are refused`;
    return refused.every((tile) => isAtBeginning(tile, tiles, refused))
      ? reported(shown, PRUNED)
      : unmet(shown);
  }),
  "full-hashes": onTree(TILE_WIDTH, async (subject, checkpoint) => {
    const { treeSize } = checkpoint;
    const edge = await readEdge(subject, treeSize);
    if (edge.failure !== undefined) return notRun("needs the tiles of the right edge");
    const tiles = new Map(edge.tiles);
    // From the top: a tile whose parent is missing hangs in the air.
    for (const tile of fullTiles(treeSize, subject.sample)) {
      const bytes = await contentOf(await askForThere(subject, formatTilePath(tile)));
      if (bytes?.length === FULL_BYTES && hasParent(tile, treeSize, tiles)) tiles.set(tile, bytes);
    }
    const count = tiles.size - edge.tiles.size;
    if (count === 0) return notRun("needs a full tile: none is served");
    verifyTiles({ ...checkpoint, tiles });
    return met(`${count} tiles in the tiles above them`);
  }),
  "first-full": onTree(TILE_WIDTH, async (subject) => {
    const answer = await askForThere(subject, "tile/0/000");
    if (isRefusal(answer)) return reported(showAnswer(answer), PRUNED);
    return metIf((await contentOf(answer))?.length === FULL_BYTES, showAnswer(answer));
  }),
  "partial-of-full": onTree(TILE_WIDTH, async (subject, { treeSize }) => {
    const index = Math.floor(treeSize / TILE_WIDTH) - 1;
    const full = { level: 0, index, width: TILE_WIDTH };
    const partial = { ...full, width: TILE_WIDTH - 1 };
    const tile = await beginning(
      subject,
      formatTilePath(partial),
      formatTilePath(full),
      () => FULL_BYTES - HASH_BYTES,
    );
    if (tile.outcome !== "met") return tile;
    const bundle = await beginning(
      subject,
      formatBundlePath(partial),
      formatBundlePath(full),
      (bytes) => orUndefined(() => entryOffsets(bytes, TILE_WIDTH))?.[TILE_WIDTH - 1],
    );
    return { ...bundle, got: `tile ${tile.got}; bundle ${bundle.got}` };
  }),
} satisfies Record<string, Check>;

export const PRUNED = "a log may refuse tiles below its minimum index, where its policy allows pruning";

/** Runs a check on the tree, if it has `minSize` entries. */
export function onTree(
  minSize: number,
  check: (subject: LogSubject, checkpoint: Checkpoint) => Promise<Finding>,
): Check {
  return async (subject) => {
    const checkpoint = await treeOf(subject);
    if (checkpoint.treeSize >= minSize) return await check(subject, checkpoint);
    return notRun(
      `needs ${minSize === 1 ? "an entry" : "a full tile"}: the tree has ${checkpoint.treeSize} entries`,
    );
  };
}

/** The partial tiles of a tree; `failure` says which of them cannot be had. */
export async function readEdge(
  subject: LogSubject,
  treeSize: number,
): Promise<{ readonly tiles: ReadonlyMap<Tile, Uint8Array>; readonly failure: string | undefined }> {
  const tiles = new Map<Tile, Uint8Array>();
  for (const tile of partialTilesAt(treeSize)) {
    try {
      tiles.set(tile, await readTile(subject, tile));
    } catch (error) {
      if (error instanceof TlogError && error.code === "TILE_MALFORMED")
        return { tiles, failure: error.message };
      throw error;
    }
  }
  return { tiles, failure: undefined };
}

/** The last full tile of each level, the first one of level 0 and one by chance, and the full tiles above them, from the top. */
function fullTiles(treeSize: number, sample: number): readonly Tile[] {
  const nodes = [];
  for (let level = 0; TILE_WIDTH ** (level + 1) <= treeSize; level++) {
    const count = Math.floor(treeSize / TILE_WIDTH ** (level + 1));
    nodes.push({ level: level * TILE_HEIGHT, index: (count - 1) * TILE_WIDTH });
    if (level > 0) continue;
    nodes.push({ level: 0, index: 0 }, { level: 0, index: Math.floor(sample * count) * TILE_WIDTH });
  }
  return planTiles({ treeSize, nodes }).filter(({ width }) => width === TILE_WIDTH);
}

function hasParent(tile: Tile, treeSize: number, tiles: ReadonlyMap<Tile, Uint8Array>): boolean {
  const node = { level: (tile.level + 1) * TILE_HEIGHT, index: tile.index };
  const parent = formatTilePath(tileOfNode(node, treeSize));
  return [...tiles.keys()].some((other) => formatTilePath(other) === parent);
}

/** Whether no tile of its level that is before it is served: levels need not be pruned alike. tlog-tiles, "Pruning" */
function isAtBeginning(tile: Tile, all: readonly Tile[], refused: readonly Tile[]): boolean {
  return all
    .filter(({ level, index }) => level === tile.level && index < tile.index)
    .every((other) => refused.includes(other));
}

/** "gone" or "the same" for a partial tile or bundle whose full one is there. */
async function beginning(
  subject: LogSubject,
  partialPath: string,
  fullPath: string,
  lengthOf: (full: Uint8Array) => number | undefined,
): Promise<Finding> {
  const answer = await subject.ask(get(partialPath));
  if (answer.status !== 200) return met(`${answer.status}`);
  const partial = await contentOf(answer);
  const full = await contentOf(await subject.ask(get(fullPath)));
  if (full === undefined) return notRun(`needs ${fullPath}`);
  const isBeginning = partial !== undefined && bytesEqual(partial, full.subarray(0, partial.length));
  return metIf(isBeginning && partial.length === lengthOf(full), showAnswer(answer));
}

function widthsOf(treeSize: number): string {
  return partialTilesAt(treeSize)
    .map(({ level, width }) => `${width} at level ${level}`)
    .join(", ");
}
