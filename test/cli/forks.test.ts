import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

/** One key, two histories: "left" and "right" are the same log to whoever checks signatures only. */
const directory = temporaryDirectory();
const inDirectory = (name: string) => join(directory, name);
let left: ServedHere;
let right: ServedHere;

beforeAll(async () => {
  for (const side of ["left", "right"]) mkdirSync(inDirectory(side));
  left = await serveHere(inDirectory("left"));
  copyFileSync(inDirectory("left/data.key"), inDirectory("right/data.key"));
  right = await serveHere(inDirectory("right"));
  for (const [log, side] of [
    [left, "left"],
    [right, "right"],
  ] as const) {
    for (const size of [1, 2, 3]) {
      const stdin = `${side} ${size}\n`;
      const added = await callCli(["add", "--lines", "-", ...at(log)], { stdin });
      expect(added).toMatchObject({ code: 0, stderr: "" });
      const saved = await callCli(["checkpoint", "--save", inDirectory(`${side}-${size}`), ...at(log)]);
      expect(saved.code).toBe(0);
    }
  }
});
afterAll(async () => {
  await Promise.all([left.stop(), right.stop()]);
});

function at({ url, vkey }: ServedHere): readonly string[] {
  return ["--log", url, "--vkey", vkey, "--no-memory", "--state", inDirectory("state")];
}

describe("consistency", () => {
  const between = (files: readonly string[], log: ServedHere, more: readonly string[] = []) =>
    callCli(["consistency", ...files.map(inDirectory), ...at(log), ...more]);

  it("accuses the head shown now when that is what contradicts two checkpoints that agree", async () => {
    const { code, stderr } = await between(["left-1", "left-2"], right);
    expect(code).toBe(1);
    expect(stderr).toContain("signed size 2 and size 3 of two different histories");
    expect(stderr).toContain("[LOG_FORKED]");
    const { error } = JSON.parse(lastLine((await between(["left-1", "left-2"], right, ["--json"])).stderr));
    expect(error.heads.remembered).toBe(readFileSync(inDirectory("left-2"), "utf8"));
    expect(error.heads.shown).toBe(readFileSync(inDirectory("right-3"), "utf8"));
    expect(error.heads.proof).toHaveLength(1);
  });

  it.each([
    ["the older of two checkpoints", ["left-1", "right-2"], "size 1 and size 2"],
    ["one checkpoint", ["left-1"], "size 1 and size 3"],
    ["two of one size", ["left-2", "right-2"], "size 2 and size 2"],
  ])("accuses %s", async (_what, files, words) => {
    const { code, stderr } = await between(files, right);
    expect(code).toBe(1);
    expect(stderr).toContain(`${words} of two different histories`);
  });
});

describe("the evidence of a fork", () => {
  const seen = (log: ServedHere, more: readonly string[] = []) => {
    const { url, vkey } = log;
    return callCli(["checkpoint", "--log", url, "--vkey", vkey, "--state", inDirectory("kept"), ...more]);
  };

  it("is kept as one file that convicts the log offline, and printed with --json", async () => {
    expect((await seen(left)).code).toBe(0);
    const { code, stderr } = await seen(right);
    expect(code).toBe(1);
    const [file = "", ...more] = readdirSync(inDirectory("kept/forks")).map((name) =>
      inDirectory(`kept/forks/${name}`),
    );
    expect(more).toEqual([]);
    expect(stderr).toContain(`bristlecone evidence verify ${file} --log-key VKEY`);
    const verified = await callCli(["evidence", "verify", file, "--log-key", left.vkey]);
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(verified.stdout).toContain("CONVICTED\n");
    const { error } = JSON.parse(lastLine((await seen(right, ["--json"])).stderr));
    expect(error).toMatchObject({ code: "LOG_FORKED", exitCode: 1, evidence: readFileSync(file, "utf8") });
    const notes = ["left-3", "right-3"].map((name) => readFileSync(inDirectory(name), "utf8"));
    expect([error.heads.remembered, error.heads.shown].sort()).toEqual(notes.sort());
    expect(readdirSync(inDirectory("kept/forks"))).toHaveLength(1);
  });

  it("is no reason to hide the fork when it cannot be kept", async () => {
    writeFileSync(inDirectory("file"), "");
    const argv = ["consistency", inDirectory("left-1"), ...at(right), "--state", inDirectory("file")];
    const { code, stderr } = await callCli(argv);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be written[\s\S]*\[LOG_FORKED\]/);
  });
});

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
