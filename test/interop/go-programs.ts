/** Go programs of ours that check with other people's libraries, compiled for the length of a test. */
import { execFileSync } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runWell } from "./programs.ts";

export function hasGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
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
  const program = join(await mkdtemp(join(tmpdir(), "bristlecone-go-")), "cosigned");
  const sources = join(import.meta.dirname, "go-cosigned");
  await runWell("go", ["build", "-C", sources, "-o", program, "."], { timeoutMs: 300_000 });
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
