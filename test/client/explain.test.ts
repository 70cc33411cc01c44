import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explainReceipt, quorumMargin } from "../../client/explain.ts";
import { halvesOf, hashPath, pathToRoot } from "../../client/tree-shape.ts";
import { hashesEqual, leafHash } from "../../src/merkle/hash.ts";
import { rootFromInclusion } from "../../src/merkle/inclusion.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { isQuorumMet, parsePolicy } from "../../src/tlog/policy.ts";
import { formatTlogProof } from "../../src/tlog/proof.ts";
import { ORIGIN, testSigner } from "../log/harness.ts";

const ENTRY = new TextEncoder().encode("entry");
const hashOf = (byte: number) => new Uint8Array(32).fill(byte);

describe("the way to the root", () => {
  it("gives the same root as the proof, at any size", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), fc.nat({ max: 2 ** 31 }), (a, b) => {
        const [leafIndex, treeSize] = [Math.min(a, b), Math.max(a, b) + 1];
        const steps = pathToRoot({ leafIndex, treeSize });
        const proof = steps.map((_, at) => hashOf(at % 256));
        const path = hashPath(steps, { leafHash: hashOf(9), proof });
        const root = rootFromInclusion({ leafIndex, treeSize, leafHash: hashOf(9), proof });
        expect(hashesEqual(path.at(-1)?.parentHash ?? hashOf(9), root)).toBe(true);
        expect(steps.at(-1)?.parent ?? { start: 0, end: 1 }).toEqual({ start: 0, end: treeSize });
      }),
      { numRuns: 100 },
    );
  });

  it("goes through the halves that the tree is split into", () => {
    expect(halvesOf({ start: 0, end: 7 })).toEqual([
      { start: 0, end: 4 },
      { start: 4, end: 7 },
    ]);
  });
});

describe("the margin of a quorum", () => {
  const NAMES = ["a", "b", "c", "d", "e"];

  it("is what the worst choice of witnesses to lose leaves over", async () => {
    const witnesses = await Promise.all(
      NAMES.map(async (name) => {
        const key = await generateSigningKey({ name: `${name}.example`, type: 1 });
        const signer = await openSigner(formatSigningKey(key), { type: 4, timestampSeconds: () => 1 });
        return `witness ${name} ${formatVerifierKey(signer.verifierKey)}`;
      }),
    );
    const groups = ["group x 2 a b c", "group y any d e", "group q all x y", "quorum q"];
    const policy = parsePolicy(`${[...witnesses, ...groups].join("\n")}\n`);
    fc.assert(
      fc.property(fc.subarray(NAMES), (cosigned) => {
        const subsets = Array.from({ length: 2 ** cosigned.length }, (_, bits) =>
          cosigned.filter((_, at) => Math.floor(bits / 2 ** at) % 2 === 1),
        );
        const fatal = subsets
          .filter((kept) => !isQuorumMet(policy, kept))
          .map((kept) => cosigned.length - kept.length);
        expect(quorumMargin(policy, cosigned)).toBe(Math.min(...fatal) - 1);
      }),
    );
  });
});

describe("a receipt taken apart", () => {
  const rootHash = leafHash(ENTRY);

  async function receiptOf(leafIndex: number): Promise<string> {
    const checkpoint = await signCheckpoint({ origin: ORIGIN, treeSize: 1, rootHash, extensions: [] }, [
      await testSigner(),
    ]);
    return formatTlogProof({ leafIndex, proof: [], checkpoint });
  }

  it("passes every step when it verifies, and says where it fails when not", async () => {
    const { verifierKey } = await testSigner();
    const policy = parsePolicy(`log ${formatVerifierKey(verifierKey)}\nquorum none\n`);
    const good = await explainReceipt({ receipt: await receiptOf(0), leafHash: rootHash, policy });
    expect(good).toMatchObject({ isRootReached: true, quorum: { isMet: true, margin: undefined } });
    expect(good.signatures.map(({ role, outcome }) => [role, outcome])).toEqual([["log", "valid"]]);
    expect(good.receiptVerdict.error).toBeUndefined();
    const other = await explainReceipt({ receipt: await receiptOf(0), leafHash: hashOf(1), policy });
    expect([other.isRootReached, other.receiptVerdict.error?.code]).toEqual([false, "PROOF_INVALID"]);
    const beyond = await explainReceipt({ receipt: await receiptOf(1), leafHash: rootHash, policy });
    expect([beyond.isRootReached, beyond.receiptVerdict.error?.code]).toEqual([false, "PROOF_INVALID"]);
    const changed = (await receiptOf(0)).replace(/\n1\n/, "\n2\n");
    const unsigned = await explainReceipt({ receipt: changed, leafHash: rootHash, policy });
    expect(unsigned.signatures[0]?.outcome).toBe("invalid");
    expect(unsigned.receiptVerdict.error?.code).toBe("SIGNATURE_INVALID");
  });
});
