import { describe, expect, it } from "vitest";
import { isValidMlDsa44 } from "../../src/crypto/ml-dsa.ts";
import { assembleProof } from "../../src/merkle/proof-plan.ts";
import { planSubtreeConsistency } from "../../src/merkle/subtree.ts";
import { parseCosignatureLines } from "../../src/tlog/add-checkpoint.ts";
import { decodeTimestampedSignature, ML_DSA_44, subtreeMessage } from "../../src/tlog/cosignature.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { formatNote, parseNote } from "../../src/tlog/note.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { formatSignSubtree } from "../../src/tlog/sign-subtree.ts";
import { expectCodeAsync } from "../expect-code.ts";
import {
  cosignerKey,
  known,
  type TestLog,
  type TestWitness,
  testLog,
  testWitness,
  WITNESS,
} from "./harness.ts";

const ORIGIN = "log.example/subtrees";
const SIZE = 14;

async function witnessOf(log: TestLog): Promise<TestWitness> {
  const keys = [await cosignerKey(WITNESS, 4), await cosignerKey(WITNESS, 6)];
  const test = await testWitness([known(log)], { keys });
  await test.witness.addCheckpoint(await log.request(0, SIZE));
  return test;
}

async function shown({ witness }: TestWitness): Promise<Uint8Array> {
  return (await witness.checkpoint(originHash(ORIGIN))) ?? new Uint8Array(0);
}

function proofOf(log: TestLog, start: number, end: number): readonly Uint8Array[] {
  const plan = planSubtreeConsistency({ start, end, treeSize: SIZE });
  const hashes = plan.nodes.map(({ level, index }) =>
    log.tree.hash(index * 2 ** level, (index + 1) * 2 ** level),
  );
  return assembleProof(plan, hashes);
}

async function request(log: TestLog, test: TestWitness, start: number, end: number): Promise<Uint8Array> {
  const hash = log.tree.hash(start, end);
  return formatSignSubtree({
    start,
    end,
    hash,
    proof: proofOf(log, start, end),
    checkpoint: await shown(test),
  });
}

describe("sign-subtree", () => {
  it.each([
    [8, 13],
    [0, 14],
    [0, 5],
    [4, 8],
    [12, 14],
    [13, 14],
  ])("SUB-1, SUB-4: cosigns leaves [%i, %i) with ML-DSA-44 and timestamp 0", async (start, end) => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const lines = parseCosignatureLines(await test.witness.signSubtree(await request(log, test, start, end)));
    const key = parseVerifierKey(test.witness.vkeys[1] ?? "");
    expect(lines.map(({ keyId }) => keyId)).toEqual([key.keyId]);
    const { timestampSeconds, signature } = decodeTimestampedSignature(
      ML_DSA_44,
      lines[0]?.payload ?? new Uint8Array(0),
    );
    expect(timestampSeconds).toBe(0);
    const hash = log.tree.hash(start, end);
    const message = subtreeMessage({
      cosignerName: WITNESS,
      timestampSeconds: 0,
      origin: ORIGIN,
      start,
      end,
      hash,
    });
    expect(await isValidMlDsa44({ publicKey: key.publicKey, message, signature })).toBe(true);
  });

  it("SUB-2: 400 for a range that is no subtree, an empty one, or one past the checkpoint", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    for (const [start, end] of [
      [1, 3],
      [8, 8],
      [0, 0],
      [9, 8],
      [8, 15],
    ] as const) {
      const body = new TextDecoder()
        .decode(await request(log, test, 8, 13))
        .replace("subtree 8 13", `subtree ${start} ${end}`);
      await expectCodeAsync(test.witness.signSubtree(encodeUtf8(body)), "REQUEST_MALFORMED");
    }
  });

  it("SUB-3: 404 for an unknown origin, 403 without a cosignature of its own, 422 for a proof that fails", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const right = { start: 8, end: 13, hash: log.tree.hash(8, 13), proof: proofOf(log, 8, 13) };
    const other = await testLog("log.example/other");
    const unknown = formatSignSubtree({ ...right, checkpoint: await other.note(SIZE) });
    await expectCodeAsync(test.witness.signSubtree(unknown), "LOG_UNKNOWN");
    const uncosigned = formatSignSubtree({ ...right, checkpoint: await log.note(SIZE) });
    await expectCodeAsync(test.witness.signSubtree(uncosigned), "SIGNATURE_MISSING");
    const checkpoint = await shown(test);
    for (const wrong of [
      { hash: log.tree.hash(0, 8) },
      { proof: [] },
      { proof: [...right.proof, right.hash] },
    ]) {
      await expectCodeAsync(
        test.witness.signSubtree(formatSignSubtree({ ...right, ...wrong, checkpoint })),
        "PROOF_INVALID",
      );
    }
  });

  it("SUB-4: 403 for a checkpoint that only its Ed25519 key cosigned, never an empty answer", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const { text, signatures } = parseNote(await shown(test));
    const checkpoint = formatNote({
      text,
      signatures: signatures.filter(({ payload }) => payload.length < 100),
    });
    const right = { start: 8, end: 13, hash: log.tree.hash(8, 13), proof: proofOf(log, 8, 13) };
    await expectCodeAsync(
      test.witness.signSubtree(formatSignSubtree({ ...right, checkpoint })),
      "SIGNATURE_MISSING",
    );
  });

  it("does not take its own answer, with timestamp 0, for a cosigned checkpoint", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const whole = await test.witness.signSubtree(await request(log, test, 0, SIZE));
    const checkpoint = concatBytes(await log.note(SIZE), whole);
    const right = { start: 8, end: 13, hash: log.tree.hash(8, 13), proof: proofOf(log, 8, 13) };
    await expectCodeAsync(
      test.witness.signSubtree(formatSignSubtree({ ...right, checkpoint })),
      "SIGNATURE_MISSING",
    );
  });

  it("is not there without an ML-DSA-44 key", async () => {
    const log = await testLog(ORIGIN);
    const { witness } = await testWitness([known(log)]);
    await expectCodeAsync(witness.signSubtree(new Uint8Array(0)), "SUBTREE_UNSUPPORTED");
  });

  it("signs nothing of a log that is disabled, nor one subtree of a log beside another", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const body = await request(log, test, 8, 13);
    const both = await Promise.allSettled([test.witness.signSubtree(body), test.witness.signSubtree(body)]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(both[1]).toMatchObject({ reason: { code: "CRYPTO_BUSY" } });
    const keys = [await cosignerKey(WITNESS, 4), await cosignerKey(WITNESS, 6)];
    const disabled = await testWitness([known(log, { isDisabled: true })], { keys });
    await expectCodeAsync(disabled.witness.signSubtree(body), "LOG_DISABLED");
  });

  it("signs nothing of a log that forked", async () => {
    const log = await testLog(ORIGIN);
    const test = await witnessOf(log);
    const body = await request(log, test, 8, 13);
    await test.witness.addCheckpoint(await log.forkedAt(8).request(0, SIZE)).catch(() => undefined);
    await expectCodeAsync(test.witness.signSubtree(body), "LOG_FROZEN");
  });
});
