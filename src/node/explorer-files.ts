import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TlogError } from "../errors.ts";
import { messageOf } from "./errno.ts";

/** Where `npm run build` puts the explorer, beside package.json: sources and build find it alike. */
export function explorerFolder(): string {
  return join(
    dirname(createRequire(import.meta.url).resolve("bristlecone/package.json")),
    "dist",
    "explorer",
  );
}

/**
 * The explorer's files by their names, "index.html" and those below "explorer/". They are part of the package.
 * @throws {TlogError} FILE_UNREADABLE when it was not built.
 */
export function readExplorerFiles(folder = explorerFolder()): ReadonlyMap<string, Uint8Array> {
  try {
    const assets = readdirSync(join(folder, "explorer")).sort();
    const files = assets.map((name) => [name, readFileSync(join(folder, "explorer", name))] as const);
    return new Map([["index.html", readFileSync(join(folder, "index.html"))], ...files]);
  } catch (cause) {
    throw new TlogError(
      "FILE_UNREADABLE",
      `the explorer's files: ${messageOf(cause)}; in a clone \`npm run build\` makes them`,
      { cause },
    );
  }
}
