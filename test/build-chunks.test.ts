import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";

const programs = inject("programs");

/** What is read before a file runs: itself and what it imports, and so on; not what it loads when it is needed. */
function readAtStart(file: string, seen: Set<string> = new Set()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(join(programs, file), "utf8");
  for (const [, next] of text.matchAll(/^(?:import|\} from|import \{[^}]*\} from) "\.\/([\w.-]+\.js)";$/gm)) {
    if (next !== undefined) readAtStart(next, seen);
  }
  return seen;
}

function packagesIn(files: ReadonlySet<string>): readonly string[] {
  const texts = [...files].map((file) => readFileSync(join(programs, file), "utf8"));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/^\/\/ (?:\S*\/)?node_modules\/((?:@[\w-]+\/)?[\w-]+)\//gm)].map(
      ([, name]) => name ?? "",
    ),
  );
  return [...new Set(names)].sort();
}

function chunk(name: string): string {
  return readdirSync(programs).find((file) => file.startsWith(`${name}-`)) ?? name;
}

describe("the built command", () => {
  it("needs nothing but the parser of its arguments for help, version and mistakes", () => {
    expect(packagesIn(readAtStart("main.js"))).toEqual(["commander"]);
  });

  it("reads no server, no store and no schemas for a client's command", () => {
    expect(packagesIn(readAtStart(chunk("client")))).toEqual(["commander"]);
  });

  it("reads all that a server needs in few files", () => {
    const files = readAtStart(chunk("server"));
    expect(packagesIn(files)).toContain("hono");
    expect(files.size).toBeLessThan(16);
  });
});
