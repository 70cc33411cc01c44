/** What a command writes into is its own, and what it did not make stays. */
import { lstatSync, writeFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { backUp } from "../../src/archive/backup.ts";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { repairLog } from "../../src/archive/repair.ts";
import { type RestoreOptions, restoreBackup } from "../../src/archive/restore.ts";
import type { LogSource } from "../../src/archive/source.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { lockDirectory } from "../../src/store/directory-lock.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";
import { entriesIn, exportOf, flipAt, makeLog, never, newFolder, textsUpTo } from "./logs.ts";

const guard = memoryGuard();

async function places(size: number) {
  const folder = newFolder();
  const at = (name: string) => join(folder, name);
  await makeLog(at("data"), size);
  return { at, data: at("data"), site: at("site"), saved: at("saved"), out: at("out") };
}

function backup(directory: string, to: string, onCopied?: () => void) {
  return backUp({ directory, to, now: () => new Date(0), signal: never, ...(onCopied && { onCopied }) });
}

function restore(from: string, directory: string, options: Partial<RestoreOptions> = {}) {
  return restoreBackup({ from, directory, guard, verify: true, signal: never, ...options });
}

async function repair(data: string, directory: string, mirrors: readonly LogSource[] = []) {
  const trust = { logKeys: [(await testSigner()).verifierKey] };
  return await repairLog({ damaged: data, directory, mirrors, trust, guard, signal: never });
}

describe("the directory that a command fills", () => {
  it("is locked while it is filled: a server, a second restore and a second backup are refused", async () => {
    const { data, saved, out } = await places(3);
    const seen: boolean[] = [];
    const look = (directory: string) => () => seen.push(lstatSync(join(directory, "writer.sock")).isSocket());
    await mkdir(join(saved, ".unfinished-AbC123"), { recursive: true });
    await backup(data, saved, look(saved));
    // What a run that was killed left is gone.
    expect((await readdir(saved)).sort()).toEqual(["backup.json", "data.mdb"]);
    await restore(saved, out, { onVerified: look(out) });
    expect(seen).not.toHaveLength(0);
    expect(seen).not.toContain(false);
    expect(await entriesIn(out)).toEqual(textsUpTo(3));
    const lock = await lockDirectory(`${out}.again`);
    await expectCodeAsync(backup(data, `${out}.again`), "STORE_LOCKED");
    await expectCodeAsync(restore(saved, `${out}.again`), "STORE_LOCKED");
    await lock.release();
  });

  it("never has what another process put there meanwhile replaced or removed", async () => {
    const { data, saved, out } = await places(3);
    await backup(data, saved);
    const onCopied = () => writeFileSync(join(out, "data.mdb"), "mine");
    await expectCodeAsync(restore(saved, out, { onCopied }), "USAGE");
    expect(await readFile(join(out, "data.mdb"), "utf8")).toBe("mine");
    expect(await readdir(out)).toEqual(["data.mdb"]);
  });

  it("keeps all that a failed repair did not make", async () => {
    const { at, data, out } = await places(3);
    await flipAt(join(data, "data.mdb"), new TextEncoder().encode("entry number 1 "));
    await mkdir(join(out, "lost+found"), { recursive: true });
    await expectCodeAsync(repair(data, out), "ENTRY_MISMATCH");
    expect(await readdir(out)).toEqual(["lost+found"]);
    await mkdir(at("home/.ssh"), { recursive: true });
    await expectCodeAsync(repair(data, at("home")), "USAGE");
    expect(await readdir(at("home"))).toEqual([".ssh"]);
  });

  it("is one export's, and keeps a newer checkpoint also where nothing could be locked", async () => {
    const { at, data, site } = await places(3);
    await cp(data, at("older"), { recursive: true });
    await makeLog(data, 5);
    await exportOf(data, at("newer"));
    const meanwhile = (source: LogSource): LogSource => ({
      ...source,
      async readBundle(bundle, signal) {
        await expectCodeAsync(exportOf(data, site), "STORE_LOCKED");
        await cp(join(at("newer"), "checkpoint"), join(site, "checkpoint"));
        return await source.readBundle(bundle, signal);
      },
    });
    await expectCodeAsync(exportOf(at("older"), site, { wrap: meanwhile }), "SIGNED_SIZE_WENT_BACK");
    expect(await readFile(join(site, "checkpoint"), "utf8")).toContain("\n5\n");
    expect(await readdir(site)).not.toContain(".export.sock");
  });
});

describe("a data file that was cut off", () => {
  it("is refused by a backup, and repaired from a mirror", async () => {
    const { data, site, saved, out } = await places(600);
    await exportOf(data, site);
    await truncate(join(data, "data.mdb"), 16_384);
    await rm(join(data, "lock.mdb"), { force: true });
    await expectCodeAsync(backup(data, saved), "STORE_DAMAGED");
    const mirrors = [openDirectorySource(site)];
    expect(await repair(data, out, mirrors)).toMatchObject({ treeSize: 600, fetched: 0 });
    expect(await entriesIn(out)).toEqual(textsUpTo(600));
  });
});
