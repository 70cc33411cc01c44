import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from "node:crypto";
import { appendLeaves, emptyRange, rangeRoot } from "../src/merkle/compact-range.ts";
import { leafHash } from "../src/merkle/hash.ts";
import { planInclusion, verifyInclusion } from "../src/merkle/inclusion.ts";
import { assembleProof } from "../src/merkle/proof-plan.ts";
import { compare, perSecond, type Result } from "./measure.ts";

const TREE_SIZE = 1_000_003;

/** What a client does with a proof, in one process, against the bare hashing and signature checks it consists of. */
export async function benchVerify(scale: {
  readonly rounds: number;
  readonly seconds: number;
}): Promise<Record<string, readonly Result[]>> {
  const durationMs = scale.seconds * 1000;
  const tree = buildTree(TREE_SIZE);
  const leafIndex = 654_321;
  const plan = planInclusion({ leafIndex, treeSize: TREE_SIZE });
  const hashes = plan.nodes.map(tree.hashOf);
  const proof = assembleProof(plan, hashes);
  const claim = {
    leafIndex,
    treeSize: TREE_SIZE,
    leafHash: tree.hashOf({ level: 0, index: leafIndex }),
    rootHash: tree.rootHash,
    proof,
  };
  const node = new Uint8Array(65);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const message = new Uint8Array(120);
  const signature = sign(
    null,
    message,
    createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" })),
  );
  const key = createPublicKey(publicKey.export({ format: "pem", type: "spki" }));

  return {
    [`prove and verify inclusion, tree of ${TREE_SIZE.toLocaleString("en")} leaves`]: await compare(
      [
        {
          name: `${proof.length} SHA-256 of 65 bytes (createHash)`,
          run: () =>
            perSecond(() => {
              for (let hash = 0; hash < proof.length; hash += 1) createHash("sha256").update(node).digest();
            }, durationMs),
        },
        { name: "verifyInclusion", run: () => perSecond(() => verifyInclusion(claim), durationMs) },
        {
          name: "planInclusion and assembleProof",
          run: () =>
            perSecond(
              () => assembleProof(planInclusion({ leafIndex, treeSize: TREE_SIZE }), hashes),
              durationMs,
            ),
        },
        {
          name: "one Ed25519 verification (node:crypto)",
          run: () => perSecond(() => verify(null, message, key, signature), durationMs),
        },
      ],
      scale.rounds,
    ),
  };
}

function buildTree(treeSize: number) {
  const nodes = new Map<string, Uint8Array>();
  const leaf = new Uint8Array(8);
  const view = new DataView(leaf.buffer);
  const leaves = Array.from({ length: treeSize }, (_, index) => {
    view.setFloat64(0, index);
    return leafHash(leaf);
  });
  const range = appendLeaves(emptyRange(), leaves, ({ level, index }, hash) => {
    nodes.set(`${level}/${index}`, hash);
  });
  const hashOf = ({ level, index }: { readonly level: number; readonly index: number }): Uint8Array => {
    const hash = nodes.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`no node ${level}/${index}`);
    return hash;
  };
  return { rootHash: rangeRoot(range), hashOf };
}
