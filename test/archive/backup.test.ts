import { appendFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { backUp } from "../../src/archive/backup.ts";
import { formatManifest, parseManifest } from "../../src/archive/manifest.ts";
import { type RestoreOptions, restoreBackup } from "../../src/archive/restore.ts";
import { openGuardFile } from "../../src/server.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { entriesIn, entryText, flipAt, grow, makeLog, never, newFolder, textsUpTo } from "./logs.ts";

function backup(directory: string, to: string, signal = never) {
  return backUp({ directory, to, now: () => new Date(0), signal });
}

async function restore(
  from: string,
  directory: string,
  guardPath: string,
  options: Partial<RestoreOptions> = {},
) {
  const guard = await openGuardFile(guardPath);
  try {
    return await restoreBackup({ from, directory, guard, verify: true, signal: never, ...options });
  } finally {
    await guard.close();
  }
}

describe("backup and restore", () => {
  it("copies a log that is being written, and the copy is one moment of it", async () => {
    const folder = newFolder();
    const [data, saved] = [join(folder, "data"), join(folder, "saved")];
    const log = await grow(data, 2_000);
    let isWriting = true;
    const writing = (async () => {
      for (let size = 2_000; isWriting; size += 1) await log.add(encodeUtf8(entryText(size)));
    })();
    const made = [await backup(data, join(saved, "1")), await backup(data, join(saved, "2"))];
    isWriting = false;
    await writing;
    await log.close();
    for (const [at, { treeSize }] of made.entries()) {
      const again = join(folder, `again-${at}`);
      const { guard } = await restore(join(saved, `${at + 1}`), again, `${data}.guard`);
      expect(treeSize).toBeGreaterThanOrEqual(2_000);
      expect(await entriesIn(again)).toEqual(textsUpTo(treeSize));
      expect(guard).toMatchObject({ fits: false, code: "GUARD_AHEAD" });
    }
  });

  it("puts a log back that goes on with its guard, when nothing was signed since", async () => {
    const folder = newFolder();
    const [data, saved] = [join(folder, "data"), join(folder, "saved")];
    await makeLog(data, 300);
    expect(await backup(data, saved)).toMatchObject({ treeSize: 300, publishedSize: 300 });
    expect((await readdir(saved)).sort()).toEqual(["backup.json", "data.mdb"]);
    await rm(data, { recursive: true });
    expect(await restore(saved, data, `${data}.guard`)).toMatchObject({ guard: { fits: true } });
    await makeLog(data, 301);
    expect(await entriesIn(data)).toEqual(textsUpTo(301));
  });

  it("refuses to back up what is damaged, and leaves nothing", async () => {
    const folder = newFolder();
    const [data, saved] = [join(folder, "data"), join(folder, "saved")];
    await makeLog(data, 300);
    await flipAt(join(data, "data.mdb"), encodeUtf8(entryText(77)));
    const error = await expectCodeAsync(backup(data, saved), "ENTRY_MISMATCH");
    expect(error.message).toContain("entry 77 ");
    expect(await readdir(folder)).not.toContain("saved");
  });

  it("leaves nothing when it is stopped", async () => {
    const folder = newFolder();
    const [data, saved] = [join(folder, "data"), join(folder, "saved")];
    await makeLog(data, 3);
    await mkdir(saved);
    await expectCodeAsync(backup(data, saved, AbortSignal.abort()), "ABORTED");
    expect(await readdir(saved)).toEqual([]);
  });

  it("refuses to restore what changed, what is not whole, and over anything", async () => {
    const folder = newFolder();
    const [data, saved, again] = [join(folder, "data"), join(folder, "saved"), join(folder, "again")];
    await makeLog(data, 3);
    await backup(data, saved);
    await expectCodeAsync(backup(data, saved), "USAGE");
    await expectCodeAsync(restore(saved, data, `${data}.guard`), "USAGE");
    await expectCodeAsync(restore(data, again, `${data}.guard`), "USAGE");
    await appendFile(join(saved, "data.mdb"), "x");
    await expectCodeAsync(restore(saved, again, `${data}.guard`, { verify: false }), "BACKUP_DAMAGED");
    expect(await readdir(folder)).not.toContain("again");
    await writeFile(
      join(saved, "backup.json"),
      (await readFile(join(saved, "backup.json"), "utf8")).slice(5),
    );
    await expectCodeAsync(restore(saved, again, `${data}.guard`), "BACKUP_DAMAGED");
  });

  it("backs up no directory of something else", async () => {
    const folder = newFolder();
    await expectCodeAsync(backup(folder, join(folder, "saved")), "STORE_DIRECTORY_FOREIGN");
  });
});

describe("backup.json", () => {
  const manifest = {
    origin: "example.com/log",
    storeId: "5a".repeat(16),
    treeSize: 7,
    rootHash: new Uint8Array(32).fill(9),
    publishedSize: 5,
    bytes: 8192,
    sha256: "ab".repeat(32),
    madeAt: "1970-01-01T00:00:00.000Z",
  };

  it("reads what it writes", () => {
    expect(parseManifest(encodeUtf8(formatManifest(manifest)))).toEqual(manifest);
    const unpublished = { ...manifest, publishedSize: undefined };
    expect(parseManifest(encodeUtf8(formatManifest(unpublished)))).toEqual(unpublished);
  });

  it.each([
    ["another format", { format: "bristlecone-backup/v2" }],
    ["a size that is none", { treeSize: -1 }],
    ["a root of another length", { rootHash: "AAAA" }],
    ["a hash that is none", { sha256: "x" }],
    ["no origin", { origin: undefined }],
  ])("refuses %s", (_name, change) => {
    const json = JSON.stringify({ ...JSON.parse(formatManifest(manifest)), ...change });
    expectCode(() => parseManifest(encodeUtf8(json)), "BACKUP_DAMAGED");
  });
});
