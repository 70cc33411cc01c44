import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { replaceDurably } from "../../src/node/replace-durably.ts";

describe("replaceDurably", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "bristlecone-replace-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it("replaces the bytes and the mode, and leaves nothing else behind", async () => {
    const path = join(folder, "kept");
    await replaceDurably(path, "old", { mode: 0o644 });
    await replaceDurably(path, Uint8Array.of(110, 101, 119), { mode: 0o600 });
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode % 0o1000).toBe(0o600);
    expect(await readdir(folder)).toEqual(["kept"]);
  });

  it("leaves no temporary file when it fails", async () => {
    await replaceDurably(join(folder, "file"), "", { mode: 0o600 });
    const path = join(folder, "directory");
    await mkdir(path);
    await expect(replaceDurably(path, "x", { mode: 0o600 })).rejects.toMatchObject({ code: "EISDIR" });
    expect((await readdir(folder)).sort()).toEqual(["directory", "file"]);
  });
});
