import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);
export const ROOT = resolve(import.meta.dirname, "../..");

/** The package as npm would publish it, installed in an empty folder. */
export interface PackedInstall {
  readonly folder: string;
  remove(): Promise<void>;
}

/** @param others - packages to install beside it. */
export async function installPacked(others: readonly string[] = []): Promise<PackedInstall> {
  const folder = await mkdtemp(join(tmpdir(), "bristlecone-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: ROOT });
  const [tarball] = await readdir(folder);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const install = [
    "install",
    "--omit=dev",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    `./${tarball}`,
    ...others,
  ];
  await run("npm", install, { cwd: folder });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
