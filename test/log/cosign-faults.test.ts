import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import type { Log } from "../../src/log/log.ts";
import type { WitnessOptions } from "../../src/log/witness-options.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { isQuorumMet, type Policy } from "../../src/tlog/policy.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { runs } from "../runs.ts";
import { expectConsistent, faulty, headOf, OUTCOMES, type Persisted, STEPS, type Step } from "./faulty.ts";
import { copyOf, emptyDisks, entry, gate, openOn, published, testSigner } from "./harness.ts";
import { hang, respond, type StubWitness, stubWitness, witnessed } from "./stub-witness.ts";

const vkey = formatVerifierKey((await testSigner()).verifierKey);

async function three(): Promise<[StubWitness, StubWitness, StubWitness]> {
  return [await stubWitness("a"), await stubWitness("b"), await stubWitness("c")];
}

describe("a step that fails while witnesses are asked", () => {
  it.each(STEPS.flatMap((step) => OUTCOMES.map((outcome) => [step, outcome] as const)))(
    "%s, %s: readers see no head without its quorum, and witnesses follow the log after its restart",
    async (step, outcome) => {
      const stubs = await three();
      const disks = emptyDisks();
      const fault = { step: undefined as Step | undefined, outcome, trace: [] as string[] };
      const { wrap, guard, signers } = faulty(disks, fault);
      const witnesses = witnessed(vkey, stubs);
      const log = await openOn(disks, { wrap, guard, signers: await signers(), witnesses });
      await log.addBatch([entry(0), entry(1)]);
      await published(log, 1);
      const before = await headOf(log);
      await expect.poll(() => stubs.map(({ head }) => head.treeSize)).toEqual([2, 2, 2]);
      await expect.poll(async () => (await cosigned(disks)).length).toBe(3);

      fault.step = step;
      await log.add(entry(2)).catch(() => undefined);
      const waiting = log.untilPublished(2, { signal: AbortSignal.timeout(100) });
      await expectCodeAsync(waiting, step === "sign" ? "ABORTED" : "LOG_READ_ONLY");
      expect(await headOf(log)).toEqual(before);
      const afterFault = copyOf(disks);
      await log.close();

      await using again = await openOn(afterFault, { witnesses });
      const persisted = step !== "commit" || outcome === "persisted all the same";
      await again.add(entry(3));
      await published(again, persisted ? 3 : 2);
      await expectConsistent(again, before);
      for (const { statuses, head } of stubs) {
        expect(statuses).not.toContain(422);
        await expectConsistent(again, {
          treeSize: head.treeSize,
          rootHash: head.rootHash ?? before.rootHash,
        });
      }
      const { policy } = witnesses;
      await verifyTlogProof({ receipt: await again.receipt(1), entry: entry(1), policy });
    },
  );

  it("happens in the order of the promise: a head is recorded and signed before a witness sees it, published after", async () => {
    const stubs = await three();
    const disks = emptyDisks();
    const fault = { step: undefined, outcome: OUTCOMES[0] as Persisted, trace: [] as string[] };
    const { wrap, guard, signers } = faulty(disks, fault);
    const witnesses = witnessed(vkey, stubs.slice(0, 1), { quorum: "quorum a" });
    await using log = await openOn(disks, { wrap, guard, signers: await signers(), witnesses });
    await log.add(entry(0));
    await published(log, 0);
    fault.trace.length = 0;
    stubs[0].answer = ({ honest }) => {
      fault.trace.push("ask");
      return honest();
    };
    await log.add(entry(1));
    await published(log, 1);
    expect(fault.trace).toEqual(["commit", "guard.write", "sign", "ask", "recordHeads"]);
  });

  it("loses no promise when the process dies between a witness's cosignature and the publication", async () => {
    const stubs = await three();
    const disks = emptyDisks();
    const log = await openOn(disks, { witnesses: witnessed(vkey, stubs) });
    await log.add(entry(0));
    await published(log, 0);
    stubs[1].answer = hang;
    stubs[2].answer = hang;
    await log.add(entry(1));
    await expect.poll(() => stubs[0].head.treeSize).toBe(2);
    const crashed = copyOf(disks);
    await log.close();
    expect(crashed.store.head.published?.treeSize).toBe(1);
    for (const stub of stubs) stub.answer = undefined;
    await using again = await openOn(crashed, { witnesses: witnessed(vkey, stubs) });
    await published(again, 1);
    expect(stubs.flatMap(({ statuses }) => statuses)).not.toContain(422);
    expect(again.published().treeSize).toBe(2);
  });

  it("damage found while a proof for witnesses is made is the log's own: it turns read-only, and blames no witness", async () => {
    const [stub] = await three();
    const told: string[] = [];
    let isBroken = false;
    let isProving = false;
    const guard = memoryGuard();
    await using log = await openOn(emptyDisks(), {
      witnesses: witnessed(vkey, [stub], { quorum: "quorum a" }),
      events: {
        witnessFailed: ({ code }) => told.push(`witness ${code}`),
        turnedReadOnly: ({ message }) => told.push(message),
      },
      guard: {
        ...guard,
        async write(record) {
          await guard.write(record);
          isProving = isBroken;
        },
      },
      wrap: (store) => ({
        ...store,
        async readTile(tile) {
          if (isProving) throw new TlogError("STORE_DAMAGED", "a tile that does not fit its parent");
          return await store.readTile(tile);
        },
      }),
    });
    await log.addBatch([entry(0), entry(1), entry(2)]);
    await published(log, 2);
    isBroken = true;
    await log.addBatch([entry(3), entry(4)]);
    await expectCodeAsync(log.untilPublished(4, { signal: AbortSignal.timeout(5000) }), "LOG_READ_ONLY");
    expect(log.state()).toMatchObject({ status: "read-only", code: "LOG_READ_ONLY" });
    expect(told).toEqual([expect.stringContaining("STORE_DAMAGED")]);
  });

  it.each(["strict", "best-effort"] as const)(
    "%s: writes and asks for nothing more once a write failed, whatever is under way",
    async (mode) => {
      const stubs = await three();
      const writes: string[] = [];
      let isFull = false;
      const witnesses = witnessed(vkey, stubs, { mode, closingMs: 3000, refreshIntervalMs: 100 });
      await using log = await openOn(emptyDisks(), {
        witnesses,
        wrap: (store) => ({
          ...store,
          async recordHeads(rows) {
            if (rows.published !== undefined)
              writes.push(`${rows.published.treeSize}${isFull ? " fails" : ""}`);
            if (isFull) throw new TlogError("STORE_FULL", "no room");
            await store.recordHeads(rows);
          },
        }),
      });
      await log.add(entry(0));
      await published(log, 0);
      // The cosignatures of size 1 are renewed, and the third witness keeps them waiting; meanwhile size 2 is asked for.
      const [merged, next] = [gate(), gate()];
      for (const stub of stubs) stub.clock = () => 2_000_000_000;
      for (const stub of stubs.slice(0, 2)) {
        stub.answer = ({ honest, request }) =>
          request.oldSize === 1 && isFull ? next.passed.then(honest) : honest();
      }
      stubs[2].answer = ({ honest }) => merged.passed.then(honest);
      const [first, , third] = stubs.map(({ requests }) => requests.length);
      await expect.poll(() => stubs[2].requests.length).toBeGreaterThan(third ?? 0);
      await expect.poll(() => stubs[0].requests.length).toBeGreaterThan(first ?? 0);
      await expect.poll(() => stubs[0].statuses.length).toBe(stubs[0].requests.length);
      await expect.poll(() => stubs[1].statuses.length).toBe(stubs[1].requests.length);
      writes.length = 0;
      isFull = true;
      const before = stubs[0].requests.length;
      await log.add(entry(1));
      await expect.poll(() => stubs[0].requests.length).toBeGreaterThan(before);
      merged.open();
      await expect.poll(() => log.state().status).toBe("read-only");
      isFull = false;
      next.open();
      await log.close();
      expect(log.published().treeSize).toBe(1);
      expect(writes).toEqual(["1 fails"]);
    },
  );

  /** What a crash would leave of the published checkpoint's cosignatures. */
  async function cosigned(disks: ReturnType<typeof emptyDisks>) {
    const signedNote = disks.store.head.published?.checkpoint ?? new Uint8Array(0);
    const { policy } = witnessed(vkey, await three());
    return (await openCheckpoint({ signedNote, policy: { ...policy, quorum: "none" } })).cosignatures;
  }
});

/** Witnesses that the logs opened from here on reach until they are among the dead. */
function cut(witnesses: WitnessOptions, dead: readonly Log[]): WitnessOptions {
  const born = dead.length;
  return {
    ...witnesses,
    fetchFor(witness) {
      const fetch = witnesses.fetchFor?.(witness);
      return fetch && ((url, init) => (dead.length > born ? hang(init) : fetch(url, init)));
    },
  };
}

/** What a reader saw, and may count on. */
class Shown {
  #treeSize = 0; // owned by see()
  readonly #met = new Set<Policy>(); // owned by see(): policies that the checkpoint of this size met

  /**
   * A new size meets the policy of its life; a size that met a policy goes on to meet it, whatever the next lives ask for.
   * @returns whether what is shown meets this policy.
   */
  async see(log: Log, policy: Policy): Promise<boolean> {
    const { treeSize, checkpoint: signedNote } = log.published();
    if (treeSize === 0) return true;
    if (treeSize > this.#treeSize) {
      this.#met.clear();
      await openCheckpoint({ signedNote, policy });
      this.#met.add(policy);
    }
    this.#treeSize = treeSize;
    for (const met of this.#met) await openCheckpoint({ signedNote, policy: met });
    const named = await openCheckpoint({ signedNote, policy: { ...policy, quorum: "none" } });
    const names = named.cosignatures.map(({ name }) => name);
    const isMet = isQuorumMet(policy, names);
    if (isMet) this.#met.add(policy);
    return isMet;
  }
}

describe("any history of appends, crashes, restarts and moods of witnesses", () => {
  it("invariants 1, 2 and 4 in strict mode: what readers see has a quorum, is consistent, and no honest witness ever finds a fork", async () => {
    const moods: readonly StubWitness["answer"][] = [
      undefined,
      () => respond(500),
      () => respond(409, "99999\n", "text/x.tlog.size"),
      ({ request }) => respond(409, `${request.oldSize + 1}\n`, "text/x.tlog.size"),
      ({ honest }) => honest().then(() => respond(502)),
      () => respond(200, "— x AAAAAAA=\n"),
    ];
    const claims = moods.slice(2, 4);
    const mood = fc.nat({ max: moods.length - 1 });
    const life = fc.record({
      step: fc.constantFrom(undefined, ...STEPS.filter((step) => step !== "sign")),
      outcome: fc.constantFrom(...OUTCOMES),
      isCalm: fc.boolean(),
      quorum: fc.constantFrom("group q 2 a b c", "group q all a b c", "group q any b c", "group q any a"),
      batches: fc.array(
        fc.record({ count: fc.integer({ min: 1, max: 300 }), moods: fc.tuple(mood, mood, mood) }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async (lives) => {
        const stubs = await three();
        let disks = emptyDisks();
        const dead: Log[] = [];
        const heads: { readonly treeSize: number; readonly rootHash: Uint8Array }[] = [];
        let next = 0;
        const shown = new Shown();
        for (const { step, outcome, isCalm, quorum, batches } of lives) {
          const asked = stubs.filter(({ name }) => quorum.split(" ").slice(3).includes(name));
          const witnesses = witnessed(vkey, asked, { quorum: `${quorum}\nquorum q` });
          const fault = { step: undefined as Step | undefined, outcome, trace: [] as string[] };
          const { wrap, guard, signers } = faulty(disks, fault);
          const keys = await signers();
          const open = () => openOn(disks, { wrap, guard, signers: keys, witnesses: cut(witnesses, dead) });
          const log = await open().catch((error) => {
            // A quorum that claims to know more is believed, though none of it is true; once it says what is so, the log starts.
            if (!(error instanceof TlogError) || error.code !== "LOG_ROLLED_BACK") throw error;
            const claiming = stubs.filter(({ answer }) => claims.includes(answer)).map(({ name }) => name);
            expect(isQuorumMet(witnesses.policy, claiming)).toBe(true);
            for (const stub of stubs) stub.answer = undefined;
            return open();
          });
          if (isCalm) {
            for (const stub of stubs) stub.answer = undefined;
            await expect.poll(() => shown.see(log, witnesses.policy)).toBe(true);
          }
          for (const batch of batches) {
            for (const [index, stub] of stubs.entries()) stub.answer = moods[batch.moods[index] ?? 0];
            const entries = Array.from({ length: batch.count }, () => entry(next++));
            const appended = await log.addBatch(entries).catch(() => []);
            const honest = stubs.filter((_, index) => batch.moods[index] === 0).map(({ name }) => name);
            const isQuorate = isQuorumMet(witnesses.policy, honest);
            const last = appended.at(-1)?.leafIndex;
            if (last !== undefined && isQuorate) await published(log, last).catch(() => {});
            await shown.see(log, witnesses.policy);
            heads.push(await headOf(log));
            fault.step = step;
          }
          // The crash: what the disks hold now is all there is; the old process reaches nobody any more.
          disks = copyOf(disks);
          dead.push(log);
          await log.close();
        }
        for (const stub of stubs) stub.answer = undefined;
        await using log = await openOn(disks, { witnesses: witnessed(vkey, stubs) });
        const { leafIndex } = await log.add(entry("last"));
        await published(log, leafIndex);
        for (const head of heads) await expectConsistent(log, head);
        for (const { statuses } of stubs) expect(statuses).not.toContain(422);
      }),
      { numRuns: runs(10) },
    );
  });
});
