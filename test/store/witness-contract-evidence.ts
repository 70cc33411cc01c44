/** Evidence: what is kept, in what order, and how much. */
import { expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { expectBytes } from "./contract.ts";
import { evidenceNamed, LOG, type OpenWitness } from "./witness-contract.ts";

export function testEvidence(open: OpenWitness): void {
  test("evidence is there again after opening, in the order it was added, each log's its own", async () => {
    const store = await open();
    const kept = ["c", "a", "b"].map((name) => evidenceNamed(name, name === "a"));
    for (const one of kept) expect(await store.addEvidence(one)).toBe(true);
    await store.addEvidence(evidenceNamed("d", true, "log.example/b"));
    await store.close();
    const again = await open();
    expect(await again.evidence(LOG)).toEqual(kept);
    expect(await again.evidence("log.example/b")).toEqual([evidenceNamed("d", true, "log.example/b")]);
    expect(await again.origins()).toEqual([]);
  });

  test("what has the id already stays as it is", async () => {
    const store = await open();
    await store.addEvidence(evidenceNamed("a"));
    const other = { ...evidenceNamed("a"), receivedAtSeconds: 5, kind: "leaf" };
    expect(await store.addEvidence(other)).toBe(false);
    expect(await store.evidence(LOG)).toEqual([evidenceNamed("a")]);
  });

  test("evidence of 512 KiB fits", async () => {
    const store = await open();
    const evidence = new Uint8Array(524_288).map((_, index) => index % 251);
    expect(await store.addEvidence({ ...evidenceNamed("a"), evidence })).toBe(true);
    const [held] = await store.evidence(LOG);
    expectBytes(held?.evidence, evidence);
  });

  test("16 of each sort are kept about one log, so that neither sort crowds the other out", async () => {
    const store = await open();
    for (let index = 0; index < 16; index++) {
      expect(await store.addEvidence(evidenceNamed(`witness ${index}`, false))).toBe(true);
    }
    expect(await store.addEvidence(evidenceNamed("witness 16", false))).toBe(false);
    for (let index = 0; index < 16; index++) {
      expect(await store.addEvidence(evidenceNamed(`log ${index}`))).toBe(true);
    }
    expect(await store.addEvidence(evidenceNamed("log 16"))).toBe(false);
    expect(await store.addEvidence(evidenceNamed("log 16", true, "log.example/b"))).toBe(true);
    expect(await store.evidence(LOG)).toHaveLength(32);
  });

  test("bytes given and bytes returned belong to the caller", async () => {
    const store = await open();
    const given = evidenceNamed("a");
    const added = store.addEvidence(given);
    given.evidence.fill(0);
    await added;
    for (let round = 0; round < 2; round++) {
      const [held] = await store.evidence(LOG);
      expect(held).toEqual(evidenceNamed("a"));
      held?.evidence.fill(0);
    }
  });

  test.each([
    ["an id in capitals", { id: "A".repeat(64) }],
    ["a short id", { id: "a".repeat(63) }],
    ["no origin", { origin: "" }],
    ["a kind with a space", { kind: "same size" }],
    ["no bytes", { evidence: new Uint8Array(0) }],
    ["512 KiB and a byte", { evidence: new Uint8Array(524_289) }],
    ["half a second", { receivedAtSeconds: 0.5 }],
  ])("evidence with %s is a bug, not written", async (_, fields) => {
    const store = await open();
    await expect(store.addEvidence({ ...evidenceNamed("a"), ...fields })).rejects.toThrow(InvariantError);
    expect(await store.evidence(LOG)).toEqual([]);
  });
}
