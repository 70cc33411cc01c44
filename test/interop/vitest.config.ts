import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { programSummary, RECORD_VARIABLE } from "./program-record.ts";
import { newRunFolder, runVariables } from "./run-folder.ts";

// Our own against other people's programs: one file after the other, for each starts several of them.
const conditions = ["bristlecone-source", "node"];
const folder = newRunFolder();
const record = join(folder, "record.jsonl");
const isFull = process.env.BRISTLECONE_INTEROP === "full";
const timeoutMs = isFull ? 1_800_000 : 300_000;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ["test/interop/run-folder.ts"],
    setupFiles: ["test/interop/worker.ts"],
    include: ["test/interop/**/*.test.ts"],
    env: { [RECORD_VARIABLE]: record, ...runVariables(folder) },
    reporters: ["default", programSummary(record)],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: false,
  },
});
