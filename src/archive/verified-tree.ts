/** Nodes of a tree whose root is known, from whichever place has tiles that fit it. */
import { TlogError } from "../errors.ts";
import { type CompactRange, emptyRange, peakCoordinates } from "../merkle/compact-range.ts";
import type { NodeCoordinate } from "../merkle/coordinates.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "../tlog/tile.ts";
import { type NodeReader, readVerifiedTiles } from "../tlog/tile-reader.ts";
import type { LogSource, TreeHead } from "./source.ts";

export interface VerifiedTree {
  readonly head: TreeHead;
  /** @throws {TlogError} ROOT_MISMATCH | TILE_MALFORMED, and what the places fail with: the first one's, when there are several. */
  read(nodes: readonly NodeCoordinate[], signal: AbortSignal): Promise<NodeReader>;
  /** The compact range of the tree's beginning. */
  rangeAt(treeSize: number, signal: AbortSignal): Promise<CompactRange>;
  /** The root of 256 leaves: entries are compared with it, bundle by bundle. */
  bundleRoot(index: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** @param sources - asked in order, at least one. */
export function openVerifiedTree(sources: readonly LogSource[], head: TreeHead): VerifiedTree {
  // Owned by bundleRoot(): the tile of level 1 that was used last, 256 bundles' roots.
  let held: { readonly tile: number; readonly read: NodeReader } | undefined;

  const read: VerifiedTree["read"] = (nodes, signal) =>
    fromFirst(sources, ({ readTile }) =>
      readVerifiedTiles({ ...head, nodes, readTile: (tile) => readTile(tile, signal) }),
    );

  return {
    head,
    read,
    async rangeAt(treeSize, signal) {
      if (treeSize === 0) return emptyRange();
      const peaks = peakCoordinates(treeSize);
      return { treeSize, peaks: peaks.map(await read(peaks, signal)) };
    },
    async bundleRoot(index, signal) {
      const node = { level: TILE_HEIGHT, index };
      const tile = Math.floor(index / TILE_WIDTH);
      if (held?.tile !== tile) held = { tile, read: await read([node], signal) };
      return held.read(node);
    },
  };
}

/**
 * What the first of several places gives that can.
 * @param onPassedOver - told of each that could not, when a later one could.
 * @throws {TlogError} the first one's failure, with all reasons; what is no fault of a place (ABORTED) at once.
 */
export async function fromFirst<Place extends { readonly location: string }, T>(
  places: readonly Place[],
  ask: (place: Place) => Promise<T>,
  onPassedOver?: (place: Place, error: TlogError) => void,
): Promise<T> {
  const failures: { readonly place: Place; readonly error: TlogError }[] = [];
  for (const place of places) {
    try {
      const answer = await ask(place);
      for (const failure of failures) onPassedOver?.(failure.place, failure.error);
      return answer;
    } catch (error) {
      if (!(error instanceof TlogError) || error.code === "ABORTED") throw error;
      failures.push({ place, error });
    }
  }
  throw allFailed(failures.map(({ error }) => error));
}

function allFailed(errors: readonly TlogError[]): TlogError {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const code = first?.code ?? "ARGUMENT_INVALID";
  return new TlogError(code, errors.map(({ message }) => message).join("; "), { cause: first });
}
