import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSmallFile, replaceFile } from "../../src/cli/files.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

describe("saving a file", () => {
  it("makes it, or replaces it as a whole and keeps who may read it", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "file");
    await replaceFile(path, "first, and longer");
    chmodSync(path, 0o600);
    await replaceFile(path, "second");
    expect(readFileSync(path, "utf8")).toBe("second");
    expect(statSync(path).mode % 0o1000).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("writes through a link instead of replacing it, also one whose file is not there yet", async () => {
    const directory = temporaryDirectory();
    const [file, link] = [join(directory, "file"), join(directory, "link")];
    symlinkSync("file", link);
    for (const text of ["first, and longer", "second"]) {
      await replaceFile(link, text);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(readFileSync(file, "utf8")).toBe(text);
    }
    expect(readdirSync(directory)).toEqual(["file", "link"]);
  });

  it("writes into a pipe", async () => {
    const pipe = join(temporaryDirectory(), "pipe");
    execFileSync("mkfifo", [pipe]);
    const [read] = await Promise.all([readFile(pipe, "utf8"), replaceFile(pipe, "through")]);
    expect(read).toBe("through");
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  it("refuses a directory, and a folder that is not there, and leaves nothing behind", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "folder"));
    await expectCodeAsync(replaceFile(join(directory, "folder"), "x"), "FILE_UNWRITABLE");
    await expectCodeAsync(replaceFile(join(directory, "nowhere/file"), "x"), "FILE_UNWRITABLE");
    expect(readdirSync(directory)).toEqual(["folder"]);
  });
});

describe("reading a small file", () => {
  const path = join(temporaryDirectory(), "large");
  writeFileSync(path, "x".repeat(300 * 1024));

  it("stops at the limit, with the code of what was wanted", async () => {
    await expectCodeAsync(readSmallFile(path, { maxBytes: 9 }), "FILE_UNREADABLE");
    await expectCodeAsync(readSmallFile(path, { maxBytes: 9, tooLarge: "NOTE_MALFORMED" }), "NOTE_MALFORMED");
  });

  it("takes evidence that is too large for evidence that proves nothing", async () => {
    const hash = "00".repeat(32);
    const vkey = "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB";
    const verified = await callCli(["verify", path, "--leaf-hash", hash, "--vkey", vkey]);
    expect(verified).toMatchObject({ code: 1, stderr: expect.stringContaining("[RECEIPT_MALFORMED]") });
    const compared = await callCli(["consistency", path, "--vkey", vkey, "--log", "http://127.0.0.1:9"]);
    expect(compared).toMatchObject({ code: 1, stderr: expect.stringContaining("[NOTE_MALFORMED]") });
    const entry = await callCli(["verify", "-", "--entry", path, "--vkey", vkey]);
    expect(entry).toMatchObject({ code: 2, stderr: expect.stringContaining("[ENTRY_TOO_LARGE]") });
  });
});
