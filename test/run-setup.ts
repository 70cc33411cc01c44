/** Before a whole run: builds once what many tests start as processes of their own, and makes one directory for what they write. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { buildPrograms } from "../src/build-program.ts";

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
  // The sources as they are now: a process that compiles them anew takes three times as long to start.
  await buildPrograms(programs, { entryPoints: ["test/store/child.ts"] });
  project.provide("programs", programs);
  project.provide("scratch", scratch);
  return async () => {
    for (const directory of [programs, scratch]) await rm(directory, { recursive: true, force: true });
  };
}
