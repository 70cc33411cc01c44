import { defineConfig } from "vitest/config";

const conditions = ["bristlecone-source", "node"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/install/**", "test/interop/**"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
