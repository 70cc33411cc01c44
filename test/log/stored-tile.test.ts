import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { integrate } from "../../src/log/integrate.ts";
import type { NodeCache } from "../../src/log/node-cache.ts";
import { consistencyProof, inclusionBatch, inclusionProof, nodesOf, rootAt } from "../../src/log/prove.ts";
import { emptyRange } from "../../src/merkle/compact-range.ts";
import { verifyInclusionBatch } from "../../src/merkle/inclusion-batch.ts";
import { INNER_BYTES } from "../../src/store/inner-nodes.ts";
import { createMemoryDisk, openMemoryStore } from "../../src/store/memory.ts";
import type { LogReader } from "../../src/store/store.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { encodeEntryBlock } from "../../src/tlog/entry-bundle.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { runs } from "../runs.ts";
import { emptyDisks, openOn, published } from "./harness.ts";

const SIZE = 2_900;
const entries = Array.from({ length: SIZE }, (_, index) => encodeUtf8(`${index}`));
const tree = new ReferenceTree(entries.map(leafHashOf));

/** @param isKept - whether the batch that begins at a size gives inner nodes. */
async function storeOf(isKept: (from: number) => boolean = () => true): Promise<LogReader> {
  const store = openMemoryStore({ origin: "example.com/log", disk: createMemoryDisk() });
  let range = emptyRange();
  for (let count = 1; range.treeSize < SIZE; count = (count * 7 + 3) % 411) {
    const from = range.treeSize;
    const added = entries.slice(from, from + count);
    if (added.length === 0) continue;
    const leafHashes = concatBytes(...added.map(leafHashOf));
    const { range: head, levels } = integrate(range, leafHashes);
    const plain = levels.map(({ level, start, hashes }) => ({ level, start, hashes }));
    await store.commit({
      from,
      entries: encodeEntryBlock(added),
      leafHashes,
      levels: isKept(from) ? levels : plain,
      head,
    });
    range = head;
  }
  return store;
}

const asked = fc.record({ any: fc.nat(), size: fc.nat(), readable: fc.nat() });

describe("proofs from stored inner nodes", () => {
  let kept: LogReader;
  let partly: LogReader;
  beforeAll(async () => {
    kept = await storeOf();
    partly = await storeOf((from) => from > 700);
  });

  it.each(["all tiles", "the newer tiles"])(
    "are those of the definitions, with inner nodes of %s",
    async (which) => {
      const nodes = nodesOf(which === "all tiles" ? kept : partly);
      await fc.assert(
        fc.asyncProperty(asked, async ({ any, size, readable }) => {
          const readableSize = 1 + (readable % SIZE);
          const treeSize = 1 + (size % readableSize);
          const leafIndex = any % treeSize;
          await expectProofs(nodes, { leafIndex, treeSize, readableSize });
        }),
        { numRuns: runs(150) },
      );
    },
  );

  it("are so for every leaf of a tile, and for all of them at once", async () => {
    const nodes = nodesOf(kept);
    for (let leafIndex = 256; leafIndex < 512; leafIndex++) {
      const proof = await inclusionProof(nodes, SIZE, { leafIndex, treeSize: SIZE });
      expect(proof).toEqual(tree.path(leafIndex, 0, SIZE));
    }
  });

  it("read no more than one section of a tile for a leaf, also the first time", async () => {
    const tiles: number[] = [];
    const sections: number[] = [];
    const nodes = nodesOf({
      ...kept,
      async readTile(tile) {
        tiles.push(tile.level);
        return await kept.readTile(tile);
      },
      async readSection(leafIndex) {
        sections.push(leafIndex);
        return await kept.readSection(leafIndex);
      },
    });
    await rootAt(nodes, SIZE, SIZE);
    tiles.length = 0;
    await inclusionProof(nodes, SIZE, { leafIndex: 300, treeSize: SIZE });
    expect(tiles).toEqual([]);
    expect(sections).toEqual([300]);
  });

  it("are refused when a leaf they need is not the tree's, and made from the leaves when an inner node is not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 2559 }),
        fc.nat({ max: 255 }),
        fc.nat({ max: 959 }),
        async (leafIndex, damagedLeaf, nodeByte) => {
          const at = { leafIndex, treeSize: SIZE };
          const leaf = leafIndex - (leafIndex % 16) + (damagedLeaf % 16);
          const badLeaf = nodesOf(damaged(kept, { leaf }));
          await expectCodeAsync(inclusionProof(badLeaf, SIZE, at), "STORE_DAMAGED");
          const tile = Math.floor(leafIndex / 256);
          const badBoth = nodesOf(damaged(kept, { leaf: tile * 256 + damagedLeaf, nodeByte }));
          const leafIndices = [leafIndex];
          await expectCodeAsync(inclusionBatch(badBoth, SIZE, { ...at, leafIndices }), "STORE_DAMAGED");
          const badNode = nodesOf(damaged(kept, { nodeByte }));
          await expectProofs(badNode, { ...at, readableSize: SIZE });
          const within = { leafIndex, treeSize: Math.max(leafIndex + 1, tile * 256 + 200) };
          await expectProofs(badNode, { ...within, readableSize: SIZE });
        },
      ),
      { numRuns: runs(30) },
    );
  });

  it("tell once of inner nodes that are not the tree's", async () => {
    const told: string[] = [];
    const nodes = nodesOf(damaged(kept, { nodeByte: 5 }), { warning: ({ code }) => told.push(code) });
    const leafIndices = [20, 300, 600];
    for (let again = 0; again < 2; again++) {
      await inclusionBatch(nodes, SIZE, { leafIndices, treeSize: SIZE });
      expect(told).toEqual(["INNER_NODES_DAMAGED"]);
    }
  });

  it("are made by a log with damaged inner nodes, which warns and goes on", async () => {
    const disks = emptyDisks();
    const told: string[] = [];
    const log = await openOn(disks, { events: { warning: ({ code }) => told.push(code) } });
    await log.addBatch(entries.slice(0, 300));
    await published(log, 299);
    disks.store.inner.set(0, new Uint8Array(INNER_BYTES).fill(1));
    const proof = await log.proveInclusion({ leafIndex: 20, treeSize: 300 });
    expect(proof).toEqual(tree.path(20, 0, 300));
    expect(told).toEqual(["INNER_NODES_DAMAGED"]);
    await log.close();
  });

  it("are refused when a tile without inner nodes is not that of the hash above it", async () => {
    const none = await storeOf(() => false);
    const nodes = nodesOf(damaged(none, { leaf: 300 }));
    await expectCodeAsync(inclusionProof(nodes, SIZE, { leafIndex: 400, treeSize: SIZE }), "STORE_DAMAGED");
  });

  it("are refused when the hash above a tile is not that of its leaves", async () => {
    const nodes = nodesOf({
      ...kept,
      async readTile(tile) {
        const bytes = await kept.readTile(tile);
        if (tile.level === 1) bytes?.set([1, 2, 3], 32);
        return bytes;
      },
    });
    await expectCodeAsync(inclusionProof(nodes, SIZE, { leafIndex: 300, treeSize: SIZE }), "STORE_DAMAGED");
  });
});

async function expectProofs(
  nodes: NodeCache,
  { leafIndex, treeSize, readableSize }: { leafIndex: number; treeSize: number; readableSize: number },
): Promise<void> {
  const at = { leafIndex, treeSize };
  expect(await inclusionProof(nodes, readableSize, at)).toEqual(tree.path(leafIndex, 0, treeSize));
  const fromSize = Math.max(1, leafIndex);
  const between = { fromSize, toSize: treeSize };
  expect(await consistencyProof(nodes, readableSize, between)).toEqual(tree.proof(fromSize, treeSize));
  const rootHash = await rootAt(nodes, readableSize, treeSize);
  expect(rootHash).toEqual(tree.root(treeSize));
  const leafIndices = [...new Set([0, Math.floor(leafIndex / 3), leafIndex])];
  const proof = await inclusionBatch(nodes, readableSize, { leafIndices, treeSize });
  const leaves = leafIndices.map((index) => leafHashOf(entries[index] ?? new Uint8Array(0)));
  verifyInclusionBatch({ leafIndices, treeSize, leafHashes: leaves, rootHash, proof });
}

/** @param of.leaf - one bit of its hash is another, wherever it is read. @param of.nodeByte - so is one of all inner nodes at that place. */
function damaged(store: LogReader, { leaf = -1, nodeByte }: { leaf?: number; nodeByte?: number }): LogReader {
  return {
    ...store,
    async readTile(tile) {
      const bytes = await store.readTile(tile);
      const at = leaf - tile.index * 256;
      if (bytes !== undefined && tile.level === 0 && at >= 0 && at < tile.width) flipBit(bytes, at * 32 + 7);
      return bytes;
    },
    async readSection(leafIndex) {
      const section = await store.readSection(leafIndex);
      if (section === undefined) return undefined;
      if (Math.floor(leafIndex / 16) === Math.floor(leaf / 16)) {
        flipBit(section.leaves, (leaf % 16) * 32 + 7);
      }
      if (nodeByte !== undefined) flipBit(section.nodes, nodeByte);
      return section;
    },
  };
}

function flipBit(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
}
