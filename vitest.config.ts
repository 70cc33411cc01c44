import { defineConfig } from "vitest/config";

const conditions = ["bristlecone-source", "node"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/install/**", "test/interop/**", "test/crash/**"],
    // Tests wait for disks and sockets more than they compute.
    maxWorkers: "100%",
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
