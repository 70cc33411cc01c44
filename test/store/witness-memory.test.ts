import { createWitnessMemoryDisk, openMemoryWitnessStore } from "../../src/store/witness-memory.ts";
import { testWitnessStore } from "./witness-conformance.ts";
import { NAME } from "./witness-contract.ts";

testWitnessStore("memory", async () => {
  const disk = createWitnessMemoryDisk();
  return {
    open: async (name = NAME) => openMemoryWitnessStore({ name, disk }),
    remove: async () => undefined,
  };
});
