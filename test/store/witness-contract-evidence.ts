/** Evidence: what is kept, in what order, and how much. */
import { expect, test } from "vitest";
import { InvariantError } from "../../src/errors.ts";
import { expectBytes } from "./contract.ts";
import { bytesOf } from "./model.ts";
import { allEvidence, evidenceNamed, LOG, type OpenWitness } from "./witness-contract.ts";

export function testEvidence(open: OpenWitness): void {
  test("evidence is there again after opening, in the order it was added, each log's its own", async () => {
    const store = await open();
    const kept = ["c", "a", "b"].map((name) => evidenceNamed(name, name === "a"));
    for (const one of kept) expect(await store.addEvidence(one)).toBe("added");
    await store.addEvidence(evidenceNamed("d", true, "log.example/b"));
    await store.close();
    const again = await open();
    expect(await allEvidence(again)).toEqual(kept);
    expect(await allEvidence(again, "log.example/b")).toEqual([evidenceNamed("d", true, "log.example/b")]);
    expect(await again.origins()).toEqual([]);
  });

  test("of what has the id already the file is replaced, and nothing else", async () => {
    const store = await open();
    for (const name of ["a", "b"]) await store.addEvidence(evidenceNamed(name));
    const evidence = bytesOf("a file with more signatures");
    const other = { ...evidenceNamed("a"), evidence, receivedAtSeconds: 5, kind: "leaf" };
    expect(await store.addEvidence(other)).toBe("replaced");
    await store.close();
    const again = await open();
    expect(await allEvidence(again)).toEqual([{ ...evidenceNamed("a"), evidence }, evidenceNamed("b")]);
  });

  test("a file is found by log and id, and only so", async () => {
    const store = await open();
    const { id, evidence } = evidenceNamed("a");
    await store.addEvidence(evidenceNamed("a"));
    expectBytes(await store.evidenceFile(LOG, id), evidence);
    expect(await store.evidenceFile("log.example/b", id)).toBeUndefined();
    expect(await store.evidenceFile(LOG, evidenceNamed("b").id)).toBeUndefined();
    await expect(store.evidenceFile(LOG, "a")).rejects.toThrow(InvariantError);
  });

  test("evidence of 512 KiB fits", async () => {
    const store = await open();
    const evidence = new Uint8Array(524_288).map((_, index) => index % 251);
    expect(await store.addEvidence({ ...evidenceNamed("a"), evidence })).toBe("added");
    expectBytes(await store.evidenceFile(LOG, evidenceNamed("a").id), evidence);
  });

  test("16 of each sort are kept about one log, so that neither sort crowds the other out", async () => {
    const store = await open();
    for (let index = 0; index < 16; index++) {
      expect(await store.addEvidence(evidenceNamed(`witness ${index}`, false))).toBe("added");
    }
    expect(await store.addEvidence(evidenceNamed("witness 16", false))).toBe("full");
    expect(await store.addEvidence(evidenceNamed("witness 0", false))).toBe("replaced");
    for (let index = 0; index < 16; index++) {
      expect(await store.addEvidence(evidenceNamed(`log ${index}`))).toBe("added");
    }
    expect(await store.addEvidence(evidenceNamed("log 16"))).toBe("full");
    expect(await store.evidenceFile(LOG, evidenceNamed("log 16").id)).toBeUndefined();
    expect(await store.addEvidence(evidenceNamed("log 16", true, "log.example/b"))).toBe("added");
    expect(await store.evidence(LOG)).toHaveLength(32);
  });

  test("bytes given and bytes returned belong to the caller", async () => {
    const store = await open();
    const given = evidenceNamed("a");
    const added = store.addEvidence(given);
    given.evidence.fill(0);
    await added;
    for (let round = 0; round < 2; round++) {
      const held = await store.evidenceFile(LOG, given.id);
      expectBytes(held, evidenceNamed("a").evidence);
      held?.fill(0);
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
