import { defineConfig } from "vitest/config";

// Tests that install packages: too slow for `npm test`, run by `npm run test:install` and in CI.
export default defineConfig({
  test: {
    include: ["test/install/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
