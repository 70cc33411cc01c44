import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { listOf, namesAmong, outputFile, parseCommandLine, positive, whole } from "../../bench/options.ts";

const parse = (args: string[]) => {
  const { values } = parseArgs({ args, options: { seconds: { type: "string", default: "5" } } });
  return { seconds: positive("--seconds", values.seconds) };
};

it("tells the usage when it is asked for, whatever else is wrong", () => {
  expect(parseCommandLine(["--nope", "--help"], "usage", parse)).toEqual({
    kind: "tell",
    text: "usage",
    exitCode: 0,
  });
});

it("gives the options, or says what is wrong with them", () => {
  expect(parseCommandLine(["--seconds", "0.5"], "usage", parse)).toEqual({
    kind: "run",
    options: { seconds: 0.5 },
  });
  for (const args of [["--nope"], ["--seconds", "x"], ["--seconds", "0"], ["--seconds="], ["more"]]) {
    expect(parseCommandLine(args, "usage", parse)).toMatchObject({ kind: "tell", exitCode: 2 });
  }
});

it("refuses what is no whole number, also in a list, and names that there are not", () => {
  expect(listOf("--entries", "1, 20", whole)).toEqual([1, 20]);
  for (const text of ["1,,2", "1.5", "-1", "1e300", "x"]) {
    expect(() => listOf("--entries", text, whole)).toThrow("--entries");
  }
  expect(() => namesAmong("--rows", ["a", "c"], ["a", "b"])).toThrow("--rows: no c; there are a, b");
});

it("makes the folder of a file that will be written, and refuses a folder in its place", () => {
  const folder = mkdtempSync(join(tmpdir(), "bristlecone-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(outputFile("--json", join(folder, "new/out.json"))).toBe(join(folder, "new/out.json"));
  expect(existsSync(join(folder, "new"))).toBe(true);
  mkdirSync(join(folder, "taken"));
  expect(() => outputFile("--json", join(folder, "taken"))).toThrow("--json");
});
