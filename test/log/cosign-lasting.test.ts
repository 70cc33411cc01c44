import { describe, expect, it } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { ML_DSA_44 } from "../../src/tlog/cosignature.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { parseNote } from "../../src/tlog/note.ts";
import { type Policy, parsePolicy } from "../../src/tlog/policy.ts";
import { emptyDisks, entry, ORIGIN, openOn, published, testSigner } from "./harness.ts";
import { respond, type StubWitness, stubWitness, witnessed } from "./stub-witness.ts";

const vkey = formatVerifierKey((await testSigner()).verifierKey);

async function stubsOf(names: string): Promise<readonly StubWitness[]> {
  return await Promise.all(Array.from(names, (name) => stubWitness(name)));
}

async function cosignatures(log: Log, policy: Policy) {
  const { checkpoint: signedNote } = log.published();
  const opened = await openCheckpoint({ signedNote, policy: { ...policy, quorum: "none" } });
  return opened.cosignatures;
}

async function cosigners(log: Log, policy: Policy): Promise<readonly string[]> {
  return (await cosignatures(log, policy)).map(({ name }) => name).sort();
}

describe("what a published checkpoint holds", () => {
  it("keeps the quorum of an earlier policy until the new one's is there, and beyond", async () => {
    const old = await stubsOf("abc");
    const young = await stubsOf("def");
    const disks = emptyDisks();
    const before = witnessed(vkey, old);
    const log = await openOn(disks, { witnesses: before });
    await log.add(entry(0));
    await published(log, 0);
    await expect.poll(() => cosigners(log, before.policy)).toEqual(["a", "b", "c"]);
    await log.close();

    const after = witnessed(vkey, young);
    for (const stub of young.slice(1)) stub.answer = () => respond(500);
    await using again = await openOn(disks, { witnesses: after });
    await expect.poll(() => cosigners(again, after.policy)).toEqual(["d"]);
    expect(await cosigners(again, before.policy)).toEqual(["a", "b", "c"]);
    for (const stub of young) stub.answer = undefined;
    await expect.poll(() => cosigners(again, after.policy)).toEqual(["d", "e", "f"]);
    expect(await cosigners(again, before.policy)).toEqual(["a", "b", "c"]);
    await again.add(entry(1));
    await published(again, 1);
    expect(await cosigners(again, before.policy)).toEqual([]);
  });

  it("keeps the cosignature of a witness that cannot be asked any more, and the log's own second signature", async () => {
    const stubs = await stubsOf("abc");
    const disks = emptyDisks();
    const before = witnessed(vkey, stubs);
    const mlDsa = await generateSigningKey({
      name: ORIGIN,
      type: ML_DSA_44,
      seed: new Uint8Array(32).fill(8),
    });
    const signers = [await testSigner(), await openSigner(formatSigningKey(mlDsa))];
    const log = await openOn(disks, { witnesses: before, signers });
    await log.add(entry(0));
    await published(log, 0);
    await expect.poll(() => cosigners(log, before.policy)).toEqual(["a", "b", "c"]);
    await log.close();

    let seconds = 2_000_000_000;
    for (const stub of stubs) stub.clock = () => seconds++;
    const policy = parsePolicy(
      [`log ${vkey}`, ...stubs.map(({ policyLines }) => policyLines[0]), "group q 2 a b c", "quorum q", ""]
        .join("\n")
        .replace(/ http:..c.*/, ""),
    );
    await using again = await openOn(disks, { witnesses: { ...before, policy, refreshIntervalMs: 10 } });
    await expect
      .poll(async () => (await cosignatures(again, policy)).map((each) => each.timestampSeconds >= 2e9))
      .toEqual([false, true, true]);
    expect(await cosigners(again, policy)).toEqual(["a", "b", "c"]);
    // The log's two, and three witnesses'.
    expect(parseNote(again.published().checkpoint).signatures).toHaveLength(5);
  });

  it("never goes back to an older cosignature, and one that is no newer renews nothing", async () => {
    const [stub] = await stubsOf("a");
    if (stub === undefined) throw new TypeError("one witness");
    let seconds = 1_700_000_000;
    stub.clock = () => seconds;
    const witnesses = witnessed(vkey, [stub], { quorum: "quorum a", refreshIntervalMs: 10 });
    let later = 0;
    await using log = await openOn(emptyDisks(), { witnesses, now: () => later + performance.now() });
    await log.add(entry(0));
    await published(log, 0);
    const times = async () =>
      (await cosignatures(log, witnesses.policy)).map((each) => each.timestampSeconds);
    seconds = 1_600_000_000;
    await expect.poll(() => log.witnessing()?.isQuorumMissing).toBe(true);
    expect(await times()).toEqual([1_700_000_000]);
    expect(log.witnessing()?.witnesses[0]).toMatchObject({
      lastCosigned: { timestampSeconds: 1_700_000_000 },
      lastFailure: { code: "CLOCK_BEHIND" },
    });
    // The same line again: an honest witness gives it for a while, so it counts for a minute.
    seconds = 1_700_000_000;
    await expect.poll(() => log.witnessing()?.isQuorumMissing).toBe(false);
    later = 120_000;
    await expect.poll(() => log.witnessing()?.isQuorumMissing).toBe(true);
    seconds = 1_700_000_120;
    await expect.poll(() => log.witnessing()?.isQuorumMissing).toBe(false);
    expect(await times()).toEqual([1_700_000_120]);
  });

  it("is completed by a witness of two keys that answered for one of them", async () => {
    const half = await stubWitness("a", { isPostQuantum: true });
    const [b] = await stubsOf("b");
    if (b === undefined) throw new TypeError("another witness");
    half.answer = async ({ honest }) => {
      const whole = await honest();
      const type = whole.headers.get("Content-Type") ?? "";
      const text = await whole.text();
      return respond(whole.status, whole.status === 200 ? `${text.split("\n")[0]}\n` : text, type);
    };
    const witnesses = witnessed(vkey, [half, b], { quorum: "group q 2 a b\nquorum q" });
    await using log = await openOn(emptyDisks(), { witnesses });
    await log.add(entry(0));
    await published(log, 0);
    half.answer = undefined;
    await expect.poll(() => cosigners(log, witnesses.policy)).toEqual(["a", "a-pq", "b"]);
  });

  it("stays readable when the lines of many policies do not fit into it together", async () => {
    const disks = emptyDisks();
    for (const life of [0, 1, 2]) {
      const stubs = await Promise.all(
        Array.from({ length: 35 }, (_, index) => stubWitness(`w${life}-${index}`)),
      );
      const witnesses = witnessed(vkey, stubs, {
        quorum: `group q all ${stubs.map(({ name }) => name).join(" ")}\nquorum q`,
      });
      const log = await openOn(disks, { witnesses });
      if (life === 0) await log.add(entry(0));
      await expect.poll(async () => (await cosigners(log, witnesses.policy)).length).toBe(stubs.length);
      expect(log.state().status).toBe("writable");
      await log.close();
    }
  });
});
