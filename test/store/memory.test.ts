import { createMemoryDisk, openMemoryStore } from "../../src/store/memory.ts";
import { testLogStore } from "./conformance.ts";

testLogStore("memory", async () => {
  const disk = createMemoryDisk();
  return {
    open: async (origin = "example.com/store") => openMemoryStore({ origin, disk }),
    remove: async () => undefined,
  };
});
