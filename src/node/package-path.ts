import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Where a file of the package lies on this disk. @param path - below the package's root, such as "spec/vectors/note.json". */
export function packagePath(path: string): string {
  // The package exports its manifest to itself: sources and build find it alike.
  return join(dirname(createRequire(import.meta.url).resolve("bristlecone/package.json")), path);
}
