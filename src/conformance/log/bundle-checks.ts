/** What a log's entry bundles have to be.  c2sp.org/tlog-tiles, "Log entries" */
import { TlogError } from "../../errors.ts";
import { HASH_BYTES, hashesEqual, leafHash } from "../../merkle/hash.ts";
import { type BundleCoordinate, formatBundlePath, TILE_WIDTH } from "../../tlog/tile.ts";
import { type Finding, met, notRun, reported, unmet } from "./finding.ts";
import { type LogSubject, type ReadBundle, readBundle, readTile } from "./subject.ts";
import { onTree, PRUNED, readEdge } from "./tile-checks.ts";

export const BUNDLE_CHECKS = {
  "bundle-exact": onTree(1, async (subject, { treeSize }) => {
    const read = await readBundles(subject, treeSize);
    const shown = read.bundles.map(({ entries, bytes }) => `${entries.length} entries in ${bytes} bytes`);
    return orPruned(met(shown.join(", ")), read);
  }),
  "bundle-leaves": onTree(1, async (subject, { treeSize }) => {
    const edge = await readEdge(subject, treeSize);
    if (edge.failure !== undefined) return notRun("needs the tiles of the right edge");
    const read = await readBundles(subject, treeSize).catch(orMalformed);
    if (read instanceof TlogError) return notRun(`needs the bundles: ${read.message}`);
    for (const { at, entries } of read.bundles) {
      const hashes = await readTile(subject, { level: 0, ...at });
      const wrong = entries.findIndex(
        (entry, offset) => !hashesEqual(leafHash(entry), hashAt(hashes, offset)),
      );
      if (wrong >= 0) return unmet(`entry ${at.index * TILE_WIDTH + wrong} has another hash in its tile`);
    }
    return orPruned(met("the same hashes"), read);
  }),
};

interface ReadBundles {
  readonly bundles: readonly (ReadBundle & { readonly at: BundleCoordinate })[];
  /** The path of one that may be pruned. */
  readonly refused: string | undefined;
}

/**
 * Reads the last full bundle, and the one at the right edge.
 * @throws {TlogError} BUNDLE_MALFORMED, and what the probe throws
 */
async function readBundles(subject: LogSubject, treeSize: number): Promise<ReadBundles> {
  const bundles: (ReadBundle & { readonly at: BundleCoordinate })[] = [];
  let refused: string | undefined;
  for (const at of bundlesAt(treeSize)) {
    const bundle = await readBundle(subject, at);
    if (bundle === undefined) refused = formatBundlePath(at);
    else bundles.push({ ...bundle, at });
  }
  return { bundles, refused };
}

function orPruned(finding: Finding, { refused }: ReadBundles): Finding {
  return refused === undefined ? finding : reported(`${refused} is refused`, PRUNED);
}

function orMalformed(error: unknown): TlogError {
  if (error instanceof TlogError && error.code === "BUNDLE_MALFORMED") return error;
  throw error;
}

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
