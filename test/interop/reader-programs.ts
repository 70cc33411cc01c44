/** Programs of ours that read a log with other people's libraries, compiled for the length of a test. Each prints the same four lines. */
import { copyFile, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasGo } from "./go-programs.ts";
import { record } from "./program-record.ts";
import { type Ended, lacks, programPath, run, runWell } from "./programs.ts";

const SOURCES = import.meta.dirname;

/** Reads the log at the URL, and believes the key. */
export type Read = (url: string, vkey: string) => Promise<Ended>;

export interface ReaderProgram {
  readonly of: string;
  readonly isThere: () => boolean;
  /** Compiles it, where there is something to compile. */
  readonly prepare: () => Promise<Read>;
}

export const READER_PROGRAMS = {
  xMod: goReader("golang.org/x/mod", "go"),
  torchwood: goReader("filippo.io/torchwood", "go-torchwood"),
  rust: {
    of: "signed_note and tlog_tiles in Rust",
    isThere: () => !lacks("cargo"),
    async prepare() {
      const built = programPath("rust-target");
      const manifest = join(SOURCES, "rust-reader", "Cargo.toml");
      const build = ["build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", built];
      // Without the network where that is enough, for it may be slow to say that there is none.
      const { code } = await run("cargo", [...build, "--offline"], { timeoutMs: 250_000 });
      if (code !== 0) await runWell("cargo", build, { timeoutMs: 250_000 });
      await copyFile(join(built, "release", "rust-reader"), programPath("rust-reader"));
      return async (url, vkey) => await run(programPath("rust-reader"), [url, vkey]);
    },
  },
  python: {
    of: "aics-tlog and pymerkle in Python",
    isThere: () => !lacks("python/bin/python"),
    async prepare() {
      const script = join(SOURCES, "python_reader.py");
      return async (url, vkey) => await run(programPath("python/bin/python"), [script, url, vkey]);
    },
  },
} as const satisfies Record<string, ReaderProgram>;

/** @param folder - of a program in Go whose go.mod names the module. */
function goReader(module: string, folder: string): ReaderProgram {
  const sources = join(SOURCES, folder);
  return {
    of: module,
    isThere() {
      const isThere = hasGo();
      if (!isThere) process.stdout.write(`${module}: skipped, there is no go command here\n`);
      return isThere;
    },
    async prepare() {
      const program = join(await mkdtemp(join(tmpdir(), "bristlecone-go-")), "reader");
      await runWell("go", ["build", "-C", sources, "-o", program, "."], { timeoutMs: 300_000 });
      const required = await readFile(join(sources, "go.mod"), "utf8");
      const [, version = "of no version"] = new RegExp(`${module} (\\S+)`).exec(required) ?? [];
      record({ ran: module, version });
      return async (url, vkey) => await run(program, [url, vkey]);
    },
  };
}
