import { generateKeyPairSync, hash, sign, verify } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { compare, perSecond, type Result } from "./measure.ts";

const ROOT = resolve(import.meta.dirname, "..");
const TREE_SIZE = 1_000_003;
const LEAF_INDEX = 654_321;
const PROOF_HASHES = 20;
const ENTRY = new Uint8Array(256).fill(7);

type Candidates = Parameters<typeof compare>[0];
type Verifier = typeof import("../client/receipts.ts") &
  typeof import("../src/merkle/hash.ts") &
  typeof import("../src/merkle/inclusion.ts") &
  typeof import("../src/tlog/checkpoint.ts") &
  typeof import("../src/tlog/key.ts") &
  typeof import("../src/tlog/policy.ts") &
  typeof import("../src/tlog/proof.ts");

/** A yardstick, the first of `results`, and what is held against it. */
export interface ClientSection {
  readonly name: "sigstore" | "hashes" | "receipt";
  readonly title: string;
  /** Undefined: the yardstick is not installed. */
  readonly results: readonly Result[] | undefined;
}

const NODE_BODY = "verifyInclusion, Node body";
const DEFAULT_BODY = "verifyInclusion, default body";
const RECEIPT = "verifyReceipt";
/** Least ratios, by section and measurement. */
export const CLIENT_TARGETS: Readonly<Record<string, number>> = {
  [`sigstore/${NODE_BODY}`]: 3.5,
  [`sigstore/${DEFAULT_BODY}`]: 1.2,
  [`receipt/${RECEIPT}`]: 0.8,
};

/**
 * What a client spends on a proof and on a receipt. Its code is bundled first, as users run it: tsx names every function as it is
 * made, which costs a receipt more than parsing does. `@sigstore/verify` is measured where it is installed
 * (`npm install --no-save @sigstore/verify@3.1.1`).
 */
export async function benchClient(scale: {
  readonly rounds: number;
  readonly seconds: number;
}): Promise<readonly ClientSection[]> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-bench-client-"));
  try {
    const native = await bundled(folder, "node");
    const portable = await bundled(folder, "neutral");
    const durationMs = scale.seconds * 1000;
    const title = `verify inclusion, tree of ${TREE_SIZE.toLocaleString("en")} leaves`;
    const ours = inclusionCandidates(native, portable, durationMs);
    const peer = sigstore(native);
    const node = new Uint8Array(65);
    const beside = async (yardstick: string, operation: () => void) =>
      await compare([repeatNow(yardstick, durationMs, operation), ...ours], scale.rounds);
    return [
      {
        name: "sigstore",
        title,
        results: peer === undefined ? undefined : await beside("@sigstore/verify 3.1.1", peer),
      },
      {
        name: "hashes",
        title,
        results: await beside(`${PROOF_HASHES} SHA-256 of 65 bytes (crypto.hash)`, () => {
          for (let at = 0; at < PROOF_HASHES; at++) hash("sha256", node, "binary");
        }),
      },
      {
        name: "receipt",
        title: "verify a receipt of 3 signatures",
        results: await compare(await receiptCandidates(native, durationMs), scale.rounds),
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function inclusionCandidates(native: Verifier, portable: Verifier, durationMs: number): Candidates {
  const ours = (name: string, body: Verifier) => {
    const claim = inclusionClaim(body);
    return repeatNow(name, durationMs, () => {
      body.verifyInclusion({ ...claim, leafHash: body.leafHash(ENTRY) });
    });
  };
  return [ours(NODE_BODY, native), ours(DEFAULT_BODY, portable)];
}

async function receiptCandidates(body: Verifier, durationMs: number): Promise<Candidates> {
  const open = async (name: string, type: 1 | 4, seed: number) =>
    body.openSigner(
      body.formatSigningKey(
        await body.generateSigningKey({ name, type, seed: new Uint8Array(32).fill(seed) }),
      ),
      { timestampSeconds: () => 1_700_000_000 },
    );
  const signers = await Promise.all([
    open("log.example/bench", 1, 1),
    open("w1.example", 4, 2),
    open("w2.example", 4, 3),
  ]);
  const { leafIndex, treeSize, proof, rootHash } = inclusionClaim(body);
  const checkpoint = await body.signCheckpoint(
    { origin: "log.example/bench", treeSize, rootHash, extensions: [] },
    signers,
  );
  const receipt = body.formatTlogProof({ leafIndex, proof, checkpoint });
  const [log, one, other] = signers.map(({ verifierKey }) => body.formatVerifierKey(verifierKey));
  const policy = body.parsePolicy(
    `log ${log}\nwitness one ${one}\nwitness other ${other}\ngroup both all one other\nquorum both\n`,
  );
  const bare = [90, 125, 125].map((length) => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const message = new Uint8Array(length);
    return { publicKey, message, signature: sign(null, message, privateKey) };
  });
  const node = new Uint8Array(65);
  return [
    repeat("the same calls to node:crypto alone", durationMs, () => {
      for (const { publicKey, message, signature } of bare) verify(null, message, publicKey, signature);
      for (let at = 0; at <= PROOF_HASHES; at++) hash("sha256", node, "binary");
    }),
    repeat(RECEIPT, durationMs, () => body.verifyReceipt({ receipt, entry: ENTRY, policy })),
  ];
}

function repeat(name: string, durationMs: number, operation: () => unknown): Candidates[number] {
  return { name, run: () => perSecond(operation, durationMs) };
}

/** Several to a look at the clock: what that and an await cost would weigh on the quicker side. */
function repeatNow(name: string, durationMs: number, operation: () => void): Candidates[number] {
  const together = 16;
  const batch = () => {
    for (let at = 0; at < together; at++) operation();
  };
  return {
    name,
    run: async () => ({ perSecond: together * (await perSecond(batch, durationMs)).perSecond }),
  };
}

function inclusionClaim(body: Verifier) {
  const proof = Array.from({ length: PROOF_HASHES }, (_, at) => new Uint8Array(32).fill(at + 1));
  const claim = { leafIndex: LEAF_INDEX, treeSize: TREE_SIZE, leafHash: body.leafHash(ENTRY), proof };
  return { ...claim, rootHash: body.rootFromInclusion(claim) };
}

/** The same proof as @sigstore/verify takes it, or undefined where it is not installed. */
function sigstore(body: Verifier): (() => void) | undefined {
  const { leafIndex, treeSize, proof, rootHash } = inclusionClaim(body);
  try {
    const peer = createRequire(import.meta.url)("@sigstore/verify/dist/tlog/merkle.js");
    const hashes = proof.map((bytes) => Buffer.from(bytes));
    const entry = {
      inclusionProof: { logIndex: `${leafIndex}`, hashes },
      canonicalizedBody: Buffer.from(ENTRY),
    };
    const head = { logSize: BigInt(treeSize), logHash: Buffer.from(rootHash) };
    return () => peer.verifyMerkleInclusion(entry, head);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** "node": with the Node body of `#crypto`; "neutral": with the default one. */
async function bundled(folder: string, platform: "node" | "neutral"): Promise<Verifier> {
  const modules = [
    "client/receipts.ts",
    "src/merkle/hash.ts",
    "src/merkle/inclusion.ts",
    "src/tlog/checkpoint.ts",
    "src/tlog/key.ts",
    "src/tlog/policy.ts",
    "src/tlog/proof.ts",
  ];
  const { outputFiles } = await build({
    stdin: { contents: modules.map((path) => `export * from "./${path}";`).join("\n"), resolveDir: ROOT },
    bundle: true,
    format: "esm",
    platform,
    conditions: ["bristlecone-source"],
    external: ["@noble/post-quantum/*"],
    target: "es2022",
    write: false,
  });
  const file = join(folder, `${platform}.mjs`);
  await writeFile(file, outputFiles[0]?.text ?? "");
  return await import(pathToFileURL(file).href);
}
