import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { programSummary, RECORD_VARIABLE } from "./program-record.ts";

// Our own against other people's programs: one file after the other, for each starts several of them.
const conditions = ["bristlecone-source", "node"];
const record = join(tmpdir(), `bristlecone-interop-${process.pid}.jsonl`);
const isFull = process.env.BRISTLECONE_INTEROP === "full";
const timeoutMs = isFull ? 1_800_000 : 300_000;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ["test/run-setup.ts"],
    include: ["test/interop/**/*.test.ts"],
    env: { [RECORD_VARIABLE]: record },
    reporters: ["default", programSummary(record)],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: false,
  },
});
