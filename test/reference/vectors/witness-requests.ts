import { chosenSubtree } from "../large-trees.ts";
import { hex, type ReferenceTree, referenceTree, sha256 } from "../merkle.ts";
import { flipBit, swappedNeighbours, wrongLengths } from "../mutate.ts";
import { base64, referenceKey, signedNote } from "../notes.ts";
import type { VectorCase, VectorFile } from "./vector-file.ts";

interface SubtreeClaim {
  readonly start: number;
  readonly end: number;
  readonly subtreeHash: Uint8Array;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const EXTRA = sha256(new TextEncoder().encode("one hash too many"));
const UNSAFE = 2 ** 53;

/** What is sent to a witness: proofs of subtrees, and add-checkpoint's body. */
export function witnessRequestVectors(): readonly VectorFile[] {
  const tree = referenceTree(1000);
  return [
    {
      name: "merkle-subtree",
      description:
        "draft-ietf-plants-merkle-tree-certs §4.4: does the proof lead from subtreeHash, of leaves [start, end), to rootHash? Empty " +
        "ranges are no subtrees here. In trees too large to build, the hashes of the proof are chosen ones. Numbers above 2^53 - 1 " +
        "must be refused, or handled exactly.",
      cases: [...goodSubtrees(tree), ...badSubtrees(tree)],
    },
    {
      name: "add-checkpoint",
      description:
        "c2sp.org/tlog-witness, add-checkpoint: parsing body, UTF-8, gives oldSize, proof and checkpoint; formatting those gives " +
        "body. The checkpoint is not looked into: another step opens it.",
      cases: [...goodRequests(tree), ...badRequests(tree)],
    },
  ];
}

function goodSubtrees(tree: ReferenceTree): readonly VectorCase[] {
  const small = [];
  for (let treeSize = 1; treeSize <= 9; treeSize++) {
    for (let end = 1; end <= treeSize; end++)
      for (let start = 0; start < end; start++)
        if (isSubtree(start, end)) small.push({ start, end, treeSize });
  }
  const larger = [
    { start: 8, end: 13, treeSize: 14 },
    { start: 64, end: 100, treeSize: 100 },
    { start: 64, end: 100, treeSize: 1000 },
    { start: 512, end: 1000, treeSize: 1000 },
    { start: 999, end: 1000, treeSize: 1000 },
    { start: 0, end: 999, treeSize: 1000 },
  ];
  const large = [
    { start: 2 ** 31, end: 2 ** 31 + 1, treeSize: 2 ** 31 + 1 },
    { start: 2 ** 32, end: 2 ** 32 + 5, treeSize: 2 ** 45 },
    { start: 2 ** 40, end: 2 ** 41 - 1, treeSize: 2 ** 45 },
    { start: 2 ** 52, end: 2 ** 53 - 1, treeSize: 2 ** 53 - 1 },
    { start: 0, end: 2 ** 52 + 1, treeSize: 2 ** 53 - 1 },
  ];
  return [
    ...[...small, ...larger].map((part) => subtreeOf(tree, part)),
    ...large.map(({ start, end, treeSize }) => chosenSubtree(start, end, treeSize)),
  ].map((good) => subtreeCase(`[${good.start}, ${good.end}) of ${good.treeSize}`, good));
}

function badSubtrees(tree: ReferenceTree): readonly VectorCase[] {
  const cases: VectorCase[] = [];
  for (const part of [
    { start: 8, end: 13, treeSize: 14 },
    { start: 4, end: 6, treeSize: 7 },
    { start: 0, end: 6, treeSize: 7 },
  ]) {
    const good = subtreeOf(tree, part);
    const bad = (name: string, change: Partial<SubtreeClaim>, error = "PROOF_INVALID") => {
      const title = `[${part.start}, ${part.end}) of ${part.treeSize}: ${name}`;
      cases.push(subtreeCase(title, { ...good, ...change }, error));
    };
    bad("an empty range", { end: part.start });
    bad("a range turned round", { start: part.end, end: part.start });
    bad("a start that is no multiple", { start: part.start + 1 });
    bad("an end beyond the tree", { end: part.treeSize + 1 });
    bad("a smaller tree", { treeSize: part.end - 1 });
    bad("the hash of another subtree", { subtreeHash: tree.hash(part.start, part.end - 1) });
    bad("the root of another tree", { rootHash: tree.root(part.treeSize + 1) });
    bad("hashes exchanged", { subtreeHash: good.rootHash, rootHash: good.subtreeHash });
    bad("a tree size of 2^53", { treeSize: UNSAFE }, "ARGUMENT_INVALID");
    for (const [at, proof] of wrongLengths(good.proof, EXTRA).entries())
      bad(`wrong length ${at + 1}`, { proof });
    for (const [at, proof] of swappedNeighbours(good.proof).entries())
      bad(`hashes ${at} and ${at + 1} swapped`, { proof });
    for (const [at, hash] of good.proof.entries()) {
      bad(`a bit of hash ${at} flipped`, { proof: good.proof.with(at, flipBit(hash, 100)) });
      bad(`hash ${at} of 31 bytes`, { proof: good.proof.with(at, hash.subarray(1)) }, "HASH_MALFORMED");
    }
  }
  return cases;
}

function checkpointOf(tree: ReferenceTree, treeSize: number): string {
  const text = `example.com/log\n${treeSize}\n${base64(tree.root(treeSize))}\n`;
  return signedNote(text, [[referenceKey("example.com/log", 1, 1)]]);
}

function goodRequests(tree: ReferenceTree): readonly VectorCase[] {
  const request = (name: string, oldSize: number, proof: readonly Uint8Array[], checkpoint: string) => ({
    name,
    body: bodyOf(`old ${oldSize}`, proof, checkpoint),
    oldSize,
    proof: proof.map(hex),
    checkpoint,
  });
  const checkpoint = checkpointOf(tree, 1000);
  return [
    request("from 0", 0, [], checkpoint),
    request("from 777 to 1000", 777, tree.proof(777, 1000), checkpoint),
    request("the same size", 1000, [], checkpoint),
    request("63 hashes", 3, Array(63).fill(EXTRA), checkpoint),
    request("an old size of 2^53 - 1", Number.MAX_SAFE_INTEGER, [], checkpoint),
    request("a proof with old size 0, which is for another step to refuse", 0, [EXTRA], checkpoint),
    request("a checkpoint that starts with an empty line", 3, [], `\n${checkpoint}`),
    request("no checkpoint, which is for another step to refuse", 3, [], ""),
  ];
}

function badRequests(tree: ReferenceTree): readonly VectorCase[] {
  const checkpoint = checkpointOf(tree, 1000);
  const proof = tree.proof(777, 1000);
  const lines = [
    ...[
      "old 0777",
      "old +777",
      "old -777",
      "old 777 ",
      "old  777",
      "old\t777",
      "old 777\r",
      "old 7e2",
      "old 0x3",
    ],
    ...["old ", "old", "OLD 777", " old 777", "777", "old 777 1000", "old ٧", "old 9007199254740992"],
  ];
  const hash = base64(EXTRA);
  const hashLines = [
    ...[`${hash}\r`, `${hash} `, ` ${hash}`, hash.slice(0, -1), `${hash.slice(0, -2)}B=`, hex(EXTRA)],
    ...[base64(EXTRA.subarray(1)), base64(EXTRA, Uint8Array.of(0)), `${"-_".repeat(21)}A=`, "old 777"],
  ];
  const bad = (name: string, body: string) => ({ name, body, error: "REQUEST_MALFORMED" });
  const good = bodyOf("old 777", proof, checkpoint);
  return [
    ...lines.map((line) => bad(`the line ${JSON.stringify(line)}`, bodyOf(line, proof, checkpoint))),
    ...hashLines.map((line) =>
      bad(`the hash line ${JSON.stringify(line)}`, `old 777\n${line}\n\n${checkpoint}`),
    ),
    bad("64 hashes", bodyOf("old 3", Array(64).fill(EXTRA), checkpoint)),
    bad("nothing", ""),
    bad("an empty line first", `\n${checkpoint}`),
    bad("no empty line", "old 777\n"),
    bad("lines that end with CR LF", good.replaceAll("\n", "\r\n")),
    bad("no newline at all", "old 777"),
    bad("a byte order mark first", `\ufeff${good}`),
    bad("no old line", checkpoint),
  ];
}

function bodyOf(old: string, proof: readonly Uint8Array[], checkpoint: string): string {
  return `${old}\n${proof.map((hash) => `${base64(hash)}\n`).join("")}\n${checkpoint}`;
}

function subtreeOf(
  tree: ReferenceTree,
  { start, end, treeSize }: { readonly start: number; readonly end: number; readonly treeSize: number },
): SubtreeClaim {
  const [subtreeHash, rootHash] = [tree.hash(start, end), tree.root(treeSize)];
  return { start, end, subtreeHash, treeSize, rootHash, proof: tree.subtreeProof(start, end, treeSize) };
}

function subtreeCase(name: string, claim: SubtreeClaim, error?: string): VectorCase {
  const { start, end, subtreeHash, treeSize, rootHash, proof } = claim;
  const hashes = { subtreeHash: hex(subtreeHash), rootHash: hex(rootHash), proof: proof.map(hex) };
  const members = { name, start, end, treeSize, ...hashes };
  return error === undefined ? members : { ...members, error };
}

/** "start is a multiple of BIT_CEIL(end - start)" */
function isSubtree(start: number, end: number): boolean {
  let ceil = 1;
  while (ceil < end - start) ceil *= 2;
  return start % ceil === 0;
}
