import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeBase64 } from "../../src/tlog/encoding.ts";
import { formatNote, noteSignature, parseNote, signNote } from "../../src/tlog/note.ts";
import { parsePolicy, singleKeyPolicy } from "../../src/tlog/policy.ts";
import {
  formatTlogProof,
  MAX_RECEIPT_BYTES,
  parseTlogProof,
  type TlogProof,
  verifyTlogProof,
} from "../../src/tlog/proof.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { flipBit, wrongLengths } from "../reference/mutate.ts";
import { runs, someBelow } from "../runs.ts";
import { TIME, testSigner, text, utf8, vkeyOf } from "./signers.ts";

const ORIGIN = "example.com/log";
const log = await testSigner(ORIGIN);
const witness = await testSigner("witness.example", 4, 2);
const quantum = await testSigner("quantum.example", 6, 3);
const policy = parsePolicy(
  `log ${vkeyOf(log)}\nwitness w ${vkeyOf(witness)}\nwitness q ${vkeyOf(quantum)}\ngroup g any w q\nquorum g\n`,
);

const entries = Array.from({ length: 13 }, (_, index) => utf8(`entry ${index}`));
const tree = new ReferenceTree(entries.map(leafHashOf));
const treeSize = entries.length;
const head = { origin: ORIGIN, treeSize, rootHash: tree.root(treeSize), extensions: [] };
const checkpoint = await signCheckpoint(head, [log, witness]);

function receiptFor(leafIndex: number, changes: Partial<TlogProof> = {}): string {
  return formatTlogProof({ leafIndex, proof: tree.path(leafIndex, 0, treeSize), checkpoint, ...changes });
}

const entry = utf8("entry 5");
const receipt = receiptFor(5);
const malformed = (bad: string) => expectCode(() => parseTlogProof(bad), "RECEIPT_MALFORMED");

describe("parseTlogProof", () => {
  it("PRF-1 reads header, index, hashes from the leaf up, and the checkpoint verbatim", () => {
    expect(receipt.startsWith("c2sp.org/tlog-proof@v1\nindex 5\n")).toBe(true);
    expect(parseTlogProof(receipt)).toEqual({ leafIndex: 5, proof: tree.path(5, 0, treeSize), checkpoint });
    expect(formatTlogProof(parseTlogProof(receipt))).toBe(receipt);
    expect(parseTlogProof(utf8(receipt))).toEqual(parseTlogProof(receipt));
  });

  it("PRF-1 reads the extra line, when there is one", () => {
    const extra = utf8("anything");
    const withExtra = receiptFor(5, { extra });
    expect(withExtra.split("\n")[1]).toBe(`extra ${encodeBase64(extra)}`);
    expect(parseTlogProof(withExtra).extra).toEqual(extra);
    expect(formatTlogProof(parseTlogProof(withExtra))).toBe(withExtra);
    expect(receiptFor(5, { extra: new Uint8Array(0) })).toBe(receipt);
  });

  it("PRF-1 takes a tree of one leaf: no hashes", () => {
    const single = "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n";
    expect(parseTlogProof(single)).toMatchObject({ leafIndex: 0, proof: [] });
    expect(formatTlogProof(parseTlogProof(single))).toBe(single);
  });

  it.each([
    ["nothing", ""],
    ["only the header", "c2sp.org/tlog-proof@v1\n"],
    ["another version", receipt.replace("@v1", "@v2")],
    ["no header", receipt.replace("c2sp.org/tlog-proof@v1\n", "")],
    ["a header with a space", receipt.replace("@v1", "@v1 ")],
    ["no index", receipt.replace("index 5\n", "")],
    ["two indices", receipt.replace("index 5\n", "index 5\nindex 5\n")],
    ["an index with a leading zero", receipt.replace("index 5", "index 05")],
    ["a negative index", receipt.replace("index 5", "index -5")],
    ["an index with a space more", receipt.replace("index 5", "index  5")],
    ["an index in capitals", receipt.replace("index 5", "Index 5")],
    ["extra after the index", receipt.replace("index 5\n", "index 5\nextra AAAA\n")],
    ["two extra lines", receipt.replace("index 5\n", "extra AAAA\nextra AAAA\nindex 5\n")],
    ["an extra line without data", receipt.replace("index 5\n", "extra \nindex 5\n")],
    ["extra data that is no base64", receipt.replace("index 5\n", "extra !!\nindex 5\n")],
    ["extra data with padding bits", receipt.replace("index 5\n", "extra AB==\nindex 5\n")],
    ["a hash of 31 bytes", receipt.replace("index 5\n", `index 5\n${encodeBase64(new Uint8Array(31))}\n`)],
    ["a hash that is no base64", receipt.replace("index 5\n", "index 5\nx\n")],
    [
      "64 hashes",
      receipt.replace("index 5\n", `index 5\n${`${encodeBase64(new Uint8Array(32))}\n`.repeat(60)}`),
    ],
    ["no empty line", receipt.split("\n\n").join("\n")],
    ["carriage returns", receipt.replaceAll("\n", "\r\n")],
    ["a byte order mark", `\ufeff${receipt}`],
    ["too many bytes", receipt + "x".repeat(MAX_RECEIPT_BYTES)],
  ])("PRF-1 refuses %s", (_, bad) => {
    malformed(bad);
  });

  it("PRF-1 refuses bytes that are not UTF-8, and an index above 2^53 - 1 by name", () => {
    expectCode(() => parseTlogProof(Uint8Array.of(...utf8(receipt), 0xff)), "RECEIPT_MALFORMED");
    expectCode(() => parseTlogProof(receipt.replace("\n\n", "\n\n\ud800")), "RECEIPT_MALFORMED");
    expectCode(
      () => parseTlogProof(receipt.replace("index 5", "index 9007199254740992")),
      "NUMBER_TOO_LARGE",
    );
  });

  it("reads back what it writes, and throws nothing but TlogError on damaged receipts", () => {
    const edit = fc.record({
      at: fc.nat({ max: receipt.length }),
      remove: fc.nat({ max: 50 }),
      insert: fc.string({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(edit, ({ at, remove, insert }) => {
        const damaged = receipt.slice(0, at) + insert + receipt.slice(at + remove);
        try {
          expect(formatTlogProof(parseTlogProof(damaged))).toBe(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(TlogError);
        }
      }),
      { numRuns: runs(500) },
    );
  });
});

describe("formatTlogProof", () => {
  it("refuses what it could not read back", () => {
    expectCode(() => receiptFor(5, { leafIndex: -1 }), "ARGUMENT_INVALID");
    expectCode(() => receiptFor(5, { proof: [new Uint8Array(31)] }), "ARGUMENT_INVALID");
    expectCode(
      () => receiptFor(5, { proof: Array.from({ length: 64 }, () => new Uint8Array(32)) }),
      "ARGUMENT_INVALID",
    );
    expectCode(() => receiptFor(5, { checkpoint: Uint8Array.of(0xff) }), "UTF8_MALFORMED");
  });
});

describe("verifyTlogProof", () => {
  it("PRF-2 verifies every leaf, by entry or by leaf hash", async () => {
    for (const [leafIndex, entry] of entries.entries()) {
      const byEntry = await verifyTlogProof({ receipt: receiptFor(leafIndex), entry, policy });
      expect(byEntry).toMatchObject({
        ...head,
        leafIndex,
        leafHash: leafHash(entry),
        logKeys: [vkeyOf(log)],
      });
      expect(byEntry.cosignatures).toEqual([{ name: "w", vkey: vkeyOf(witness), timestampSeconds: TIME }]);
      const byHash = await verifyTlogProof({
        receipt: receiptFor(leafIndex),
        leafHash: leafHash(entry),
        policy,
      });
      expect(byHash).toEqual(byEntry);
    }
  });

  it("PRF-2 verifies with nothing but the log's key", async () => {
    const single = singleKeyPolicy(vkeyOf(log));
    expect((await verifyTlogProof({ receipt, entry, policy: single })).cosignatures).toEqual([]);
    const byKeys = await verifyTlogProof({ receipt, entry, logKeys: [log.verifierKey] });
    expect(byKeys.treeSize).toBe(treeSize);
  });

  it("PRF-2 rejects another entry, another index, and a damaged proof", async () => {
    await expectCodeAsync(verifyTlogProof({ receipt, entry: utf8("entry 4"), policy }), "PROOF_INVALID");
    for (const leafIndex of [0, 4, 6, 12, 13, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
      const moved = receiptFor(5, { leafIndex });
      await expectCodeAsync(verifyTlogProof({ receipt: moved, entry, policy }), "PROOF_INVALID");
    }
    const path = tree.path(5, 0, treeSize);
    for (const proof of wrongLengths(path, tree.root(3))) {
      await expectCodeAsync(
        verifyTlogProof({ receipt: receiptFor(5, { proof }), entry, policy }),
        "PROOF_INVALID",
      );
    }
    for (const [at, hash] of path.entries()) {
      const proof = path.with(at, flipBit(hash, 77));
      await expectCodeAsync(
        verifyTlogProof({ receipt: receiptFor(5, { proof }), entry, policy }),
        "PROOF_INVALID",
      );
    }
  });

  it("PRF-2 rejects the leaf hash of an inner node's place, and a leaf hash of another length", async () => {
    await expectCodeAsync(verifyTlogProof({ receipt, leafHash: tree.hash(4, 6), policy }), "PROOF_INVALID");
    await expectCodeAsync(
      verifyTlogProof({ receipt, leafHash: new Uint8Array(31), policy }),
      "HASH_MALFORMED",
    );
  });

  it("PRF-2 rejects a receipt of another log", async () => {
    const elsewhere = await testSigner("example.com/other", 1, 9);
    const note = await signCheckpoint({ ...head, origin: "example.com/other" }, [elsewhere, witness]);
    const foreign = receiptFor(5, { checkpoint: note });
    await expectCodeAsync(verifyTlogProof({ receipt: foreign, entry, policy }), "ORIGIN_MISMATCH");
  });

  it("PRF-2 rejects without the log's signature, with a bad one, and with a bad cosignature", async () => {
    const unsigned = receiptFor(5, { checkpoint: await signCheckpoint(head, [witness]) });
    await expectCodeAsync(verifyTlogProof({ receipt: unsigned, entry, policy }), "SIGNATURE_MISSING");
    const { text: body, signatures } = parseNote(checkpoint);
    const bad = [
      noteSignature(log.verifierKey, new Uint8Array(64)),
      noteSignature(quantum.verifierKey, new Uint8Array(2428)),
    ];
    for (const line of bad) {
      const note = formatNote({ text: body, signatures: [line, ...signatures] });
      const forged = receiptFor(5, { checkpoint: note });
      await expectCodeAsync(verifyTlogProof({ receipt: forged, entry, policy }), "SIGNATURE_INVALID");
    }
  });

  it("PRF-2 rejects without a quorum", async () => {
    const alone = receiptFor(5, { checkpoint: await signCheckpoint(head, [log]) });
    await expectCodeAsync(verifyTlogProof({ receipt: alone, entry, policy }), "QUORUM_NOT_MET");
  });

  it("PRF-2 does not judge the times of cosignatures", async () => {
    const early = await testSigner("witness.example", 4, 2, 1);
    const note = await signCheckpoint(head, [log, early, quantum]);
    const { cosignatures } = await verifyTlogProof({
      receipt: receiptFor(5, { checkpoint: note }),
      entry,
      policy,
    });
    expect(cosignatures.map(({ timestampSeconds }) => timestampSeconds)).toEqual([1, TIME]);
  });

  it("PRF-2 a checkpoint that is none makes the receipt malformed", async () => {
    for (const note of [utf8("x\n"), await signNote(utf8(`${ORIGIN}\nhello\n`), [log])]) {
      const bad = receiptFor(5, { checkpoint: note });
      await expectCodeAsync(verifyTlogProof({ receipt: bad, entry, policy }), "RECEIPT_MALFORMED");
    }
  });

  it("PRF-1 extra data is no part of what is verified, and no part of the answer", async () => {
    const plain = await verifyTlogProof({ receipt, entry, policy });
    const decorated = await verifyTlogProof({
      receipt: receiptFor(5, { extra: utf8("lies") }),
      entry,
      policy,
    });
    expect(decorated).toEqual(plain);
  });

  it("is rejected at every length it is cut to", async () => {
    const bytes = utf8(receipt);
    for (let length = 0; length < bytes.length; length++) {
      await expect(
        verifyTlogProof({ receipt: bytes.subarray(0, length), entry, policy }),
      ).rejects.toBeInstanceOf(TlogError);
    }
  });

  it.each([
    { name: "with a quorum", trust: policy },
    { name: "without one", trust: { ...policy, quorum: "none" } },
  ])(
    "with any one bit turned is rejected, or verifies to the same leaf and tree with no more cosignatures, $name",
    async ({ trust }) => {
      const bytes = utf8(receipt);
      const good = await verifyTlogProof({ receipt, entry, policy: trust });
      const { cosignatures: goodCosignatures, signedNote: _, ...goodClaim } = good;
      for (const bit of someBelow(8 * bytes.length)) {
        const damaged = flipBit(bytes, bit);
        const outcome = await verifyTlogProof({ receipt: damaged, entry, policy: trust }).catch(
          (error) => error,
        );
        if (outcome instanceof TlogError) continue;
        const { cosignatures, signedNote, ...claim } = outcome;
        expect(claim).toEqual(goodClaim);
        expect(goodCosignatures).toEqual(expect.arrayContaining(cosignatures));
        expect(text(parseNote(signedNote).text)).toBe(text(parseNote(checkpoint).text));
      }
    },
  );
});
