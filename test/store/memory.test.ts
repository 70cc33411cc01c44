import { createMemoryDisk, openMemoryStore } from "../../src/store/memory.ts";
import { testLogStore } from "./conformance.ts";

testLogStore("memory", async () => {
  const disk = createMemoryDisk();
  return {
    open: async (origin = "example.com/store", fills = false) => openMemoryStore({ origin, disk, fills }),
    remove: async () => undefined,
  };
});
