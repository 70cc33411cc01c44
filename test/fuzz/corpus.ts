/** Inputs that were worth keeping: one base64 line each, since most are no text. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "./target.ts";

/** @param root - the folder of the package. */
export function corpusPath(root: string, { name }: Pick<Target, "name">): string {
  return join(root, "test/fuzz/corpus", `${name}.txt`);
}

export function readCorpus(root: string, target: Pick<Target, "name">): readonly Uint8Array[] {
  const path = corpusPath(root, target);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => new Uint8Array(Buffer.from(line, "base64")));
}

export function writeCorpus(root: string, target: Pick<Target, "name">, inputs: readonly Uint8Array[]): void {
  const lines = inputs.map((input) => `${Buffer.from(input).toString("base64")}\n`);
  writeFileSync(corpusPath(root, target), [...new Set(lines)].sort().join(""));
}
