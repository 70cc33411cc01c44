import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafHash } from "../../src/merkle/hash.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { expectConsistent, faulty, headOf, OUTCOMES, type Persisted, STEPS, type Step } from "./faulty.ts";
import { copyOf, type Disks, emptyDisks, entry, ORIGIN, openOn, published } from "./harness.ts";

describe("a step that fails", () => {
  it.each(STEPS.flatMap((step) => OUTCOMES.map((outcome) => [step, outcome] as const)))(
    "%s, %s: nothing answered is lost, nothing signed is taken back",
    async (step, outcome) => {
      const disks = emptyDisks();
      const fault = { step: undefined as Step | undefined, outcome, trace: [] as string[] };
      const { wrap, guard, signers } = faulty(disks, fault);
      const log = await openOn(disks, { wrap, guard, signers: await signers() });
      await log.addBatch([entry(0), entry(1)]);
      await published(log, 1);
      const before = await headOf(log);

      fault.step = step;
      const answer = await log.add(entry(2)).catch((error: unknown) => error);
      if (step === "commit") expect(answer).toMatchObject({ code: "LOG_READ_ONLY" });
      else expect(answer).toMatchObject({ leafIndex: 2 });
      const waiting = log.untilPublished(2, { signal: AbortSignal.timeout(200) });
      // What is signed is shown first and recorded in the store then.
      if (step === "recordHeads") expect(await waiting).toMatchObject({ treeSize: 3 });
      else await expectCodeAsync(waiting, step === "sign" ? "ABORTED" : "LOG_READ_ONLY");
      await expect.poll(() => log.state().status).toBe(step === "sign" ? "writable" : "read-only");
      // Readers still see what was published, and it still verifies.
      const shown = await headOf(log);
      if (step !== "recordHeads") expect(shown).toEqual(before);
      expect(await log.readEntry(0)).toEqual(entry(0));
      const afterFault = copyOf(disks);
      await log.close();

      await using again = await openOn(afterFault);
      await expectConsistent(again, shown);
      for (let leafIndex = 0; leafIndex < again.integratedSize(); leafIndex += 1) {
        expect(await again.readEntry(leafIndex)).toEqual(entry(leafIndex));
      }
      const persisted = step !== "commit" || outcome === "persisted all the same";
      expect(again.published().treeSize).toBe(persisted ? 3 : 2);
      expect(await again.add(entry(2))).toMatchObject({ leafIndex: 2, duplicate: persisted });
    },
  );

  it("happens in the order of the promise: commit, guard, sign, show, record", async () => {
    const disks = emptyDisks();
    const fault = { step: undefined, outcome: OUTCOMES[0] as Persisted, trace: [] as string[] };
    const { wrap, guard, signers } = faulty(disks, fault);
    await using log = await openOn(disks, { wrap, guard, signers: await signers() });
    fault.trace.length = 0;
    await log.add(entry(0));
    await published(log, 0);
    expect(fault.trace).toEqual(["commit", "guard.write", "sign"]);
    await log.close();
    expect(fault.trace).toEqual(["commit", "guard.write", "sign", "recordHeads"]);
  });

  it("is shown after it is recorded where other processes read the store", async () => {
    const disks = emptyDisks();
    const fault = { step: undefined, outcome: OUTCOMES[0] as Persisted, trace: [] as string[] };
    const { wrap, guard, signers } = faulty(disks, fault);
    await using log = await openOn(disks, { wrap, guard, signers: await signers(), hasReaders: true });
    for (let leafIndex = 0; leafIndex < 3; leafIndex += 1) {
      fault.trace.length = 0;
      await log.add(entry(leafIndex));
      await published(log, leafIndex);
      expect(fault.trace).toEqual(["commit", "guard.write", "sign", "recordHeads"]);
      expect(disks.store.head.published?.checkpoint).toEqual(log.published().checkpoint);
    }
  });

  it("makes no signature when it is the guard's", async () => {
    const disks = emptyDisks();
    const fault = {
      step: undefined as Step | undefined,
      outcome: OUTCOMES[0] as Persisted,
      trace: [] as string[],
    };
    const { wrap, guard, signers } = faulty(disks, fault);
    await using log = await openOn(disks, { wrap, guard, signers: await signers() });
    fault.trace.length = 0;
    fault.step = "guard.write";
    await log.add(entry(0));
    await expect.poll(() => log.state().status).toBe("read-only");
    expect(fault.trace).not.toContain("sign");
  });

  it("is told once", async () => {
    const disks = emptyDisks();
    const told: string[] = [];
    const fault = {
      step: "commit" as Step | undefined,
      outcome: OUTCOMES[0] as Persisted,
      trace: [] as string[],
    };
    const { wrap, guard, signers } = faulty(disks, fault);
    await using log = await openOn(disks, {
      wrap,
      guard,
      signers: await signers(),
      events: { turnedReadOnly: ({ code }) => told.push(code) },
    });
    await Promise.allSettled([log.add(entry(0)), log.addBatch([entry(1)]), log.add(entry(2))]);
    await log.close();
    expect(told).toEqual(["LOG_READ_ONLY"]);
  });

  it("asks a signer again that failed, and publishes when it is back", async () => {
    const disks = emptyDisks();
    const warnings: string[] = [];
    const fault = {
      step: undefined as Step | undefined,
      outcome: OUTCOMES[0] as Persisted,
      trace: [] as string[],
    };
    const { wrap, guard, signers } = faulty(disks, fault);
    await using log = await openOn(disks, {
      wrap,
      guard,
      signers: await signers(),
      events: { warning: ({ code }) => warnings.push(code) },
    });
    fault.step = "sign";
    await log.add(entry(0));
    await expect.poll(() => warnings).toContain("SIGNER_FAILED");
    fault.step = undefined;
    await published(log, 0);
    expect(log.published().treeSize).toBe(1);
  });

  it("is no opening at all when the signer fails at the start", async () => {
    const disks = emptyDisks();
    const fault = { step: "sign" as Step, outcome: OUTCOMES[0] as Persisted, trace: [] as string[] };
    const { signers } = faulty(disks, fault);
    await expectCodeAsync(openOn(disks, { signers: await signers() }), "SIGNER_FAILED");
    await using log = await openOn(disks);
    expect(log.published().treeSize).toBe(0);
  });
});

describe("what storage gives back", () => {
  it.each([
    ["a leaf hash", 0],
    ["the hash of a full tile", 1],
  ])(
    "invariant 5: is compared before a head is signed: a flipped bit in %s stops the log",
    async (_name, level) => {
      const disks = emptyDisks();
      let broken = false;
      const published: number[] = [];
      const failures: string[] = [];
      await using log = await openOn(disks, {
        events: { turnedReadOnly: ({ message }) => failures.push(message) },
        wrap: (store) => ({
          ...store,
          async readTile(tile) {
            const bytes = await store.readTile(tile);
            if (broken && tile.level === level && bytes !== undefined) bytes[bytes.length - 1]! ^= 1;
            return bytes;
          },
          async recordHeads(rows) {
            published.push(rows.published?.treeSize ?? -1);
            await store.recordHeads(rows);
          },
        }),
      });
      broken = true;
      await log.addBatch(Array.from({ length: 256 }, (_, index) => entry(index)));
      await expect.poll(() => failures).toHaveLength(1);
      expect(failures[0]).toContain("STORE_DAMAGED");
      expect(published).toEqual([0]);
      await expectCodeAsync(log.add(entry("more")), "LOG_READ_ONLY");
    },
  );

  it("must hash to what memory has: another entry, with its own leaf hash, stops the log too", async () => {
    const disks = emptyDisks();
    let broken = false;
    const failures: string[] = [];
    await using log = await openOn(disks, {
      events: { turnedReadOnly: ({ message }) => failures.push(message) },
      wrap: (store) => ({
        ...store,
        async readTile(tile) {
          const bytes = await store.readTile(tile);
          if (broken) bytes?.set(leafHash(entry(9)), 0);
          return bytes;
        },
        async readEntries(range) {
          const bytes = await store.readEntries(range);
          if (broken) bytes?.set(entry(9), 2);
          return bytes;
        },
      }),
    });
    broken = true;
    await log.addBatch([entry(0), entry(1), entry(2)]);
    await expect.poll(() => failures).toHaveLength(1);
    expect(failures[0]).toContain("storage and memory have different roots");
    expect(log.published().treeSize).toBe(0);
  });

  it("must be the tree of the published checkpoint when a log opens", async () => {
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.add(entry(0));
    await published(log, 0);
    const old = log.published().checkpoint;
    await log.add(entry(1));
    await log.close();
    disks.store.head = { ...disks.store.head, published: { treeSize: 2, checkpoint: old } };
    await expectCodeAsync(openOn(disks), "STORE_DAMAGED");
  });

  it("must hash to the recorded root when a log opens", async () => {
    const disks = emptyDisks();
    const log = await openOn(disks);
    await log.addBatch([entry(0), entry(1), entry(2)]);
    await log.close();
    const leaf = disks.store.levels[0]?.[1];
    if (leaf !== undefined) leaf[5] = (leaf[5] ?? 0) ^ 4;
    await expectCodeAsync(openOn(disks), "STORE_DAMAGED");
  });
});

describe("a restored or copied directory", () => {
  async function grown(disks: Disks, from: number, to: number): Promise<void> {
    const log = await openOn(disks);
    await log.addBatch(Array.from({ length: to - from }, (_, index) => entry(from + index)));
    await log.close();
  }

  it("invariant 6: refuses to sign when it is older than its guard", async () => {
    const disks = emptyDisks();
    await grown(disks, 0, 10);
    const backup = copyOf(disks);
    await grown(disks, 10, 20);
    await expectCodeAsync(openOn({ store: backup.store, guard: disks.guard }), "GUARD_AHEAD");
  });

  it("refuses a second time too", async () => {
    const disks = emptyDisks();
    await grown(disks, 0, 10);
    const copy = copyOf(disks);
    await grown(disks, 10, 10);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expectCodeAsync(openOn({ store: copy.store, guard: disks.guard }), "GUARD_MISMATCH");
    }
    await grown(disks, 10, 12);
  });

  it("refuses without its guard, and starts a new one only on an operator's word", async () => {
    const disks = emptyDisks();
    await grown(disks, 0, 10);
    const orphan = { store: disks.store, guard: undefined };
    await expectCodeAsync(openOn(orphan), "GUARD_MISSING");
    const warnings: string[] = [];
    const log = await openOn(orphan, {
      recreateGuard: true,
      events: { warning: ({ code }) => warnings.push(code) },
    });
    await log.close();
    expect(warnings).toEqual(["GUARD_RECREATED"]);
    await grown(orphan, 10, 11);
  });

  it("keeps the guard of another log, whatever an operator says", async () => {
    const [mine, other] = [emptyDisks(), emptyDisks()];
    await grown(mine, 0, 3);
    await grown(other, 0, 5);
    await expectCodeAsync(
      openOn({ store: mine.store, guard: other.guard }, { recreateGuard: true }),
      "GUARD_MISMATCH",
    );
    await grown(other, 5, 6);
  });

  it("stops the older of two servers as soon as the newer one opens", async () => {
    const disks = emptyDisks();
    await using first = await openOn(disks);
    await first.add(entry(0));
    await published(first, 0);
    await using second = await openOn(disks);
    await expectCodeAsync(first.add(entry(1)), "LOG_READ_ONLY");
    expect(await second.add(entry(1))).toMatchObject({ leafIndex: 1 });
  });
});

describe("any history of appends, crashes and restarts", () => {
  it("invariants 1 and 2, CP-5: keeps every answered index, and every checkpoint consistent with every later one", async () => {
    const crash = fc.record({
      step: fc.constantFrom(undefined, ...STEPS.filter((step) => step !== "sign")),
      outcome: fc.constantFrom(...OUTCOMES),
      batches: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { minLength: 1, maxLength: 4 }), async (lives) => {
        let disks = emptyDisks();
        const answered = new Map<number, Uint8Array>();
        const heads: { readonly treeSize: number; readonly rootHash: Uint8Array }[] = [];
        let next = 0;
        for (const { step, outcome, batches } of lives) {
          const fault = { step: undefined as Step | undefined, outcome, trace: [] as string[] };
          const { wrap, guard, signers } = faulty(disks, fault);
          const log = await openOn(disks, { wrap, guard, signers: await signers() });
          for (const head of heads) await expectConsistent(log, head);
          for (const count of batches) {
            const entries = Array.from({ length: count }, () => entry(next++));
            const appended = await log.addBatch(entries).catch(() => []);
            for (const [at, { leafIndex }] of appended.entries()) answered.set(leafIndex, entries[at]!);
            const last = appended.at(-1)?.leafIndex;
            if (last !== undefined) await published(log, last).catch(() => {});
            heads.push(await headOf(log));
            fault.step = step;
          }
          // The crash: what the disks hold now is all there is; the old process never comes back.
          disks = copyOf(disks);
        }
        await using log = await openOn(disks);
        for (const head of heads) await expectConsistent(log, head);
        for (const [leafIndex, bytes] of answered) expect(await log.readEntry(leafIndex)).toEqual(bytes);
        expect(log.origin).toBe(ORIGIN);
      }),
      { numRuns: runs(25) },
    );
  });
});
