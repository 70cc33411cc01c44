/** What a log's entry bundles have to be.  c2sp.org/tlog-tiles, "Log entries" */
import { orUndefined } from "../../errors.ts";
import { HASH_BYTES, hashesEqual, leafHash } from "../../merkle/hash.ts";
import { decodeBundle } from "../../tlog/entry-bundle.ts";
import { type BundleCoordinate, formatBundlePath, TILE_WIDTH } from "../../tlog/tile.ts";
import { showAnswer } from "./answers.ts";
import { met, notRun, unmet } from "./finding.ts";
import { contentOf, get, readTile } from "./subject.ts";
import { onTree, readEdge } from "./tile-checks.ts";

export const BUNDLE_CHECKS = {
  "bundle-exact": onTree(1, async (subject, { treeSize }) => {
    const shown: string[] = [];
    for (const bundle of bundlesAt(treeSize)) {
      const answer = await subject.ask(get(formatBundlePath(bundle)));
      const bytes = await contentOf(answer);
      if (bytes === undefined || orUndefined(() => decodeBundle(bytes, bundle.width)) === undefined) {
        return unmet(`${formatBundlePath(bundle)}: ${showAnswer(answer)}`);
      }
      shown.push(`${bundle.width} entries in ${bytes.length} bytes`);
    }
    return met(shown.join(", "));
  }),
  "bundle-leaves": onTree(1, async (subject, { treeSize }) => {
    const edge = await readEdge(subject, treeSize);
    if (edge.failure !== undefined) return notRun("needs the tiles of the right edge");
    for (const bundle of bundlesAt(treeSize)) {
      const bytes = await contentOf(await subject.ask(get(formatBundlePath(bundle))));
      const entries = bytes === undefined ? undefined : orUndefined(() => decodeBundle(bytes, bundle.width));
      if (entries === undefined) return notRun(`needs ${formatBundlePath(bundle)}`);
      const hashes = await readTile(subject, { level: 0, ...bundle });
      const wrong = entries.findIndex((entry, at) => !hashesEqual(leafHash(entry), hashAt(hashes, at)));
      if (wrong >= 0) return unmet(`entry ${bundle.index * TILE_WIDTH + wrong} has another hash in its tile`);
    }
    return met("the same hashes");
  }),
};

/** The last full bundle, and the one at the right edge. */
function bundlesAt(treeSize: number): readonly BundleCoordinate[] {
  const index = Math.floor(treeSize / TILE_WIDTH);
  const width = treeSize % TILE_WIDTH;
  return [
    ...(index > 0 ? [{ index: index - 1, width: TILE_WIDTH }] : []),
    ...(width > 0 ? [{ index, width }] : []),
  ];
}

function hashAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}
