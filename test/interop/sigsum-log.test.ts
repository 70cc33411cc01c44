import { sha256 } from "@noble/hashes/sha2.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePolicy, verifyReceipt } from "../../client/index.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { openLog, openMemoryStore } from "../../src/server.ts";
import { concatBytes, encodeHex, encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
  parseVerifierKey,
} from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import {
  makeSigsumLogKey,
  SIGSUM_PROGRAMS,
  type SigsumLog,
  sigsumPolicy,
  startSigsumLog,
} from "./logs/sigsum-log.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { lacks, untilItWrites } from "./programs.ts";
import { hasRust } from "./rust-programs.ts";
import { encodeLeaf, proofOf, receiptOf, type SigsumLeaf } from "./sigsum-proof.ts";
import { type ProofToVerify, rustSigsumVerifier, verifyWithSigsumVerify } from "./sigsum-verifiers.ts";
import {
  anotherSize,
  answerOf,
  type Conduct,
  claimedSize,
  forgedLines,
  startWitnessProxy,
  type WitnessProxy,
} from "./witness-proxy.ts";

const lacksLog = lacks(...SIGSUM_PROGRAMS);
const lacksGoVerifier = lacks("sigsum-verify");
const lacksRust = !hasRust("rust-sigsum");
let verifyInRust: (asked: ProofToVerify) => ReturnType<typeof verifyWithSigsumVerify>;

beforeAll(async () => {
  if (!lacksRust) verifyInRust = await rustSigsumVerifier();
});

/** A proof, with what it is of and whom it shall convince. */
interface Proven extends ProofToVerify {
  readonly logVkey: string;
  /** Ours, of type 0x04. */
  readonly witnessVkey: string;
}

/** What is spoiled in a proof, and what each says of it: sigsum-verify, the crate sigsum, our client. */
interface SpoiledProof {
  readonly name: string;
  readonly spoil: (proof: string) => string;
  readonly go: string;
  readonly rust: string;
  readonly ours: ErrorCode;
}

const SPOILED: readonly SpoiledProof[] = [
  {
    name: "our cosignature",
    spoil: (proof) => proof.replace(/(?<=^cosignature=.*)[0-9a-f](?=$)/m, otherDigit),
    go: "not enough cosignatures, total: 1, verified: 0, failed to verify: 1",
    rust: "verify error: bad witness cosignature from",
    ours: "SIGNATURE_INVALID",
  },
  {
    name: "the time of our cosignature",
    spoil: (proof) => proof.replace(/(?<=^cosignature=\S+ \d+)\d(?= )/m, otherDigit),
    go: "not enough cosignatures, total: 1, verified: 0, failed to verify: 1",
    rust: "verify error: bad witness cosignature from",
    ours: "SIGNATURE_INVALID",
  },
  {
    name: "a hash of the path",
    spoil: (proof) => proof.replace(/(?<=^node_hash=)[0-9a-f]/m, otherDigit),
    go: "invalid proof: root mismatch",
    rust: "verify error: bad inclusion proof",
    ours: "PROOF_INVALID",
  },
  {
    name: "the root hash",
    spoil: (proof) => proof.replace(/(?<=^root_hash=)[0-9a-f]/m, otherDigit),
    go: "invalid log signature",
    rust: "verify error: bad log signature",
    ours: "SIGNATURE_INVALID",
  },
  {
    name: "the submitter's signature",
    spoil: (proof) => proof.replace(/(?<=^leaf=\S+ )[0-9a-f]/m, otherDigit),
    go: "leaf signature not valid",
    rust: "verify error: bad leaf signature",
    // It holds no opinion on what is in a leaf, but its hash is another.
    ours: "PROOF_INVALID",
  },
];

function otherDigit(digit: string): string {
  return digit === "0" ? "1" : "0";
}

/** Our client reads it as the receipt that says the same, and wants the log's signature and our witness's. */
async function verifyWithClient({ proof, message, logVkey, witnessVkey }: Proven) {
  const parties = { logKey: parseVerifierKey(logVkey), witnessKey: parseVerifierKey(witnessVkey) };
  const { receipt, leaf } = receiptOf(proof, parties);
  const policy = parsePolicy(`log ${logVkey}\nwitness w ${witnessVkey}\nquorum w\n`);
  return await verifyReceipt({ receipt, entry: encodeLeaf({ ...leaf, checksum: sha256(message) }), policy });
}

function messageOf(text: string): Uint8Array {
  return sha256(encodeUtf8(text));
}

/** @param proven - of at least two leaves: the crate takes no proof without a path. */
function verifiersJudge(proven: () => Proven): void {
  it.skipIf(lacksGoVerifier)("is accepted by sigsum-verify", async () => {
    expect(await verifyWithSigsumVerify(proven())).toMatchObject({ code: 0, stderr: "" });
  });

  it.skipIf(lacksRust)("is accepted by the crate sigsum", async () => {
    expect(await verifyInRust(proven())).toMatchObject({ code: 0, stderr: "" });
  });

  it("is accepted by our client, as the receipt that says the same", async () => {
    expect((await verifyWithClient(proven())).cosignatures).toHaveLength(1);
  });

  it.each(SPOILED.map((spoiled) => [spoiled.name, spoiled] as const))(
    "is refused by each once %s was changed",
    async (_name, { spoil, go, rust, ours }) => {
      const good = proven();
      const bad = { ...good, proof: spoil(good.proof) };
      expect(bad.proof).not.toBe(good.proof);
      if (!lacksGoVerifier) {
        const { code, stderr } = await verifyWithSigsumVerify(bad);
        expect(stderr).toContain(go);
        expect(code).not.toBe(0);
      }
      if (!lacksRust) {
        const { code, stderr } = await verifyInRust(bad);
        expect(stderr).toContain(rust);
        expect(code).toBe(1);
      }
      await expectCodeAsync(verifyWithClient(bad), ours);
    },
  );
}

describe.skipIf(lacksLog)("Sigsum's log asks our witness", () => {
  let witness: OwnWitness;
  let impostor: OwnWitness;
  let proxy: WitnessProxy;
  let log: SigsumLog;
  let proven: Proven;

  beforeAll(async () => {
    const key = await makeSigsumLogKey();
    witness = await startOwnWitness([key]);
    impostor = await startOwnWitness([key]);
    proxy = await startWitnessProxy(witness.url);
    const witnessVkey = witness.vkeys[0] ?? "";
    log = await startSigsumLog(key, { vkey: witnessVkey, url: proxy.url });
    for (const text of ["one", "two", "three"]) {
      const { code, stderr, proof } = await log.submit(messageOf(text));
      expect(code, stderr).toBe(0);
      const { policy, submitKey } = log;
      const submitted = { policy, submitterKey: submitKey.publicKey, message: messageOf(text), proof };
      proven = { ...submitted, logVkey: key.vkey, witnessVkey };
    }
  });

  afterAll(async () => {
    await log.stop();
    await proxy.close();
    await impostor.stop();
    await witness.stop();
  });

  it("gets each of its tree heads cosigned", () => {
    const { origin } = log.key;
    expect(witness.told.slice(-3)).toEqual([1, 2, 3].map((treeSize) => `cosigned ${origin} ${treeSize}`));
    const [ed25519 = ""] = witness.vkeys;
    const keyHash = encodeHex(sha256(parseVerifierKey(ed25519).publicKey));
    expect(proven.proof).toMatch(
      new RegExp(`^size=3\nroot_hash=.*\nsignature=.*\ncosignature=${keyHash} `, "m"),
    );
  });

  describe("and a proof it gives", () => verifiersJudge(() => proven));

  /** What comes back instead of our cosignature, and what the log says of that. */
  const spoilers: readonly (readonly [name: string, conduct: Conduct, words: string])[] = [
    ["our signatures with another letter", forgedLines, "failed: cosignature not valid"],
    ["our signatures of an earlier tree head", anotherSize, "failed: cosignature not valid"],
    [
      "the signatures of another witness of our name",
      answerOf(() => impostor.url),
      "failed: no cosignature for given key",
    ],
    ["a 409 with a size that is not ours, each time", claimedSize(1), "(409) old size must be 1"],
  ];

  it.each(spoilers)(
    "shows no cosignature when it gets %s, and ours again afterwards",
    async (name, conduct, words) => {
      const said = log.output().length;
      proxy.behave(conduct);
      const message = messageOf(name);
      const refused = await log.submit(message, { timeoutSeconds: 3 });
      expect(refused).toMatchObject({ code: 1, proof: "" });
      expect(refused.stderr).toContain("not enough cosignatures, total: 0, verified: 0, failed to verify: 0");
      await untilItWrites({ output: () => log.output().slice(said) }, words);
      expect(await log.treeHead()).not.toContain("cosignature=");

      proxy.behave(undefined);
      const { code, proof } = await log.submit(message);
      expect(code).toBe(0);
      expect(await verifyWithClient({ ...proven, message, proof })).toMatchObject({ origin: log.key.origin });
    },
  );
});

describe("a receipt of our log, of a Sigsum leaf under a Sigsum origin, cosigned by our witness", () => {
  let proven: Proven;

  beforeAll(async () => {
    const submitter = await openSigner(formatSigningKey(await generateSigningKey({ name: "submitter" })));
    const seed = messageOf("the log's key");
    const { publicKey } = (
      await openSigner(formatSigningKey(await generateSigningKey({ name: "log", seed })))
    ).verifierKey;
    const name = `sigsum.org/v1/tree/${encodeHex(sha256(publicKey))}`;
    const signer = await openSigner(formatSigningKey(await generateSigningKey({ name, seed })));
    const logVkey = formatVerifierKey(signer.verifierKey);
    const witness = await startOwnWitness([{ origin: name, vkey: logVkey }]);
    const [witnessVkey = ""] = witness.vkeys;
    const policy = `log ${logVkey}\nwitness w ${witnessVkey} ${witness.url}\nquorum w\n`;
    const log = await openLog({ store: openMemoryStore({ origin: name }), signer, witnesses: { policy } });
    const messages = Array.from({ length: 300 }, (_, index) => messageOf(`message ${index}`));
    const leaves = await Promise.all(messages.map(async (message) => await leafOf(message, submitter)));
    await log.addBatch(leaves.map(encodeLeaf));
    await log.untilPublished(leaves.length - 1, { signal: AbortSignal.timeout(30_000) });
    const receipt = await log.receipt(257);
    await log.close();
    await witness.stop();
    const [message, leaf] = [messages[257], leaves[257]];
    if (message === undefined || leaf === undefined) throw new Error("no such leaf");
    const parties = { logKey: parseVerifierKey(logVkey), witnessKey: parseVerifierKey(witnessVkey) };
    proven = {
      policy: sigsumPolicy({ logVkey, witnessVkey }),
      submitterKey: submitter.verifierKey.publicKey,
      message,
      proof: proofOf(receipt, leaf, parties),
      logVkey,
      witnessVkey,
    };
  });

  describe("written as a Sigsum proof,", () => verifiersJudge(() => proven));
});

/** sigsum.org/v1/tree-leaf: the submitter signs SHA-256 of the message. */
async function leafOf(
  message: Uint8Array,
  submitter: Awaited<ReturnType<typeof openSigner>>,
): Promise<SigsumLeaf> {
  const checksum = sha256(message);
  const signature = await submitter.sign(concatBytes(encodeUtf8("sigsum.org/v1/tree-leaf\0"), checksum));
  return { checksum, signature, keyHash: sha256(submitter.verifierKey.publicKey) };
}
