/** Rust programs of ours that check with other people's crates, each in the folder of its name, compiled for the length of a test. */
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

/** Whether there is cargo, after saying so when there is none. */
export function hasRust(name: RustProgram): boolean {
  const found = !lacks("cargo");
  record({ asked: [name], missing: found ? [] : ["cargo"] });
  return found;
}

/** Compiles it, where cargo finds anything to do. @returns where it is: among the installed programs, as install.sh puts it there. */
export async function buildRustProgram(name: RustProgram): Promise<string> {
  const target = programPath("rust-target");
  const manifest = join(import.meta.dirname, name, "Cargo.toml");
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
