/** Builds and sets up `disk-shim.c`. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

const SOURCE = fileURLToPath(new URL("./disk-shim.c", import.meta.url));

/** Compiles the library to be preloaded. @returns undefined, with a notice, where that is not possible. */
export function buildDiskShim(): string | undefined {
  const library = join(mkdtempSync(join(inject("scratch"), "shim-")), "disk-shim.so");
  try {
    if (process.platform !== "linux") throw new Error(`no LD_PRELOAD on ${process.platform}`);
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-o", library, SOURCE, "-ldl"], {
      stdio: "pipe",
    });
    return library;
  } catch (error) {
    console.warn(`skipped: watching and failing a disk needs Linux and cc (${String(error)})`);
    return undefined;
  }
}

/** What a process needs in its environment so that the library is in it. */
export function shimmed(library: string, settings: Readonly<Record<string, string>>): Record<string, string> {
  // What went through io_uring would pass the library by.
  return { LD_PRELOAD: library, UV_USE_IO_URING: "0", ...settings };
}

/** The faults of a disk, as the preloaded library reads them. */
export class Faults {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, "rules");
  }

  /** From now on, and instead of what was said before. "sync data.mdb 5" */
  set(...lines: readonly string[]): void {
    writeFileSync(`${this.path}.new`, lines.map((line) => `${line}\n`).join(""));
    renameSync(`${this.path}.new`, this.path);
  }

  clear(): void {
    rmSync(this.path, { force: true });
  }

  /** The calls that were failed so far: "sync /…/data.mdb". */
  hits(): readonly string[] {
    const path = `${this.path}.hit`;
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  }
}
