/** Nobody honest can be convicted, whatever somebody puts together from what was signed; and a real fork always convicts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EvidenceHead } from "../../src/tlog/fork-evidence.ts";
import { evidenceId, parseForkEvidence, verifyForkEvidence } from "../../src/tlog/fork-evidence.ts";
import {
  evidenceFromHeads,
  evidenceFromReceipts,
  witnessEvidence,
} from "../../src/tlog/fork-evidence-build.ts";
import {
  type Contradiction,
  formatForkStatement,
  headOrder,
} from "../../src/tlog/fork-evidence-statement.ts";
import type { NoteSigner, VerifierKey } from "../../src/tlog/key.ts";
import { flipBit } from "../reference/mutate.ts";
import { runs } from "../runs.ts";
import { checkpointOf, history, logSigner, ORIGIN, receiptOf, WITNESS, witnessAt } from "./forks.ts";
import { testSigner } from "./signers.ts";

const MAX_SIZE = 20;
const tree = history(MAX_SIZE);
const log = await logSigner();
const logKeys = [log.verifierKey];
/** Every hash an adversary can read out of the log. */
const hashes = Array.from({ length: MAX_SIZE }, (_, start) =>
  Array.from({ length: MAX_SIZE - start }, (_, length) => tree.hash(start, start + length + 1)),
).flat();

const size = fc.integer({ min: 0, max: MAX_SIZE });
const hash = fc.oneof(
  fc.constantFrom(...hashes),
  fc
    .tuple(fc.constantFrom(...hashes), fc.integer({ min: 0, max: 255 }))
    .map(([hash, bit]) => flipBit(hash, bit)),
);
/** A proof of some sizes, or of none, perhaps with a hash changed, added or removed. */
const proof = fc
  .tuple(size, size, fc.boolean(), fc.option(fc.tuple(fc.nat(5), hash, fc.nat(1), fc.nat(1))))
  .map(([a, b, isInclusion, change]) => {
    const [small, large] = [Math.min(a, b), Math.max(a, b)];
    const whole =
      small === large || small === 0
        ? []
        : isInclusion
          ? tree.path(small, 0, large)
          : tree.proof(small, large);
    return change === null
      ? whole
      : whole.toSpliced(change[0], change[2], ...(change[3] === 1 ? [change[1]] : []));
  });

/** A file with this contradiction, whether it holds or not: what a builder would never write. */
function forge(args: {
  contradiction: Contradiction;
  witness?: VerifierKey;
  notes: readonly Uint8Array[];
}): Uint8Array {
  const statement = formatForkStatement({
    origin: ORIGIN,
    witness: args.witness,
    contradiction: args.contradiction,
  });
  const notes = args.notes.map((note) => Buffer.concat([Buffer.from(`note ${note.length}\n`), note]));
  return Uint8Array.from(Buffer.concat([Buffer.from(`${statement}\n`), ...notes]));
}

interface SignedHead extends EvidenceHead {
  readonly note: Uint8Array;
}

/** Everything that can be claimed of these heads with these hashes and proofs. */
function claims(
  heads: readonly [SignedHead, SignedHead],
  bits: {
    alternativeRoot: Uint8Array;
    proofs: readonly [Uint8Array[], Uint8Array[]];
    leafIndex: number;
    leaves: readonly [Uint8Array, Uint8Array];
  },
): readonly { contradiction: Contradiction; notes: readonly Uint8Array[] }[] {
  const [first, second] = [...heads].sort(headOrder) as [SignedHead, SignedHead];
  const pair = [first, second] as const;
  const { alternativeRoot, proofs, leafIndex, leaves } = bits;
  const proven = [
    { leafHash: leaves[0], proof: proofs[0] },
    { leafHash: leaves[1], proof: proofs[1] },
  ] as const;
  const ofTwo: readonly Contradiction[] = [
    { shape: "same-size", heads: pair },
    { shape: "cross-size", heads: pair, alternativeRoot, proof: proofs[0] },
    { shape: "leaf", heads: pair, leafIndex, leaves: proven },
    { shape: "rollback", heads: pair },
  ];
  return [
    ...pair.map((head) => ({
      contradiction: { shape: "impossible", heads: [head] } as const,
      notes: [head.note],
    })),
    ...ofTwo.map((contradiction) => ({ contradiction, notes: pair.map(({ note }) => note) })),
  ];
}

const bits = fc.record({
  alternativeRoot: hash,
  proofs: fc.tuple(proof, proof),
  leafIndex: size,
  leaves: fc.tuple(hash, hash),
});

async function assertConvictsNobody(
  evidence: Uint8Array,
  keys: { logKeys: readonly VerifierKey[]; witnessKeys: readonly VerifierKey[] },
) {
  const code = await verifyForkEvidence({ evidence, ...keys }).then(
    ({ explanation }) => explanation,
    (error) => error.code,
  );
  expect(code).toMatch(/^(EVIDENCE_MALFORMED|EVIDENCE_INVALID|SIGNATURE_MISSING)$/);
}

describe("an honest log", () => {
  const checkpoint = fc.tuple(size, fc.subarray(["x", "y"])).map(async ([treeSize, extensions]) => ({
    treeSize,
    rootHash: tree.root(treeSize),
    note: await checkpointOf(tree, treeSize, [log], { extensions }),
  }));

  it("is never convicted, by whatever claims, proofs and leaves", async () => {
    await fc.assert(
      fc.asyncProperty(checkpoint, checkpoint, bits, async (one, other, bits) => {
        const heads = [await one, await other] as const;
        for (const claim of claims(heads, bits)) {
          await assertConvictsNobody(forge(claim), { logKeys, witnessKeys: [] });
        }
        const notes = [heads[0].note, heads[1].note] as const;
        const found = { origin: ORIGIN, logKeys, notes, alternativeRoot: bits.alternativeRoot };
        for (const proof of bits.proofs) expect(await evidenceFromHeads({ ...found, proof })).toBeUndefined();
      }),
      { numRuns: runs(300) },
    );
  });

  it("is never convicted by its receipts, whatever leaves are claimed for them", async () => {
    const place = fc.tuple(size, size).filter(([leafIndex, size]) => leafIndex < size);
    await fc.assert(
      fc.asyncProperty(place, place, fc.tuple(hash, hash), fc.boolean(), async (one, other, lies, isTrue) => {
        const at = ([leafIndex, size]: readonly [number, number]) =>
          receiptOf(tree, { leafIndex, size }, [log]);
        const same = [one[0], Math.max(other[1], one[0] + 1)] as const;
        const receipts = [await at(one), await at(same)] as const;
        const leaf = tree.leafHashes[one[0]]!;
        const leafHashes = isTrue ? ([leaf, lies[1]] as const) : lies;
        expect(await evidenceFromReceipts({ receipts, leafHashes, logKeys })).toBeUndefined();
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("an honest witness", () => {
  /** What happens: the head grows, the clock steps to anywhere, the same head is cosigned again, a subtree is signed. */
  const step = fc.oneof(
    fc.record({ grow: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ clock: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ subtree: size }),
  );

  /** As a witness does: times do not go back, and may stand still. */
  async function cosignedBy(
    steps: readonly Partial<Record<"grow" | "clock" | "subtree", number>>[],
    signerAt: (time: number) => Promise<NoteSigner>,
    signsSubtrees: boolean,
  ): Promise<readonly SignedHead[]> {
    const cosigned: SignedHead[] = [];
    let [treeSize, time, clock] = [0, 0, 1];
    const cosign = async (treeSize: number, time: number) =>
      cosigned.push({
        treeSize,
        rootHash: tree.root(treeSize),
        note: await checkpointOf(tree, treeSize, [await signerAt(time)]),
      });
    for (const { grow, clock: to, subtree } of steps) {
      clock = to ?? clock;
      time = Math.max(time, clock);
      if (grow !== undefined) {
        treeSize = Math.min(MAX_SIZE, treeSize + grow);
        await cosign(treeSize, time);
      }
      if (subtree !== undefined && signsSubtrees && subtree > 0 && subtree <= treeSize)
        await cosign(subtree, 0);
    }
    return cosigned;
  }

  it.each([
    [4, 60, 14],
    [6, 5, 6],
  ] as const)(
    "of type %i is never convicted, whatever its clock does",
    async (type, numRuns, maxLength) => {
      const { verifierKey } = await witnessAt(1, type);
      const steps = fc.array(step, { maxLength });
      await fc.assert(
        fc.asyncProperty(steps, bits, async (steps, bits) => {
          const cosigned = await cosignedBy(steps, (time) => witnessAt(time, type), type === 6);
          for (const [at, one] of cosigned.entries()) {
            for (const other of cosigned.slice(at + 1)) {
              const found = {
                origin: ORIGIN,
                notes: [one.note, other.note] as const,
                witnessKey: verifierKey,
              };
              const { alternativeRoot, proofs } = bits;
              expect(await witnessEvidence({ ...found, alternativeRoot, proof: proofs[0] })).toBeUndefined();
            }
          }
          const [one, other] = [cosigned.at(0), cosigned.at(-1)];
          if (one === undefined || other === undefined || one === other) return;
          for (const claim of claims([one, other], bits)) {
            await assertConvictsNobody(forge({ ...claim, witness: verifierKey }), {
              logKeys: [],
              witnessKeys: [verifierKey],
            });
          }
        }),
        { numRuns: runs(numRuns) },
      );
    },
    20_000,
  );
});

describe("a real fork", () => {
  it("always convicts, with one id whoever holds what and in whichever order", async () => {
    const witness = await testSigner(WITNESS, 4, 9, 100);
    await fc.assert(
      fc.asyncProperty(fc.nat(MAX_SIZE - 1), size, size, async (forkAt, a, b) => {
        const evil = history(MAX_SIZE, forkAt);
        const [mine, theirs] = [
          await checkpointOf(tree, a, [log]),
          await checkpointOf(evil, b, [witness, log]),
        ];
        const [small, large] = [Math.min(a, b), Math.max(a, b)];
        const ofLarger = a > b ? tree : evil;
        const finding =
          small === 0 || small === large
            ? {}
            : { alternativeRoot: ofLarger.root(small), proof: ofLarger.proof(small, large) };
        const found = { origin: ORIGIN, logKeys, ...finding };
        const one = await evidenceFromHeads({ ...found, notes: [mine, theirs] });
        const other = await evidenceFromHeads({ ...found, notes: [theirs, mine] });
        expect(other).toBe(one);
        expect(one === undefined).toBe(small <= forkAt);
        if (one === undefined) return;
        const verdict = await verifyForkEvidence({ evidence: one, logKeys });
        expect(verdict.kind).toBe(a === b ? "same-size" : "cross-size");
        const cosigned = {
          ...found,
          logKeys: [...logKeys],
          notes: [await checkpointOf(tree, a, [witness, log]), theirs] as const,
        };
        expect(evidenceId(parseForkEvidence((await evidenceFromHeads(cosigned)) ?? ""))).toBe(verdict.id);
      }),
      { numRuns: runs(150) },
    );
  });

  it("shows in two receipts of any index it changed", async () => {
    const place = fc.tuple(fc.nat(MAX_SIZE - 1), size, size);
    await fc.assert(
      fc.asyncProperty(place, async ([leafIndex, a, b]) => {
        fc.pre(a > leafIndex && b > leafIndex);
        const evil = history(MAX_SIZE, leafIndex);
        const receipts = [
          await receiptOf(tree, { leafIndex, size: a }, [log]),
          await receiptOf(evil, { leafIndex, size: b }, [log]),
        ] as const;
        const leafHashes = [tree.leafHashes[leafIndex]!, evil.leafHashes[leafIndex]!] as const;
        const one = await evidenceFromReceipts({ receipts, leafHashes, logKeys });
        const turned = {
          receipts: [receipts[1], receipts[0]] as const,
          leafHashes: [leafHashes[1], leafHashes[0]] as const,
        };
        expect(await evidenceFromReceipts({ ...turned, logKeys })).toBe(one);
        const verdict = await verifyForkEvidence({ evidence: one ?? "", logKeys });
        expect(verdict.kind).toBe(a === b ? "same-size" : "leaf");
      }),
      { numRuns: runs(100) },
    );
  });
});
