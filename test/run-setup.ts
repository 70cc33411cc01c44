/** Before a whole run: builds once what many tests start as processes of their own, and makes one directory for what they write. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The directory of the built programs: main.js is the command, child.js is `test/store/child.ts`. */
    readonly programs: string;
    /** A directory that is gone after the run. */
    readonly scratch: string;
  }
}

const ROOT = resolve(import.meta.dirname, "..");

/** @returns what ends the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dist = join(ROOT, "dist");
  await mkdir(dist, { recursive: true });
  // Inside the package, where its dependencies and its own package.json are found; one for each run, as two may go side by side.
  const programs = await mkdtemp(join(dist, "test-"));
  const scratch = await mkdtemp(join(tmpdir(), "bristlecone-run-"));
  await buildPrograms(programs);
  project.provide("programs", programs);
  project.provide("scratch", scratch);
  return async () => {
    for (const directory of [programs, scratch]) await rm(directory, { recursive: true, force: true });
  };
}

/** The sources as they are now, in few files: a process that compiles them anew takes three times as long to start. */
async function buildPrograms(outdir: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    // The worker and the reader are files that the command starts, found beside it.
    entryPoints: [
      "src/cli/main.ts",
      "src/node/ml-dsa-worker.js",
      "src/readers/reader-process.ts",
      "test/store/child.ts",
    ],
    entryNames: "[name]",
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["bristlecone-source"],
    external: ["lmdb"],
    // For the CommonJS among the dependencies.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
  });
}
