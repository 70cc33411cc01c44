/** Rust programs of ours that check with other people's crates, each in the folder of its name, compiled for the length of a test. */
import { spawnSync } from "node:child_process";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { record } from "./program-record.ts";
import { lacks, programPath, run, runWell } from "./programs.ts";

/** The crates that each is about. */
const CRATES = {
  "rust-reader": ["signed_note", "tlog_tiles"],
  "rust-sigsum": ["sigsum"],
} as const;

export type RustProgram = keyof typeof CRATES;

/** Whether there is cargo, and it has or gets the crates; says so when not. */
export function hasRust(name: RustProgram): boolean {
  const fetch = ["fetch", "--locked", "--manifest-path", manifestOf(name)];
  const found = !lacks("cargo") && (isDone("cargo", [...fetch, "--offline"]) || isDone("cargo", fetch));
  record({ asked: [name], missing: found ? [] : ["cargo"] });
  if (!found) process.stdout.write(`${name}: skipped, there is no cargo here that gets its crates\n`);
  return found;
}

function isDone(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 120_000 }).status === 0;
}

function manifestOf(name: RustProgram): string {
  return join(import.meta.dirname, name, "Cargo.toml");
}

/** Compiles it, where cargo finds anything to do. @returns where it is: among the installed programs, as install.sh puts it there. */
export async function buildRustProgram(name: RustProgram): Promise<string> {
  const target = programPath("rust-target");
  const manifest = manifestOf(name);
  const build = ["build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target];
  // Without the network where that is enough, for it may be slow to say that there is none.
  const { code } = await run("cargo", [...build, "--offline"], { timeoutMs: 250_000 });
  if (code !== 0) await runWell("cargo", build, { timeoutMs: 250_000 });
  // In one step: another run may be executing it.
  const copy = programPath(`.${name}.${process.pid}`);
  await copyFile(join(target, "release", name), copy);
  await rename(copy, programPath(name));
  const required = (await readFile(manifest, "utf8")).split("\n");
  const crates = CRATES[name].map((crate) => {
    const version = required.find((line) => line.startsWith(`${crate} =`))?.match(/\d[\d.]*/)?.[0];
    return `${crate} ${version ?? "of no version"}`;
  });
  await writeFile(programPath(`${name}.version`), `${crates.join(", ")}\n`);
  return programPath(name);
}
