import { defineConfig } from "vitest/config";

const conditions = ["bristlecone-source", "node"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/explorer/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    // One browser for all.
    isolate: false,
    maxWorkers: 1,
  },
});
