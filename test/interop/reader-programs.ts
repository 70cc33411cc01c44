/** Programs of ours that read a log with other people's libraries, compiled for the length of a test. Each prints the same four lines. */
import { join } from "node:path";
import { buildGoProgram, GO_LIBRARIES, hasGo } from "./go-programs.ts";
import { type Ended, lacks, programPath, run } from "./programs.ts";
import { buildRustProgram, hasRust } from "./rust-programs.ts";

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
  xMod: goReader("go"),
  torchwood: goReader("go-torchwood"),
  rust: {
    of: "signed_note and tlog_tiles in Rust",
    isThere: () => hasRust("rust-reader"),
    async prepare() {
      const program = await buildRustProgram("rust-reader");
      return async (url, vkey) => await run(program, [url, vkey]);
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

/** @param folder - of a program in Go. */
function goReader(folder: keyof typeof GO_LIBRARIES): ReaderProgram {
  return {
    of: GO_LIBRARIES[folder],
    isThere: () => hasGo(folder),
    async prepare() {
      const program = await buildGoProgram(folder);
      return async (url, vkey) => await run(program, [url, vkey]);
    },
  };
}
