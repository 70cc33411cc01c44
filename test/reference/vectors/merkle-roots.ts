import { hex, leafHashOf, type ReferenceTree, referenceTree } from "../merkle.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

const LEAVES = "The tree's entries are the ASCII decimal numbers 0, 1, 2, …";
const SIZES = [
  ...Array.from({ length: 34 }, (_, size) => size),
  63,
  64,
  65,
  100,
  127,
  128,
  129,
  130,
  255,
  256,
  257,
  1000,
];
const LARGE_SIZES = [
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 45 + 5,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

/** Leaf hashes, and what a tree is remembered by: its peaks and its root. */
export function merkleRootVectors(): readonly VectorFile[] {
  return [
    {
      name: "merkle-leaf",
      description: "RFC 6962 §2.1: leafHash = SHA-256(0x00 || entry).",
      cases: leafCases(),
    },
    {
      name: "merkle-root",
      description:
        "RFC 6962 §2.1: rootHash = MTH(D[treeSize]). peaks are the perfect subtrees the tree consists of, from left to right: " +
        `leaves [index * 2^level, (index + 1) * 2^level). ${LEAVES} Sizes without hashes are there for the arithmetic.`,
      cases: [...rootCases(referenceTree(1000)), ...LARGE_SIZES.map(arithmeticCase)],
    },
  ];
}

function leafCases(): readonly VectorCase[] {
  const entries = {
    "no bytes": "",
    "one zero byte": "00",
    "one byte": "61",
    "looks like an inner node's input": `01${"ab".repeat(64)}`,
    "two blocks of SHA-256": "5a".repeat(128),
    "not UTF-8": "fffe80",
  };
  return Object.entries(entries).map(([name, entry]) => {
    return { name, entry, leafHash: hex(leafHashOf(new Uint8Array(Buffer.from(entry, "hex")))) };
  });
}

function rootCases(tree: ReferenceTree): readonly VectorCase[] {
  return SIZES.map((treeSize) => {
    const peaks = peaksOf(treeSize).map((peak) => {
      const { level, index } = peak;
      return { ...peak, hash: hex(tree.hash(index * 2 ** level, (index + 1) * 2 ** level)) };
    });
    return { name: `size ${treeSize}`, treeSize, peaks, rootHash: hex(tree.root(treeSize)) };
  });
}

function arithmeticCase(treeSize: number): VectorCase {
  return { name: `size ${treeSize}, without hashes`, treeSize, peaks: peaksOf(treeSize) };
}

/** One peak per binary one of the size, the largest first, each starting where the one before ends. */
function peaksOf(treeSize: number): readonly { level: number; index: number }[] {
  const digits = [...BigInt(treeSize).toString(2)];
  let start = 0n;
  return digits.flatMap((digit, at) => {
    if (digit === "0") return [];
    const level = digits.length - 1 - at;
    const index = Number(start / 2n ** BigInt(level));
    start += 2n ** BigInt(level);
    return [{ level, index }];
  });
}
