import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { testWitnessStore } from "./witness-conformance.ts";
import { NAME } from "./witness-contract.ts";

testWitnessStore("lmdb", async () => {
  const parent = await mkdtemp(join(tmpdir(), "bristlecone-witness-"));
  return {
    open: (name = NAME) => openLmdbWitnessStore({ directory: join(parent, "witness.d"), name }),
    remove: () => rm(parent, { recursive: true }),
  };
});
