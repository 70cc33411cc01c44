import { defineConfig } from "vitest/config";

const conditions = ["bristlecone-source", "node"];
const every = ["test/**/*.test.ts"];
const otherScripts = [
  "test/install/**",
  "test/flips/**",
  "test/interop/**",
  "test/crash/**",
  "test/faults/**",
  "test/alerts/**",
  "test/hostile/**",
  "test/explorer/**",
  "test/deploy/**",
  "test/holders/**",
];

/** Files that mock modules or replace globals for good. All others share processes: to load everything anew for each takes most of the time. */
const isolated = [
  "test/crypto/without-web-crypto.test.ts",
  "test/node/ml-dsa-pool.test.ts",
  "test/store/directory-lock.test.ts",
  "test/store/lmdb-leaves.test.ts",
  "test/store/lmdb-readers.test.ts",
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ["test/run-setup.ts"],
    // Tests wait for disks and sockets more than they compute.
    maxWorkers: "100%",
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          include: every,
          exclude: [...otherScripts, ...isolated],
          isolate: false,
          setupFiles: ["test/no-isolation.ts"],
        },
      },
      {
        extends: true,
        test: { name: "isolated", include: isolated, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
