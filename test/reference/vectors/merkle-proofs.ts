import { chosenConsistency, chosenInclusion } from "../large-trees.ts";
import { hex, type ReferenceTree, referenceTree, sha256 } from "../merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../mutate.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

interface Inclusion {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly leafHash: Uint8Array;
  readonly rootHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

interface Consistency {
  readonly fromSize: number;
  readonly fromRoot: Uint8Array;
  readonly toSize: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const EXTRA = sha256(new TextEncoder().encode("one hash too many"));
const UNSAFE = 2 ** 53;

/** Proofs that must verify and proofs that must not. */
export function merkleProofVectors(): readonly VectorFile[] {
  const tree = referenceTree(1000);
  return [
    {
      name: "merkle-inclusion",
      description:
        "RFC 6962 §2.1.1: does the proof, leaf end first, lead from leafHash to rootHash? In trees too large to build, the " +
        "hashes of the proof are chosen ones. Numbers above 2^53 - 1 must be refused, or handled exactly.",
      cases: [...goodInclusions(tree), ...badInclusions(tree)],
    },
    {
      name: "merkle-consistency",
      description:
        "RFC 6962 §2.1.2: does the proof lead to both roots? From size 0 every tree follows, with an empty proof. In trees too " +
        "large to build, the hashes of the proof are chosen ones. Numbers above 2^53 - 1 must be refused, or handled exactly.",
      cases: [...goodConsistencies(tree), ...badConsistencies(tree)],
    },
  ];
}

function goodInclusions(tree: ReferenceTree): readonly VectorCase[] {
  const small = sizesTo(9).flatMap((treeSize) =>
    sizesTo(treeSize).map((leaf) => [leaf - 1, treeSize] as const),
  );
  const larger = [
    [0, 100],
    [63, 100],
    [64, 100],
    [99, 100],
    [255, 256],
    [256, 257],
    [777, 1000],
    [999, 1000],
  ] as const;
  const large = [
    [2 ** 31 - 1, 2 ** 31],
    [2 ** 31, 2 ** 31 + 1],
    [0, 2 ** 32],
    [2 ** 32 - 1, 2 ** 32],
    [2 ** 32, 2 ** 32 + 1],
    [5, 2 ** 32 + 5],
    [2 ** 40, 2 ** 45],
    [2 ** 52, 2 ** 53 - 1],
    [2 ** 53 - 2, 2 ** 53 - 1],
  ] as const;
  return [
    ...[...small, ...larger].map(([leafIndex, treeSize]) => inclusionOf(tree, leafIndex, treeSize)),
    ...large.map(([leafIndex, treeSize]) => chosenInclusion(leafIndex, treeSize)),
  ].map((good) => inclusionCase(`leaf ${good.leafIndex} of ${good.treeSize}`, good));
}

function badInclusions(tree: ReferenceTree): readonly VectorCase[] {
  const single = inclusionOf(tree, 0, 1);
  const cases = [
    inclusionCase("index equal to the size, empty proof", { ...single, leafIndex: 1 }, "PROOF_INVALID"),
    inclusionCase("tree of size 0", { ...single, treeSize: 0 }, "PROOF_INVALID"),
    inclusionCase("one leaf, another root", { ...single, rootHash: tree.root(2) }, "PROOF_INVALID"),
    inclusionCase(
      "one leaf, its hash as the proof",
      { ...single, proof: [single.leafHash] },
      "PROOF_INVALID",
    ),
  ];
  for (const [leafIndex, treeSize] of [
    [4, 7],
    [6, 7],
    [5, 8],
    [2 ** 40, 2 ** 45],
  ] as const) {
    const isSmall = treeSize < 10;
    const good = isSmall ? inclusionOf(tree, leafIndex, treeSize) : chosenInclusion(leafIndex, treeSize);
    const bad = (name: string, change: Partial<Inclusion>, error = "PROOF_INVALID") => {
      cases.push(inclusionCase(`leaf ${leafIndex} of ${treeSize}: ${name}`, { ...good, ...change }, error));
    };
    bad("index one up", { leafIndex: leafIndex + 1 });
    bad("index one down", { leafIndex: leafIndex - 1 });
    bad("index equal to the size", { leafIndex: treeSize });
    bad("size twice as large", { treeSize: treeSize * 2 });
    bad("leaf hash and root exchanged", { leafHash: good.rootHash, rootHash: good.leafHash });
    bad("leaf hash with its first bit flipped", { leafHash: flipBit(good.leafHash, 7) });
    bad("root with its last bit flipped", { rootHash: flipBit(good.rootHash, 248) });
    bad("empty proof", { proof: [] });
    bad("reversed proof", { proof: good.proof.toReversed() });
    bad("index of 2^53", { leafIndex: UNSAFE, treeSize: UNSAFE + 2 }, "ARGUMENT_INVALID");
    bad("size of 2^53", { treeSize: UNSAFE }, "ARGUMENT_INVALID");
    if (isSmall) badProofs(good.proof, bad);
  }
  return cases;
}

function goodConsistencies(tree: ReferenceTree): readonly VectorCase[] {
  const small = sizesTo(9).flatMap((toSize) =>
    [0, ...sizesTo(toSize)].map((fromSize) => [fromSize, toSize] as const),
  );
  const larger = [
    [1, 100],
    [64, 100],
    [99, 100],
    [100, 100],
    [256, 257],
    [511, 1000],
    [512, 1000],
    [999, 1000],
  ] as const;
  const large = [
    [2 ** 31 - 1, 2 ** 31],
    [2 ** 31, 2 ** 31 + 1],
    [1, 2 ** 32],
    [2 ** 32 - 1, 2 ** 32],
    [2 ** 32, 2 ** 32 + 1],
    [2 ** 32 + 1, 2 ** 45],
    [3, 2 ** 53 - 1],
    [2 ** 52, 2 ** 53 - 1],
    [2 ** 53 - 2, 2 ** 53 - 1],
  ] as const;
  return [
    ...[[0, 0] as const, ...small, ...larger].map(([fromSize, toSize]) =>
      consistencyOf(tree, fromSize, toSize),
    ),
    ...large.map(([fromSize, toSize]) => chosenConsistency(fromSize, toSize)),
  ].map((good) => consistencyCase(`${good.fromSize} to ${good.toSize}`, good));
}

function badConsistencies(tree: ReferenceTree): readonly VectorCase[] {
  const [zero, grown, equal] = [
    consistencyOf(tree, 0, 0),
    consistencyOf(tree, 0, 5),
    consistencyOf(tree, 6, 6),
  ];
  const cases = [
    consistencyCase("0 to 0: a proof", { ...zero, proof: [EXTRA] }, "PROOF_INVALID"),
    consistencyCase(
      "0 to 0: the roots of another tree",
      { ...zero, fromRoot: EXTRA, toRoot: EXTRA },
      "PROOF_INVALID",
    ),
    consistencyCase("0 to 0: another new root", { ...zero, toRoot: EXTRA }, "PROOF_INVALID"),
    consistencyCase("0 to 5: a proof", { ...grown, proof: [grown.fromRoot] }, "PROOF_INVALID"),
    consistencyCase("0 to 5: not the empty tree's root", { ...grown, fromRoot: EXTRA }, "PROOF_INVALID"),
    consistencyCase("6 to 6: a proof", { ...equal, proof: [equal.fromRoot] }, "PROOF_INVALID"),
    consistencyCase("6 to 6: other roots", { ...equal, toRoot: tree.root(7) }, "PROOF_INVALID"),
    consistencyCase("5 to 0: shrinks, empty proof", { ...grown, fromSize: 5, toSize: 0 }, "PROOF_INVALID"),
  ];
  for (const [fromSize, toSize] of [
    [4, 7],
    [6, 7],
    [6, 8],
    [2 ** 32 + 1, 2 ** 45],
  ] as const) {
    const isSmall = toSize < 10;
    const good = isSmall ? consistencyOf(tree, fromSize, toSize) : chosenConsistency(fromSize, toSize);
    const bad = (name: string, change: Partial<Consistency>, error = "PROOF_INVALID") => {
      cases.push(consistencyCase(`${fromSize} to ${toSize}: ${name}`, { ...good, ...change }, error));
    };
    bad("old size one up", { fromSize: fromSize + 1 });
    bad("old size 0", { fromSize: 0 });
    bad("new size twice as large", { toSize: toSize * 2 });
    bad("shrinks", { fromSize: toSize, fromRoot: good.toRoot, toSize: fromSize, toRoot: good.fromRoot });
    bad("roots exchanged", { fromRoot: good.toRoot, toRoot: good.fromRoot });
    bad("old root with its first bit flipped", { fromRoot: flipBit(good.fromRoot, 7) });
    bad("new root with its last bit flipped", { toRoot: flipBit(good.toRoot, 248) });
    bad("empty proof", { proof: [] });
    bad("old root put before the proof", { proof: [good.fromRoot, ...good.proof] });
    if (good.proof.length > 1) bad("reversed proof", { proof: good.proof.toReversed() });
    bad("new size of 2^53", { toSize: UNSAFE }, "ARGUMENT_INVALID");
    bad("sizes of 2^53", { fromSize: UNSAFE, toSize: UNSAFE }, "ARGUMENT_INVALID");
    if (isSmall) badProofs(good.proof, bad);
  }
  return cases;
}

/** What can be wrong with the hashes of any proof. */
function badProofs(
  proof: readonly Uint8Array[],
  bad: (name: string, change: { readonly proof: readonly Uint8Array[] }, error?: string) => void,
): void {
  for (const [at, damaged] of wrongLengths(proof, EXTRA).entries()) {
    const isShort = at < proof.length;
    const place = isShort ? at : at - proof.length;
    // A proof of one hash without that hash is the empty proof, which every class has a case for.
    if (damaged.length > 0) bad(`one hash too ${isShort ? "few" : "many"}, at ${place}`, { proof: damaged });
  }
  for (const [at, damaged] of swappedNeighbours(proof).entries())
    bad(`hashes ${at} and ${at + 1} swapped`, { proof: damaged });
  for (const [at, hash] of proof.entries()) {
    for (const bit of [0, 100, 255])
      bad(`bit ${bit} of hash ${at} flipped`, { proof: proof.with(at, flipBit(hash, bit)) });
    bad(`hash ${at} of 31 bytes`, { proof: proof.with(at, hash.subarray(1)) }, "HASH_MALFORMED");
    bad(`hash ${at} of 33 bytes`, { proof: proof.with(at, Uint8Array.of(...hash, 0)) }, "HASH_MALFORMED");
    bad(`hash ${at} of 0 bytes`, { proof: proof.with(at, new Uint8Array(0)) }, "HASH_MALFORMED");
  }
}

function inclusionOf(tree: ReferenceTree, leafIndex: number, treeSize: number): Inclusion {
  const leafHash = tree.hash(leafIndex, leafIndex + 1);
  return {
    leafIndex,
    treeSize,
    leafHash,
    rootHash: tree.root(treeSize),
    proof: tree.path(leafIndex, 0, treeSize),
  };
}

function consistencyOf(tree: ReferenceTree, fromSize: number, toSize: number): Consistency {
  const proof = fromSize === 0 ? [] : tree.proof(fromSize, toSize);
  return { fromSize, fromRoot: tree.root(fromSize), toSize, toRoot: tree.root(toSize), proof };
}

function inclusionCase(name: string, claim: Inclusion, error?: string): VectorCase {
  const { leafIndex, treeSize, leafHash, rootHash, proof } = claim;
  const members = {
    name,
    leafIndex,
    treeSize,
    leafHash: hex(leafHash),
    rootHash: hex(rootHash),
    proof: proof.map(hex),
  };
  return error === undefined ? members : { ...members, error };
}

function consistencyCase(name: string, claim: Consistency, error?: string): VectorCase {
  const { fromSize, fromRoot, toSize, toRoot, proof } = claim;
  const members = {
    name,
    fromSize,
    fromRoot: hex(fromRoot),
    toSize,
    toRoot: hex(toRoot),
    proof: proof.map(hex),
  };
  return error === undefined ? members : { ...members, error };
}

function sizesTo(size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => i + 1);
}
