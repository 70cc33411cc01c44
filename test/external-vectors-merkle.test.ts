import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TlogError } from "../src/errors.ts";
import { appendLeaves, emptyRange, rangeRoot } from "../src/merkle/compact-range.ts";
import { planConsistency, verifyConsistency } from "../src/merkle/consistency.ts";
import { leafHash } from "../src/merkle/hash.ts";
import { planInclusion, verifyInclusion } from "../src/merkle/inclusion.ts";
import { assembleProof, type ProofPlan } from "../src/merkle/proof-plan.ts";
import {
  isValidSubtree,
  planSubtreeConsistency,
  planSubtreeInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from "../src/merkle/subtree.ts";
import { decodeBundle } from "../src/tlog/entry-bundle.ts";
import { formatBundlePath, formatTilePath, parseTilePath, type Tile, tileWidthAt } from "../src/tlog/tile.ts";
import { type ReadTile, readNodes, readVerifiedTiles } from "../src/tlog/tile-reader.ts";
import { expectCode } from "./expect-code.ts";
import { hex } from "./reference/merkle.ts";

/*
 * Other projects' vectors, which are not part of this repository: BRISTLECONE_VECTORS names a folder that has them.
 * The Merkle cases there have 64-bit numbers; JSON.parse makes every one above 2^53 - 1 a number that is not safe.
 */
const folder = process.env.BRISTLECONE_VECTORS ?? "";
const counts = { run: 0, skipped: 0 };

async function readProof(plan: ProofPlan, treeSize: number, readTile: ReadTile) {
  return assembleProof(plan, await readNodes(plan.nodes, treeSize, readTile));
}

describe.skipIf(folder === "" || !existsSync(folder))("other projects' Merkle vectors", () => {
  afterAll(() => {
    console.log(`external Merkle vectors: ${counts.run} run, ${counts.skipped} skipped`);
  });

  it("inclusion proofs", () => {
    for (const { file, vector } of readCases<InclusionCase>("merkle/inclusion")) runInclusion(file, vector);
  });

  it("consistency proofs", () => {
    for (const { file, vector } of readCases<ConsistencyCase>("merkle/consistency"))
      runConsistency(file, vector);
  });

  it("inclusion proofs in subtrees", () => {
    for (const { file, vector } of readCases<SubtreeInclusionCase>("merkle/subtreeinclusion")) {
      const { leafIdx: leafIndex, start, end } = vector;
      const [leafHash, subtreeHash] = [base64(vector.leafHash), base64(vector.root)];
      const proof = (vector.proof ?? []).map(base64);
      const hashes = [leafHash, subtreeHash, ...proof];
      runProof({ file, vector, numbers: [leafIndex, start, end], hashes }, () =>
        verifySubtreeInclusion({ leafIndex, start, end, leafHash, subtreeHash, proof }),
      );
    }
  });

  it("consistency proofs of subtrees", () => {
    for (const { file, vector } of readCases<SubtreeConsistencyCase>("merkle/subtreeconsistency")) {
      const { start, end, size: treeSize } = vector;
      const [subtreeHash, rootHash] = [base64(vector.root1), base64(vector.root2)];
      const proof = (vector.proof ?? []).map(base64);
      const hashes = [subtreeHash, rootHash, ...proof];
      // Good there: an empty range, of which nothing is proven. Here that is no subtree.
      const wantErr = vector.wantErr || start === end;
      runProof({ file, vector: { ...vector, wantErr }, numbers: [start, end, treeSize], hashes }, () =>
        verifySubtreeConsistency({ start, end, subtreeHash, treeSize, rootHash, proof }),
      );
    }
  });

  it("the RFC 6962 tree of eight leaves", () => {
    const tree = readJson<Tree8>("rfc6962/tree8.json");
    const seen: string[][] = [[], [], [], []];
    let range = emptyRange();
    for (const [size, root] of tree.roots_by_size_hex.entries()) {
      expect(hex(rangeRoot(range))).toBe(root);
      counts.run += 1;
      if (size === tree.leaf_inputs_hex.length) break;
      const leaf = leafHash(Buffer.from(tree.leaf_inputs_hex[size]!, "hex"));
      range = appendLeaves(range, [leaf], ({ level, index }, hash) => {
        seen[level]![index] = hex(hash);
      });
    }
    expect(seen).toEqual(tree.complete_nodes_by_level_hex);
    counts.run += 1;
  });

  it("digests over every subtree hash, inclusion proof and consistency proof of 130 leaves", () => {
    const { streams } = readJson<Accumulated>("rfc6962/mtc-subtree-accumulated.json");
    const leaves = Array.from({ length: 130 }, (_, i) => leafHash(Uint8Array.of(i)));
    const roots = new Map<string, Uint8Array>();
    const rootOf = (start: number, end: number): Uint8Array => {
      const range = `[${start}, ${end})`;
      const root = roots.get(range) ?? rangeRoot(appendLeaves(emptyRange(), leaves.slice(start, end)));
      roots.set(range, root);
      return root;
    };
    const proofLine = (plan: ProofPlan) => {
      const nodes = plan.nodes.map(({ level, index }) =>
        rootOf(index * 2 ** level, (index + 1) * 2 ** level),
      );
      return assembleProof(plan, nodes)
        .map((hash) => ` ${hex(hash)}`)
        .join("");
    };
    const hashes = createHash("sha256");
    const inclusion = createHash("sha256");
    const consistency = createHash("sha256");
    for (const { start, end } of validSubtrees(130)) {
      hashes.update(`[${start}, ${end}) ${hex(rootOf(start, end))}\n`);
      for (let leafIndex = start; leafIndex < end; leafIndex++) {
        const proof = proofLine(planSubtreeInclusion({ leafIndex, start, end }));
        inclusion.update(`${leafIndex} [${start}, ${end})${proof}\n`);
      }
    }
    for (let treeSize = 0; treeSize <= 130; treeSize++) {
      for (const { start, end } of validSubtrees(treeSize)) {
        // The stream has empty ranges too, with an empty proof: here they are no subtrees.
        const proof = start === end ? "" : proofLine(planSubtreeConsistency({ start, end, treeSize }));
        consistency.update(`[${start}, ${end}) ${treeSize}${proof}\n`);
      }
    }
    expect(hashes.digest("hex")).toBe(streams.subtree_hash?.sha256);
    expect(inclusion.digest("hex")).toBe(streams.subtree_inclusion_proof?.sha256);
    expect(consistency.digest("hex")).toBe(streams.subtree_consistency_proof?.sha256);
    counts.run += 3;
    // How to cover any range by two subtrees: nothing here needs it.
    counts.skipped += Object.keys(streams).length - 3;
  });

  it("tile paths", () => {
    const paths = readJson<TilePaths>("tile-paths/tessera.json");
    for (const { n_path, ok } of paths.parse) {
      // Three cases that were bad for their level, which the file leaves out; the rest of the path is a good one.
      if (n_path === "x001/002") {
        counts.skipped += 1;
        continue;
      }
      const path = `tile/0/${n_path}`;
      const index = BigInt(n_path.replace(/\.p.*/, "").replace(/[^0-9]/g, ""));
      if (!ok) expectRefusal(() => parseTilePath(path), ["TILE_PATH_MALFORMED", "NUMBER_TOO_LARGE"]);
      else if (index > Number.MAX_SAFE_INTEGER) expectCode(() => parseTilePath(path), "NUMBER_TOO_LARGE");
      else expect(formatTilePath(parseTilePath(path))).toBe(path);
      counts.run += 1;
    }
    for (const { seq, size, path } of paths.format) {
      const index = Math.floor(seq / 256);
      expect(formatBundlePath({ index, width: tileWidthAt({ level: 0, index, treeSize: size }) })).toBe(path);
      counts.run += 1;
    }
  });

  it("a log of 15 entries: every size, every proof", async () => {
    const log = "tiles/tessera-log15";
    for (let treeSize = 0; treeSize <= 15; treeSize++) {
      const rootHash = rootIn(join(log, `checkpoint.${treeSize}`), treeSize);
      const { leaves } = await readLog(log, treeSize, rootHash);
      const entries =
        treeSize === 0
          ? []
          : decodeBundle(readBytes(join(log, formatBundlePath({ index: 0, width: treeSize }))), treeSize);
      expect(entries.map((entry) => hex(leafHash(entry)))).toEqual(leaves.map(hex));
      const readTile = async (tile: Tile) => readBytes(join(log, formatTilePath(tile)));
      for (const [leafIndex, leaf] of leaves.entries()) {
        const proof = await readProof(planInclusion({ leafIndex, treeSize }), treeSize, readTile);
        verifyInclusion({ leafIndex, treeSize, leafHash: leaf, rootHash, proof });
      }
      for (let fromSize = 0; fromSize <= treeSize; fromSize++) {
        const proof = await readProof(planConsistency({ fromSize, toSize: treeSize }), treeSize, readTile);
        const fromRoot = rootIn(join(log, `checkpoint.${fromSize}`), fromSize);
        verifyConsistency({ fromSize, fromRoot, toSize: treeSize, toRoot: rootHash, proof });
      }
      counts.run += 1 + leaves.length + treeSize + 1;
    }
  });

  it("a mirror of 300 entries: tiles under their checkpoint", async () => {
    const mirrors = "tiles/skylight-mirror300/witness/mirror";
    const [log] = readdirSync(join(folder, mirrors)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const path = join(mirrors, log!);
    const rootHash = rootIn(join(path, "checkpoint"), 300);
    const { leaves } = await readLog(path, 300, rootHash);
    expect(hex(rangeRoot(appendLeaves(emptyRange(), leaves)))).toBe(hex(rootHash));
    counts.run += 1;
    // Its two bundles hold gzip of a text that says so, no entries.
    counts.skipped += 2;
  });

  it("a Certificate Transparency log of 961,984,011 entries", () => {
    const head = readJson<{ tree_size: number; sha256_root_hash: string }>("ct-rfc6962/get-sth.json");
    const names = readdirSync(join(folder, "ct-rfc6962"));
    const read = <T>(prefix: string) =>
      readJson<T>(join("ct-rfc6962", names.find((name) => name.startsWith(prefix))!));
    const rootHash = base64(head.sha256_root_hash);
    const { leaf_index, audit_path } = read<{ leaf_index: number; audit_path: string[] }>(
      "get-proof-by-hash",
    );
    const { entries } = read<{ entries: { leaf_input: string }[] }>("get-entries");
    const leaf = leafHash(base64(entries[0]!.leaf_input));
    const inclusion = { leafIndex: leaf_index, treeSize: head.tree_size, leafHash: leaf, rootHash };
    verifyInclusion({ ...inclusion, proof: audit_path.map(base64) });
    expectCode(
      () => verifyInclusion({ ...inclusion, leafIndex: leaf_index + 1, proof: audit_path.map(base64) }),
      "PROOF_INVALID",
    );

    const { consistency } = read<{ consistency: string[] }>("get-sth-consistency");
    const fromRoot = base64("AuIZ5V6sDUj1vn3Y1K85oOaQ7y+FJJKtyRTl1edIKBQ=");
    const between = { fromSize: 3_654_490, fromRoot, toSize: head.tree_size, toRoot: rootHash };
    verifyConsistency({ ...between, proof: consistency.map(base64) });
    expectCode(
      () => verifyConsistency({ ...between, fromSize: 3_654_491, proof: consistency.map(base64) }),
      "PROOF_INVALID",
    );
    counts.run += 2;
  });
});

interface ProofCase {
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

interface InclusionCase extends ProofCase {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
}

interface ConsistencyCase extends ProofCase {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
}

interface SubtreeInclusionCase extends Omit<InclusionCase, "treeSize"> {
  readonly start: number;
  readonly end: number;
}

interface SubtreeConsistencyCase extends Omit<ConsistencyCase, "size1" | "size2"> {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

interface Tree8 {
  readonly leaf_inputs_hex: readonly string[];
  readonly roots_by_size_hex: readonly string[];
  readonly complete_nodes_by_level_hex: readonly (readonly string[])[];
}

interface Accumulated {
  readonly streams: Readonly<Record<string, { readonly sha256: string }>>;
}

interface TilePaths {
  readonly parse: readonly { readonly n_path: string; readonly ok: boolean }[];
  readonly format: readonly { readonly seq: number; readonly size: number; readonly path: string }[];
}

function runInclusion(file: string, vector: InclusionCase): void {
  const { leafIdx: leafIndex, treeSize } = vector;
  const [leafHash, rootHash] = [base64(vector.leafHash), base64(vector.root)];
  const proof = (vector.proof ?? []).map(base64);
  runProof({ file, vector, numbers: [leafIndex, treeSize], hashes: [leafHash, rootHash, ...proof] }, () =>
    verifyInclusion({ leafIndex, treeSize, leafHash, rootHash, proof }),
  );
}

function runConsistency(file: string, vector: ConsistencyCase): void {
  const { size1: fromSize, size2: toSize } = vector;
  const [fromRoot, toRoot] = [base64(vector.root1), base64(vector.root2)];
  const proof = (vector.proof ?? []).map(base64);
  runProof({ file, vector, numbers: [fromSize, toSize], hashes: [fromRoot, toRoot, ...proof] }, () =>
    verifyConsistency({ fromSize, fromRoot, toSize, toRoot, proof }),
  );
}

interface ProofRun {
  readonly file: string;
  readonly vector: ProofCase;
  readonly numbers: readonly number[];
  readonly hashes: readonly Uint8Array[];
}

function runProof({ file, vector, numbers, hashes }: ProofRun, verify: () => void): void {
  try {
    if (!numbers.every(Number.isSafeInteger)) expectRefusal(verify, ["ARGUMENT_INVALID"]);
    else if (vector.wantErr) expectRefusal(verify, ["PROOF_INVALID", "HASH_MALFORMED"]);
    // Good there because nothing looks at the roots, which are the text "dont care 1"; here a hash is 32 bytes.
    else if (hashes.some(({ length }) => length !== 32)) expectRefusal(verify, ["HASH_MALFORMED"]);
    else verify();
  } catch (cause) {
    throw new Error(file, { cause });
  }
  counts.run += 1;
}

function expectRefusal(action: () => unknown, codes: readonly string[]): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    expect(codes).toContain(error.code);
    return;
  }
  expect.unreachable(`wanted ${codes.join(" or ")}, nothing was thrown`);
}

/** All leaf hashes of a log on disk, through its tiles, verified. */
async function readLog(
  log: string,
  treeSize: number,
  rootHash: Uint8Array,
): Promise<{ leaves: readonly Uint8Array[] }> {
  const nodes = Array.from({ length: treeSize }, (_, index) => ({ level: 0, index }));
  const readTile = async (tile: Tile) => readBytes(join(log, formatTilePath(tile)));
  const read = await readVerifiedTiles({ treeSize, rootHash, nodes, readTile });
  return { leaves: nodes.map(read) };
}

function rootIn(checkpoint: string, treeSize: number): Uint8Array {
  const [, size, root] = readBytes(checkpoint).toString("utf8").split("\n");
  expect(size).toBe(`${treeSize}`);
  return base64(root!);
}

/** The valid subtrees of a tree, empty ranges among them. */
function* validSubtrees(size: number): Generator<{ start: number; end: number }, void, void> {
  for (let end = 0; end <= size; end++) {
    for (let start = 0; start <= end; start++) {
      if (start === end || isValidSubtree({ start, end })) yield { start, end };
    }
  }
}

function readCases<T>(path: string): readonly { file: string; vector: T }[] {
  const files = readdirSync(join(folder, path), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => ({ file: join(path, file), vector: readJson<T>(join(path, file)) }));
}

function readJson<T>(path: string): T {
  return JSON.parse(readBytes(path).toString("utf8"));
}

function readBytes(path: string): Buffer {
  return readFileSync(join(folder, path));
}

function base64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
