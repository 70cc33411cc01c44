import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TlogError } from "../src/errors.ts";
import { appendLeaves, emptyRange, peakCoordinates, rangeRoot } from "../src/merkle/compact-range.ts";
import { planConsistency, verifyConsistency } from "../src/merkle/consistency.ts";
import { leafHash } from "../src/merkle/hash.ts";
import { planInclusion, verifyInclusion } from "../src/merkle/inclusion.ts";
import { planInclusionBatch, verifyInclusionBatch } from "../src/merkle/inclusion-batch.ts";
import { planSubtreeConsistency, verifySubtreeConsistency } from "../src/merkle/subtree.ts";
import { formatAddCheckpoint, parseAddCheckpoint } from "../src/tlog/add-checkpoint.ts";
import { decodeBundle, encodeBundle } from "../src/tlog/entry-bundle.ts";
import {
  formatBundlePath,
  formatTilePath,
  parseBundlePath,
  parseTilePath,
  type Tile,
  tilesAt,
  tileWidthAt,
} from "../src/tlog/tile.ts";
import { verifyTiles } from "../src/tlog/tile-reader.ts";
import { hex, referenceTree, sha256 } from "./reference/merkle.ts";
import { tileBytes } from "./reference/tiles.ts";
import { makeVectorFiles } from "./reference/vectors/classes.ts";
import { IS_FULL } from "./runs.ts";

/** A case as the file has it: what its members are, the file's description says. */
interface Case {
  readonly name: string;
  readonly error?: string;
}

const FOLDER = new URL("../spec/vectors/", import.meta.url);

function casesOf<T extends Case>(file: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")).cases;
}

/** Runs every case of a file: `run` must throw a case's error, and nothing for a case without one. */
function runCases<T extends Case>(file: string, run: (vector: T) => void): void {
  it(`${file} holds good`, () => {
    for (const vector of casesOf<T>(file)) {
      const outcome = { name: vector.name, error: codeThrownBy(() => run(vector)) };
      expect(outcome).toEqual({ name: vector.name, error: vector.error });
    }
  });
}

describe("spec/vectors", () => {
  // In CI `npm run vectors -- --check` looks too.
  it.runIf(IS_FULL)(
    "is what the naive reference makes",
    async () => {
      for (const [name, text] of await makeVectorFiles()) {
        expect(readFileSync(new URL(name, FOLDER), "utf8") === text, `${name}: run npm run vectors`).toBe(
          true,
        );
      }
    },
    60_000,
  );

  runCases<Case & { entry: string; leafHash: string }>("merkle-leaf.json", (vector) => {
    expect(hex(leafHash(bytes(vector.entry)))).toBe(vector.leafHash);
  });

  interface Peak {
    readonly level: number;
    readonly index: number;
    readonly hash?: string;
  }
  runCases<Case & { treeSize: number; peaks: readonly Peak[]; rootHash?: string }>(
    "merkle-root.json",
    (vector) => {
      const { treeSize, peaks, rootHash } = vector;
      expect(peakCoordinates(treeSize)).toEqual(peaks.map(({ level, index }) => ({ level, index })));
      if (rootHash === undefined) return;
      const range = appendLeaves(emptyRange(), decimalEntries(treeSize).map(leafHash));
      expect(range.peaks.map(hex)).toEqual(peaks.map(({ hash }) => hash));
      expect(hex(rangeRoot(range))).toBe(rootHash);
    },
  );

  interface Inclusion extends Case {
    readonly leafIndex: number;
    readonly treeSize: number;
    readonly leafHash: string;
    readonly rootHash: string;
    readonly proof: readonly string[];
  }
  runCases<Inclusion>("merkle-inclusion.json", (vector) => {
    const { leafIndex, treeSize, leafHash, rootHash, proof } = vector;
    verifyInclusion({
      leafIndex,
      treeSize,
      leafHash: bytes(leafHash),
      rootHash: bytes(rootHash),
      proof: proof.map(bytes),
    });
    expect(planInclusion(vector).nodesPerHash.length).toBe(proof.length);
  });

  interface Batch extends Case {
    readonly leafIndices: readonly number[];
    readonly treeSize: number;
    readonly leafHashes: readonly string[];
    readonly rootHash: string;
    readonly proof: readonly string[];
  }
  runCases<Batch>("merkle-inclusion-batch.json", (vector) => {
    const { leafIndices, treeSize, leafHashes, rootHash, proof } = vector;
    verifyInclusionBatch({
      leafIndices,
      treeSize,
      leafHashes: leafHashes.map(bytes),
      rootHash: bytes(rootHash),
      proof: proof.map(bytes),
    });
    expect(planInclusionBatch(vector).nodesPerHash.length).toBe(proof.length);
  });

  interface Consistency extends Case {
    readonly fromSize: number;
    readonly fromRoot: string;
    readonly toSize: number;
    readonly toRoot: string;
    readonly proof: readonly string[];
  }
  runCases<Consistency>("merkle-consistency.json", (vector) => {
    const { fromSize, fromRoot, toSize, toRoot, proof } = vector;
    verifyConsistency({
      fromSize,
      fromRoot: bytes(fromRoot),
      toSize,
      toRoot: bytes(toRoot),
      proof: proof.map(bytes),
    });
    expect(planConsistency(vector).nodesPerHash.length).toBe(proof.length);
  });

  interface Subtree extends Case {
    readonly start: number;
    readonly end: number;
    readonly subtreeHash: string;
    readonly treeSize: number;
    readonly rootHash: string;
    readonly proof: readonly string[];
  }
  runCases<Subtree>("merkle-subtree.json", (vector) => {
    const { start, end, subtreeHash, treeSize, rootHash, proof } = vector;
    verifySubtreeConsistency({
      start,
      end,
      subtreeHash: bytes(subtreeHash),
      treeSize,
      rootHash: bytes(rootHash),
      proof: proof.map(bytes),
    });
    expect(planSubtreeConsistency(vector).nodesPerHash.length).toBe(proof.length);
  });

  interface AddCheckpoint extends Case {
    readonly body: string;
    readonly oldSize: number;
    readonly proof: readonly string[];
    readonly checkpoint: string;
  }
  runCases<AddCheckpoint>("add-checkpoint.json", ({ body, oldSize, proof, checkpoint }) => {
    const request = parseAddCheckpoint(Buffer.from(body, "utf8"));
    expect({
      oldSize: request.oldSize,
      proof: request.proof.map(hex),
      checkpoint: Buffer.from(request.checkpoint).toString("utf8"),
    }).toEqual({ oldSize, proof, checkpoint });
    expect(Buffer.from(formatAddCheckpoint(request)).toString("utf8")).toBe(body);
  });

  interface TilePath extends Case {
    readonly path: string;
    readonly level: number | "entries";
    readonly index: number;
    readonly width: number;
  }
  runCases<TilePath>("tile-path.json", ({ path, level, index, width }) => {
    if (path.startsWith("tile/entries/")) {
      expect({ level: "entries", ...parseBundlePath(path) }).toEqual({ level, index, width });
      expect(formatBundlePath({ index, width })).toBe(path);
      return;
    }
    const tile = parseTilePath(path);
    expect(tile).toEqual({ level, index, width });
    expect(formatTilePath(tile)).toBe(path);
  });

  interface Level {
    readonly level: number;
    readonly full: number;
    readonly partial: number;
  }
  runCases<Case & { treeSize: number; levels: readonly Level[] }>(
    "tile-width.json",
    ({ treeSize, levels }) => {
      for (const { level, full, partial } of levels) {
        if (full > 0) expect(tileWidthAt({ level, index: full - 1, treeSize })).toBe(256);
        expect(tileWidthAt({ level, index: full, treeSize })).toBe(partial);
      }
      expect(tileWidthAt({ level: levels.length, index: 0, treeSize })).toBe(0);
    },
  );

  interface Tiles extends Case {
    readonly treeSize: number;
    readonly rootHash: string;
    readonly tiles: readonly { readonly path: string; readonly sha256: string }[];
  }
  runCases<Tiles>("tile.json", ({ treeSize, rootHash, tiles }) => {
    expect([...tilesAt(treeSize)].map(formatTilePath)).toEqual(tiles.map(({ path }) => path));
    const tree = referenceTree(treeSize);
    const read = new Map<Tile, Uint8Array>();
    for (const tile of tiles) {
      const hashes = tileBytes(tree, parseTilePath(tile.path));
      expect(hex(sha256(hashes))).toBe(tile.sha256);
      read.set(parseTilePath(tile.path), hashes);
    }
    verifyTiles({ treeSize, rootHash: bytes(rootHash), tiles: read });
  });

  interface Bundle extends Case {
    readonly count: number;
    readonly bundle: string;
    readonly entries: readonly string[];
  }
  runCases<Bundle>("entry-bundle.json", ({ count, bundle, entries }) => {
    const decoded = decodeBundle(bytes(bundle), count);
    expect(decoded.map(hex)).toEqual(entries);
    expect(hex(encodeBundle(decoded))).toBe(bundle);
  });
});

function codeThrownBy(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof TlogError) return error.code;
    throw error;
  }
}

/** The entries all trees of the vectors are made of. */
function decimalEntries(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new TextEncoder().encode(`${i}`));
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
