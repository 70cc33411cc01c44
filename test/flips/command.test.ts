import { cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { copyAt } from "../../src/fsck/copy-at.ts";
import { openLmdbReader } from "../../src/store/lmdb.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { formatBundlePath, formatTilePath, tilesAt } from "../../src/tlog/tile.ts";
import { type Result, spawnCli } from "../cli/harness.ts";
import { changeRow, copyOf, flipped, makeLog } from "../fsck/store-log.ts";
import { testSigner } from "../log/harness.ts";

describe("fsck, by its command", () => {
  let sound = "";
  let vkey = "";
  beforeAll(async () => {
    sound = await makeLog(600);
    vkey = formatVerifierKey((await testSigner()).verifierKey);
  });

  const fsck = (...args: string[]): Promise<Result> => spawnCli(["fsck", ...args], { cwd: dirname(sound) });

  it("says of a sound log what was checked, and on what trust", async () => {
    const { code, stdout, stderr } = await fsck(sound, "--vkey", vkey, "--processes", "1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^SOUND {4}the data directory /);
    expect(stdout).toContain("600 entries");
    expect(stdout).toContain(`compared   with the guard ${sound}.guard, of size 600`);
    expect(stdout).toContain(`trusting the log's key ${vkey}`);
  });

  it("lists what is wrong, exits with 1, and leaves nothing to go on from", async () => {
    const copy = copyOf(sound);
    await changeRow(copy, "bundles", "0000000000000000", flipped(30));
    const state = join(dirname(copy), "state");
    const { code, stdout, stderr } = await fsck(copy, "--json", "--processes", "1", "--resume", state);
    expect(existsSync(state)).toBe(false);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ sound: false, findings: [{ kind: "entry", leafIndex: 1 }] });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "DAMAGE_FOUND", exitCode: 1 } });
  });

  it("finds a signature of another key", async () => {
    const other = formatVerifierKey((await testSigner(8)).verifierKey);
    const { code, stdout } = await fsck(sound, "--vkey", other, "--processes", "1");
    expect(code).toBe(1);
    expect(stdout).toContain("[SIGNATURE_MISSING]");
  });

  it("goes on from what an earlier check has done, if it is of this copy", async () => {
    const state = join(mkdtempSync(join(inject("scratch"), "fsck-")), "state");
    const stateOf = (copy: string): string =>
      `{"format":"bristlecone-fsck/v2","subject":"another","copy":"${copy}","treeSize":1,"rootHash":"00","slices":[],"runs":[]}`;
    for (const text of ["{}", stateOf(await copyAt(join(copyOf(sound), "data.mdb")))]) {
      writeFileSync(state, text);
      const { code, stderr } = await fsck(sound, "--resume", state);
      expect([code, stderr]).toEqual([2, expect.stringContaining("[CONFIG_INVALID]")]);
    }
    expect(existsSync(state)).toBe(true);
  });

  it.each([
    ["a directory that is not there", ["/nowhere"], "FILE_UNREADABLE"],
    ["a directory of something else", ["."], "FILE_UNREADABLE"],
    ["no process", ["--processes", "0"], "USAGE"],
    ["a guard that is not there", ["--guard", "/nowhere"], "FILE_UNREADABLE"],
  ])("refuses %s", async (_, args, wanted) => {
    const { code, stderr } = await fsck(...args, ...(args[0] === "--guard" ? [sound] : []));
    expect([code, stderr]).toEqual([2, expect.stringContaining(`[${wanted}]`)]);
  });

  it("checks a static directory, and names the file that is wrong", async () => {
    const directory = await exported(sound);
    expect(await fsck(directory, "--vkey", vkey)).toMatchObject({ code: 0, stderr: "" });
    writeFileSync(join(directory, "tile/0/001"), new Uint8Array(8192));
    const { code, stdout } = await fsck(directory);
    expect(code).toBe(1);
    expect(stdout).toContain("tile/0/001: hash 0, from byte 0 on");
  });
});

/** The log as static files. */
async function exported(data: string): Promise<string> {
  const directory = mkdtempSync(join(inject("scratch"), "fsck-static-"));
  const copy = copyOf(data);
  const reader = await openLmdbReader({ directory: copy });
  const put = (path: string, bytes: Uint8Array | undefined): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes ?? "");
  };
  put("checkpoint", reader.published()?.checkpoint);
  for (const tile of tilesAt(600)) {
    put(formatTilePath(tile), await reader.readTile(tile));
    if (tile.level > 0) continue;
    const start = tile.index * 256;
    put(formatBundlePath(tile), await reader.readEntries({ start, end: start + tile.width }));
  }
  await reader.close();
  cpSync(`${copy}.guard`, join(directory, "guard"));
  return directory;
}
