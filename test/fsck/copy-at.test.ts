import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { copyAt } from "../../src/fsck/copy-at.ts";
import { expectCodeAsync } from "../expect-code.ts";

it("names a copy the same while it is written to, and never as another, at its place or beside it", async () => {
  const directory = mkdtempSync(join(inject("scratch"), "fsck-copy-"));
  const path = join(directory, "data.mdb");
  await expectCodeAsync(copyAt(path), "FILE_UNREADABLE");
  writeFileSync(path, "entries");
  const name = await copyAt(path);
  writeFileSync(path, "entries and more");
  expect(await copyAt(path)).toBe(name);
  cpSync(path, join(directory, "copy.mdb"));
  expect(await copyAt(join(directory, "copy.mdb"))).not.toBe(name);
  rmSync(path);
  writeFileSync(path, "entries and more"); // often gets the same inode
  expect(await copyAt(path)).not.toBe(name);
});
