import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyReceipt } from "../../client/index.ts";
import { type Log, openLog, openMemoryStore } from "../../src/server.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { entry, testSigner } from "../log/harness.ts";
import { buildGoProgram, hasGo } from "./go-programs.ts";
import { type OwnWitness, startOwnWitness } from "./own-witness.ts";
import { type Ended, run } from "./programs.ts";

const ORIGIN = "receipts.test/log";
const COUNT = 700;
const skipped = !hasGo("go-torchwood");

let folder: string;
let program: string;
let log: Log;
let logVkey: string;
let witnesses: readonly OwnWitness[];
/** c2sp.org/tlog-policy: both witnesses, one with an Ed25519 key, one with an ML-DSA-44 key. */
let policy: string;

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-receipts-"));
  program = await buildGoProgram("go-torchwood", "./receipt");
  const signer = await testSigner(9, ORIGIN);
  logVkey = formatVerifierKey(signer.verifierKey);
  const known = [{ origin: ORIGIN, vkey: logVkey }];
  witnesses = await Promise.all([
    startOwnWitness(known, { name: "w1.test/ed", types: [4] }),
    startOwnWitness(known, { name: "w2.test/pq" }),
  ]);
  policy = policyOf(2);
  log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer, witnesses: { policy } });
  await log.addBatch(Array.from({ length: COUNT }, (_, index) => entry(index)));
  await log.untilPublished(COUNT - 1, { signal: AbortSignal.timeout(30_000) });
});

afterAll(async () => {
  if (skipped) return;
  await log.close();
  await Promise.all(witnesses.map((witness) => witness.stop()));
  await rm(folder, { recursive: true });
});

/** @param quorum - how many of the two witnesses. */
function policyOf(quorum: number): string {
  const lines = witnesses.map(({ vkeys, url }, index) => `witness w${index} ${vkeys.at(-1)} ${url}`);
  return `log ${logVkey}\n${lines.join("\n")}\ngroup q ${quorum} ${lines.map((_, index) => `w${index}`).join(" ")}\nquorum q\n`;
}

/** What torchwood says of a receipt. */
async function verdict(receipt: string, subject: Uint8Array, under = policy): Promise<Ended> {
  const files = { policy: join(folder, "policy"), entry: join(folder, "entry") };
  await writeFile(files.policy, under);
  await writeFile(files.entry, subject);
  return await run(program, [files.policy, files.entry], { input: encodeUtf8(receipt) });
}

/** One letter changed: of base64, in the line that the pattern matches, behind what it matches. */
function changed(receipt: string, before: RegExp): string {
  const match = before.exec(receipt);
  if (match === null) throw new Error(`nothing to change at ${before} in ${receipt}`);
  const at = match.index + match[0].length;
  return `${receipt.slice(0, at)}${receipt[at] === "A" ? "B" : "A"}${receipt.slice(at + 1)}`;
}

describe.skipIf(skipped)("torchwood checks our receipts under a policy", () => {
  it("accepts those of full and partial tiles, as we do", async () => {
    for (const leafIndex of [0, 255, 256, 511, COUNT - 1]) {
      const receipt = await log.receipt(leafIndex);
      await verifyReceipt({ receipt, entry: entry(leafIndex), policy });
      expect(await verdict(receipt, entry(leafIndex))).toMatchObject({ code: 0, stdout: "verified\n" });
    }
  });

  it.each([
    ["a hash of the proof", /\nindex 300\n.{20}/, "inclusion proof verification failed for index 300"],
    ["the index", /\nindex 30/, "malformed tlog proof: invalid index"],
    ["the log's signature", /\n— receipts\.test\/log .{20}/u, "invalid signature"],
    ["an Ed25519 cosignature", /\n— w1\.test\/ed .{40}/u, "invalid signature"],
    ["an ML-DSA-44 cosignature", /\n— w2\.test\/pq .{400}/u, "invalid signature"],
    ["the root hash", /\nreceipts\.test\/log\n700\n.{20}/, "invalid signature"],
  ])("refuses one with %s changed, as we do", async (_what, before, words) => {
    const receipt = await log.receipt(300);
    const broken = changed(receipt, before);
    expect(await verdict(broken, entry(300))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(words),
    });
    await expect(verifyReceipt({ receipt: broken, entry: entry(300), policy })).rejects.toThrow();
  });

  it("refuses one for another entry, and one whose quorum is not met, as we do", async () => {
    const receipt = await log.receipt(300);
    expect((await verdict(receipt, entry(301))).stderr).toContain("inclusion proof verification failed");
    const [head = ""] = receipt.split("\n— w2.test/pq ");
    const lessSigned = `${head}\n`;
    expect((await verdict(lessSigned, entry(300))).code).toBe(1);
    await expect(verifyReceipt({ receipt: lessSigned, entry: entry(300), policy })).rejects.toThrow();
    expect((await verdict(lessSigned, entry(300), policyOf(1))).code).toBe(0);
  });

  // c2sp.org/tlog-policy: a checkpoint is accepted "by any one of the listed logs".
  it("refuses each when the policy lists a second log, other than the document and we", async () => {
    const other = formatVerifierKey((await testSigner(8, "other.test/log")).verifierKey);
    const receipt = await log.receipt(300);
    const wider = `log ${other}\n${policy}`;
    await verifyReceipt({ receipt, entry: entry(300), policy: wider });
    expect((await verdict(receipt, entry(300), wider)).code).toBe(1);
  });
});
