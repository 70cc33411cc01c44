import { defineConfig } from "vitest/config";

// Tests that install packages or compile other people's: too slow for `npm test`, run by scripts of their own and in CI.
export default defineConfig({
  test: {
    include: ["test/install/*.test.ts", "test/interop/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
