/** The contract of a witness's storage as tests. Every adapter runs them. */
import { afterEach, beforeEach, describe } from "vitest";
import type { WitnessStore } from "../../src/store/witness-store.ts";
import { NAME, type OpenWitness } from "./witness-contract.ts";
import { testEvidence } from "./witness-contract-evidence.ts";
import { testHeads } from "./witness-contract-heads.ts";
import { testRows, testThinning } from "./witness-contract-rows.ts";
import { testClosing, testWriters } from "./witness-contract-writers.ts";

/** One disk that can be opened many times. */
export interface WitnessDisk {
  open(name?: string): Promise<WitnessStore>;
  /** Closes nothing; frees what the disk takes. */
  remove(): Promise<void>;
}

/** Runs the contract over one adapter. @param makeDisk - an empty disk whose default name is {@link NAME}. */
export function testWitnessStore(name: string, makeDisk: () => Promise<WitnessDisk>): void {
  describe(`${name}: the storage port of a witness`, () => {
    const held: { disk: WitnessDisk | undefined; opened: WitnessStore[] } = { disk: undefined, opened: [] };
    const open: OpenWitness = async (witness = NAME) => {
      if (held.disk === undefined) throw new Error("no disk");
      const store = await held.disk.open(witness);
      held.opened.push(store);
      return store;
    };
    beforeEach(async () => {
      held.disk = await makeDisk();
      held.opened = [];
    });
    afterEach(async () => {
      for (const store of held.opened) await store.close();
      await held.disk?.remove();
    });
    testHeads(open);
    testRows(open);
    testThinning(open);
    testEvidence(open);
    testWriters(open);
    testClosing(open);
  });
}
