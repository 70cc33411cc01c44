import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { createWitnessMemoryDisk, openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import type { CosignedHead, HeadUpdate, WitnessStore } from "../../src/store/witness-store.ts";
import { runs } from "../runs.ts";
import { allEvidence, allRows, evidenceNamed, headAt, NAME, noteOf } from "./witness-contract.ts";

const ORIGINS = ["log.example/a", "log.example/b", "c"];

interface Move {
  readonly origin: string;
  readonly grows: number;
  readonly waits: number;
  readonly otherRoot: boolean;
}

const move: fc.Arbitrary<Move> = fc.record({
  origin: fc.constantFrom(...ORIGINS),
  grows: fc.constantFrom(-1, 0, 0, 1, 5),
  waits: fc.constantFrom(-1, 0, 1, 7, 100),
  otherRoot: fc.constantFrom(false, false, false, false, true),
});
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ moves: fc.array(move, { minLength: 1, maxLength: 6 }), isStale: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ evidence: fc.nat({ max: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ thins: fc.constantFrom(...ORIGINS), every: fc.constantFrom(1, 10, 1000) }),
  },
  { weight: 1, arbitrary: fc.constant({ reopens: true as const }) },
);

test("LMDB answers as the memory reference does, whatever is asked of both, through openings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 12 }), async (actions) => {
      const directory = await mkdtemp(join(tmpdir(), "bristlecone-property-"));
      const disk = createWitnessMemoryDisk();
      const openBoth = async (): Promise<readonly [WitnessStore, WitnessStore]> => [
        openMemoryWitnessStore({ name: NAME, disk }),
        await openLmdbWitnessStore({ directory, name: NAME }),
      ];
      let stores = await openBoth();
      const both = async (ask: (store: WitnessStore) => Promise<unknown>): Promise<void> => {
        const [wanted, got] = await Promise.all(stores.map((store) => ask(store).catch(codeOf)));
        expect(got).toEqual(wanted);
      };
      for (const one of actions) {
        if ("moves" in one) {
          const updates = await updatesOf(stores[0], one.moves, one.isStale);
          await both((store) => store.commit(updates));
        } else if ("evidence" in one) {
          await both((store) => store.addEvidence(evidenceNamed(`${one.evidence}`, one.evidence > 2)));
        } else if ("thins" in one) {
          const rules = [{ olderThanSeconds: 0, keepEverySeconds: one.every }];
          await both((store) => store.thin(one.thins, { rules, nowSeconds: 1_000_000 }));
        } else {
          for (const store of stores) await store.close();
          stores = await openBoth();
        }
        await both((store) => contentsOf(store));
      }
      for (const store of stores) await store.close();
      await rm(directory, { recursive: true });
    }),
    { numRuns: runs(15) },
  );
}, 60_000);

async function updatesOf(
  store: WitnessStore,
  moves: readonly Move[],
  isStale: boolean,
): Promise<readonly HeadUpdate[]> {
  const heads = new Map<string, CosignedHead | undefined>();
  for (const origin of ORIGINS) heads.set(origin, await store.head(origin));
  return moves.map(({ origin, grows, waits, otherRoot }) => {
    const expected = heads.get(origin);
    const treeSize = Math.max(0, (expected?.treeSize ?? 0) + grows);
    const time = Math.max(0, (expected?.timestampSeconds ?? 100) + waits);
    const next = headAt(treeSize, time, otherRoot ? "another root" : undefined);
    // A stale call makes all of its updates from the heads it read first.
    if (!isStale) heads.set(origin, next);
    const logNote = expected?.treeSize === treeSize ? undefined : noteOf(treeSize);
    return { origin, expected, next, logNote };
  });
}

async function contentsOf(store: WitnessStore): Promise<unknown> {
  const logs = [];
  for (const origin of ORIGINS) {
    logs.push([await store.head(origin), await allRows(store, origin), await allEvidence(store, origin)]);
  }
  return [await store.origins(), await store.journal(), logs];
}

function codeOf(error: unknown): unknown {
  if (!(error instanceof TlogError)) throw error;
  return error.code;
}
