/** Go programs of ours that check with other people's libraries, compiled for the length of a test. */
import { spawnSync } from "node:child_process";
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

/** Whether these programs can be compiled here, after saying so when they cannot. @param folders - of the programs that skip then. */
export function hasGo(...folders: readonly (keyof typeof GO_LIBRARIES)[]): boolean {
  const missing = folders.filter((folder) => !isCompilable(folder));
  record({ asked: folders.map((folder) => GO_LIBRARIES[folder]), missing: missing.length > 0 ? ["go"] : [] });
  for (const folder of missing) {
    process.stdout.write(
      `${GO_LIBRARIES[folder]}: skipped, there is no go command here that can compile ${folder}\n`,
    );
  }
  return missing.length === 0;
}

/** Whether there is a go command, new enough, that has or gets the modules of a program. */
function isCompilable(folder: keyof typeof GO_LIBRARIES): boolean {
  const list = ["list", "-C", join(import.meta.dirname, folder), "-deps", "./..."];
  return spawnSync("go", list, { stdio: "ignore", timeout: 120_000 }).status === 0;
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
