/** Go programs of ours that check with other people's libraries, compiled for the length of a test. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { record } from "./program-record.ts";
import { runWell } from "./programs.ts";

/** Other people's libraries, each checked with by a program of ours in the folder of its name. */
export const GO_LIBRARIES = {
  go: "golang.org/x/mod",
  "go-cosigned": "github.com/transparency-dev/formats",
  "go-torchwood": "filippo.io/torchwood",
} as const;

/** Whether there is a go command, after saying so when there is none. @param folders - of the programs that skip then. */
export function hasGo(...folders: readonly (keyof typeof GO_LIBRARIES)[]): boolean {
  const found = canRunGo();
  const libraries = folders.map((folder) => GO_LIBRARIES[folder]);
  record({ asked: libraries, missing: found ? [] : ["go"] });
  if (!found) process.stdout.write(`${libraries.join(", ")}: skipped, there is no go command here\n`);
  return found;
}

function canRunGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Compiles one of these programs. @returns where it is: in a new folder. */
export async function buildGoProgram(folder: keyof typeof GO_LIBRARIES, name = "."): Promise<string> {
  const sources = join(import.meta.dirname, folder);
  const program = join(await mkdtemp(join(tmpdir(), "bristlecone-go-")), "program");
  await runWell("go", ["build", "-C", sources, "-o", program, name], { timeoutMs: 300_000 });
  const library = GO_LIBRARIES[folder];
  const required = (await readFile(join(sources, "go.mod"), "utf8")).split(/\s+/);
  record({ ran: library, version: required[required.indexOf(library) + 1] ?? "of no version" });
  return program;
}

/** A cosignature that Go verified. */
export interface GoCosignature {
  readonly name: string;
  readonly keyId: string;
  readonly timestampSeconds: number;
}

export interface GoCheckpoint {
  readonly treeSize: number;
  readonly cosignatures: readonly GoCosignature[];
}

/**
 * Compiles go-cosigned.
 * @returns opens a checkpoint with the log's key and the cosigners'; throws when Go does not accept it.
 */
export async function goCheckpointOpener(): Promise<
  (note: Uint8Array, logVkey: string, cosignerVkeys: readonly string[]) => Promise<GoCheckpoint>
> {
  const program = await buildGoProgram("go-cosigned");
  return async (note, logVkey, cosignerVkeys) => {
    const printed = await runWell(program, [logVkey, ...cosignerVkeys], { input: note });
    const [size = "", ...lines] = printed.trimEnd().split("\n");
    return {
      treeSize: Number(size.replace("size ", "")),
      cosignatures: lines.map((line) => {
        const [name = "", keyId = "", seconds = ""] = line.split(" ");
        return { name, keyId, timestampSeconds: Number(seconds) };
      }),
    };
  };
}

/** The key ID as it stands in a vkey. */
export function keyIdIn(vkey: string): string {
  return vkey.split("+")[1] ?? "";
}
