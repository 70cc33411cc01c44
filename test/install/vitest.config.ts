import { defineConfig } from "vitest/config";

// Tests that install packages, kill processes again and again or open hundreds of disks: too slow for `npm test`, run by scripts of their own and in CI.
const conditions = ["bristlecone-source", "node"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ["test/run-setup.ts"],
    include: [
      "test/install/*.test.ts",
      "test/crash/*.test.ts",
      "test/flips/*.test.ts",
      "test/faults/*.test.ts",
      "test/hostile/*.test.ts",
      "test/deploy/*.test.ts",
      "test/alerts/*.test.ts",
      "test/holders/*.test.ts",
    ],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
