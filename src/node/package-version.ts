import { createRequire } from "node:module";

/** The version in package.json, which the package exports to itself: sources and build find it alike. */
export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("bristlecone/package.json");
  const hasVersion = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return hasVersion && typeof manifest.version === "string" ? manifest.version : "unknown";
}
