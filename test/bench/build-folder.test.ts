import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { openBuildFolder } from "../../bench/scale/build.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bristlecone-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

it("refuses a folder with something in it that the bench did not make", () => {
  writeFileSync(join(folder, "thesis.txt"), "years of work");
  expect(() => openBuildFolder(folder)).toThrow("not empty");
  expect(readdirSync(folder)).toEqual(["thesis.txt"]);
});

it("refuses another program's bench.json", () => {
  writeFileSync(join(folder, "bench.json"), "{}");
  expect(() => openBuildFolder(folder)).toThrow("not of this bench");
});

it("removes what it made and nothing that came besides", () => {
  const build = openBuildFolder(folder);
  mkdirSync(build.data);
  writeFileSync(join(build.data, "data.mdb"), "");
  writeFileSync(join(folder, "thesis.txt"), "years of work");
  build.remove();
  expect(readdirSync(folder)).toEqual(["thesis.txt"]);
});

it("goes on in a folder that it made, and removes all of it, the log's key and guard too", () => {
  const build = openBuildFolder(folder);
  build.save({ seed: 1, built: 8192 });
  for (const ending of [".key", ".guard"]) writeFileSync(`${build.data}${ending}`, "");
  const again = openBuildFolder(folder);
  expect(again.state()).toEqual({ seed: 1, built: 8192 });
  again.remove();
  expect(existsSync(folder)).toBe(false);
});
