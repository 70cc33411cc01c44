/** spec/threats.md names for each threat the test that shows the defence: these tests are there. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const ROWS = readFileSync(join(ROOT, "spec/threats.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| threat "))
  .map((line) => line.slice(2, -2).split(" | "));

/** `test/a.test.ts`: "the name of a test" */
const NAMED = /`(test\/[^`]+)`: "([^"]+)"/g;

describe("each threat", () => {
  it.each(ROWS.map((cells) => [cells[0] ?? "", cells] as const))("%s", (_threat, cells) => {
    expect(cells).toHaveLength(3);
    const named = [...(cells[2] ?? "").matchAll(NAMED)];
    expect(named.length).toBeGreaterThan(0);
    // Nothing beside them: a path without the name of a test shows nothing.
    expect((cells[2] ?? "").replace(NAMED, "").replace(/[; ]/g, "")).toBe("");
    for (const [, file = "", name = ""] of named) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      expect(readFileSync(join(ROOT, file), "utf8"), `${file}: ${name}`).toContain(`"${name}"`);
    }
  });
});
