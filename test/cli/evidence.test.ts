import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

/** One key, two histories of three entries that differ from the second on. */
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
    const at = ["--log", log.url, "--vkey", log.vkey, "--no-memory"];
    for (const size of [1, 2, 3]) {
      writeFileSync(inDirectory(`${side}-${size}.txt`), size === 1 ? "both" : `${side} ${size}`);
      await callCli(["add", inDirectory(`${side}-${size}.txt`), ...at]);
      await callCli(["checkpoint", "--save", inDirectory(`${side}-${size}.checkpoint`), ...at]);
      const receipt = [
        "receipt",
        `${Math.min(size, 2) - 1}`,
        "--out",
        inDirectory(`${side}-${size}.tlog-proof`),
      ];
      expect(await callCli([...receipt, ...at])).toMatchObject({ code: 0 });
    }
  }
});
afterAll(async () => {
  await Promise.all([left.stop(), right.stop()]);
});

const build = (a: string, b: string, more: readonly string[] = []) =>
  callCli(["evidence", "build", inDirectory(a), inDirectory(b), "--log-key", left.vkey, ...more]);

async function verify(evidence: string): Promise<{ convicted: boolean; kind: string; id: string }> {
  const argv = ["evidence", "verify", "-", "--log-key", left.vkey, "--json"];
  const { code, stdout } = await callCli(argv, { stdin: evidence });
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe("evidence build", () => {
  it("takes two checkpoints of one size, in either order, to the same evidence", async () => {
    const [one, other] = [
      await build("left-3.checkpoint", "right-3.checkpoint"),
      await build("right-3.checkpoint", "left-3.checkpoint"),
    ];
    expect([one.code, other.code]).toEqual([0, 0]);
    expect(await verify(one.stdout)).toMatchObject({ convicted: true, kind: "same-size" });
    expect((await verify(one.stdout)).id).toBe((await verify(other.stdout)).id);
  });

  it("asks the log of the larger tree for the proof between two sizes", async () => {
    const sides = ["left-2.checkpoint", "right-3.checkpoint"] as const;
    const { code, stderr } = await build(...sides);
    expect(code).toBe(1);
    expect(stderr).toMatch(/NO EVIDENCE: the sizes differ: want --log URL[\s\S]*\[EVIDENCE_INVALID\]/);
    const { stdout } = await build(...sides, ["--log", right.url]);
    expect(await verify(stdout)).toMatchObject({ kind: "cross-size" });
  });

  it("takes two receipts of one index and their entries, offline", async () => {
    const out = inDirectory("leaf.tlog-evidence");
    const entries = ["--entry", inDirectory("left-2.txt"), "--entry", inDirectory("right-2.txt")];
    const { code, stdout } = await build("left-2.tlog-proof", "right-3.tlog-proof", [
      ...entries,
      "--out",
      out,
    ]);
    expect(code).toBe(0);
    const verdict = await verify(readFileSync(out, "utf8"));
    expect(verdict).toMatchObject({ kind: "leaf" });
    expect(stdout).toContain(verdict.id);
  });

  it.each([
    ["two sizes of one history", "left-2.checkpoint", "left-3.checkpoint", true],
    ["the same checkpoint twice", "left-3.checkpoint", "left-3.checkpoint", false],
    ["the tree both histories share", "left-1.checkpoint", "right-3.checkpoint", true],
  ])("convicts nobody of %s", async (_what, a, b, isAsked) => {
    const log = isAsked ? ["--log", b.startsWith("left") ? left.url : right.url] : [];
    const { code, stdout, stderr } = await build(a, b, log);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("NO EVIDENCE");
  });

  it("wants the key of the accused", async () => {
    const paths = ["left-3.checkpoint", "right-3.checkpoint"].map(inDirectory);
    expect((await callCli(["evidence", "build", ...paths])).code).toBe(2);
  });
});

describe("evidence verify", () => {
  it("says who, what it means and what to do", async () => {
    const { stdout: evidence } = await build("left-3.checkpoint", "right-3.checkpoint");
    const { code, stdout } = await callCli(["evidence", "verify", "-", "--log-key", left.vkey], {
      stdin: evidence,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^CONVICTED\naccused +the log localhost\//);
    expect(stdout).toContain("A log that only appends has one tree of each size.");
    expect(stdout).toContain("Give this file to everybody who relies on the log");
  });

  it.each([
    ["another key", (text: string) => text, "SIGNATURE_MISSING", 1],
    [
      "a changed statement",
      (text: string) => text.replace("kind same-size", "kind cross-size"),
      "EVIDENCE_MALFORMED",
      1,
    ],
    ["something else", () => "hello\n", "EVIDENCE_MALFORMED", 1],
  ])("convicts nobody with %s", async (what, change, errorCode, exitCode) => {
    const { stdout: evidence } = await build("left-3.checkpoint", "right-3.checkpoint");
    const stranger = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";
    const key = what === "another key" ? stranger : left.vkey;
    const argv = ["evidence", "verify", "-", "--log-key", key];
    const { code, stderr } = await callCli(argv, { stdin: change(evidence) });
    expect(code).toBe(exitCode);
    expect(stderr).toMatch(new RegExp(`NOT CONVICTED: .*\\[${errorCode}\\]`));
  });

  it("wants a key", async () => {
    expect((await callCli(["evidence", "verify", "-"], { stdin: "" })).code).toBe(2);
  });
});
