import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { testLogStore } from "./conformance.ts";

testLogStore("lmdb", async () => {
  const parent = await mkdtemp(join(tmpdir(), "bristlecone-store-"));
  return {
    open: (origin = "example.com/store", fills = false) =>
      openLmdbStore({ directory: join(parent, "log.d"), origin, fills }),
    remove: () => rm(parent, { recursive: true }),
  };
});
