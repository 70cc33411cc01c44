import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openFetcher } from "../../client/fetcher.ts";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { type ImportOptions, importLog } from "../../src/archive/import.ts";
import { openRemoteSource } from "../../src/archive/remote-source.ts";
import type { LogSource } from "../../src/archive/source.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { openGuardFile, serveLog } from "../../src/server.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entriesIn, exportOf, grow, headOf, makeLog, never, newFolder, textsUpTo } from "./logs.ts";

/** A log of `size` entries, and its export. */
async function exported(size: number): Promise<{ folder: string; data: string; site: string }> {
  const folder = newFolder();
  const places = { folder, data: join(folder, "data"), site: join(folder, "site") };
  await makeLog(places.data, size);
  await exportOf(places.data, places.site);
  return places;
}

async function importFrom(source: LogSource, directory: string, options: Partial<ImportOptions> = {}) {
  const head = await headOf(source);
  return await importLog({
    sources: [source],
    head,
    directory,
    guard: memoryGuard(),
    signal: never,
    ...options,
  });
}

describe("import", () => {
  it.each([0, 256, 700])("makes a data directory of a static log of %i entries", async (size) => {
    const { folder, site } = await exported(size);
    const copy = join(folder, "copy");
    expect(await importFrom(openDirectorySource(site), copy)).toEqual({
      before: 0,
      treeSize: size,
      guard: "none",
    });
    expect(await entriesIn(copy)).toEqual(textsUpTo(size));
    expect((await exportOf(copy, join(folder, "again"))).treeSize).toBe(size);
  });

  it("imports a log behind a URL, and the log goes on with its key where the operator says so", async () => {
    const folder = newFolder();
    const copy = join(folder, "copy");
    const log = await grow(join(folder, "data"), 600);
    const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
    const source = openRemoteSource(server.url, openFetcher(server.url));
    expect(await importFrom(source, copy)).toMatchObject({ treeSize: 600 });
    await server.close();
    await log.close();
    // It has signed, as far as the import can know, and there is no guard.
    await expectCodeAsync(grow(copy, 601), "GUARD_MISSING");
    await makeLog(copy, 601, { recreateGuard: true });
    expect(await entriesIn(copy)).toEqual(textsUpTo(601));
  });

  it("goes on after it was stopped, and later adds what came since", async () => {
    const { folder, data, site } = await exported(17_000);
    const copy = join(folder, "copy");
    const stop = new AbortController();
    const source = openDirectorySource(site);
    const written = new Promise<void>((resolve) => {
      stop.signal.addEventListener("abort", () => resolve());
    });
    // The first batch has 64 bundles; what comes later waits until that is written, and then the import is stopped.
    const slow: LogSource = {
      ...source,
      readBundle: async (bundle, signal) => {
        if (bundle.index > 64) await written;
        return await source.readBundle(bundle, signal);
      },
    };
    const onProgress = () => stop.abort();
    await expectCodeAsync(importFrom(slow, copy, { signal: stop.signal, onProgress }), "ABORTED");
    const held = (await entriesIn(copy)).length;
    expect(held).toBeGreaterThan(0);
    expect(await importFrom(openDirectorySource(site), copy)).toMatchObject({
      before: held,
      treeSize: 17_000,
    });
    await makeLog(data, 17_300);
    await exportOf(data, site);
    expect(await importFrom(openDirectorySource(site), copy)).toMatchObject({
      before: 17_000,
      treeSize: 17_300,
    });
    expect(await entriesIn(copy)).toEqual(textsUpTo(17_300));
  });

  it("writes nothing that the signed head does not vouch for", async () => {
    const { folder, site } = await exported(600);
    const source = openDirectorySource(site);
    const wrong = (bundle: number): LogSource => ({
      ...source,
      async readBundle(at, signal) {
        const bytes = await source.readBundle(at, signal);
        if (at.index === bundle) bytes[bytes.length - 1] = 0;
        return bytes;
      },
    });
    expect(
      (await expectCodeAsync(importFrom(wrong(1), join(folder, "a")), "ENTRY_MISMATCH")).message,
    ).toContain("entry 511 ");
    expect(
      (await expectCodeAsync(importFrom(wrong(2), join(folder, "b")), "ENTRY_MISMATCH")).message,
    ).toContain("entry 599 ");
    expect(await entriesIn(join(folder, "b"))).toEqual([]);
    await rm(join(site, "tile/entries/001"));
    await expectCodeAsync(importFrom(source, join(folder, "c")), "NOT_FOUND");
  });

  it("refuses a directory that holds another history", async () => {
    const { folder, site } = await exported(300);
    const forked = await grow(join(folder, "forked"), 0);
    await forked.addBatch([new Uint8Array(1), new Uint8Array(2)]);
    await forked.close();
    await expectCodeAsync(importFrom(openDirectorySource(site), join(folder, "forked")), "ROOT_MISMATCH");
  });
});

describe("import, with the guard of the log", () => {
  it("catches a restored directory up with what was signed since, and the guard takes it: no older copy may sign any more", async () => {
    const { folder, data, site } = await exported(300);
    await cp(data, join(folder, "backup"), { recursive: true });
    await makeLog(data, 400);
    await exportOf(data, site);
    // The disk is lost; what is there is the backup, the guard and the export.
    const restored = join(folder, "restored");
    await cp(join(folder, "backup"), restored, { recursive: true });
    const guard = await openGuardFile(`${data}.guard`);
    await expectCodeAsync(
      grow(restored, 401, { guard: await openGuardFile(`${data}.guard`) }),
      "GUARD_AHEAD",
    );
    expect(await importFrom(openDirectorySource(site), restored, { guard })).toEqual({
      before: 300,
      treeSize: 400,
      guard: "adopted",
    });
    await makeLog(restored, 401, { guard: await openGuardFile(`${data}.guard`) });
    expect(await entriesIn(restored)).toEqual(textsUpTo(401));
    await expectCodeAsync(grow(data, 402), "GUARD_AHEAD");
    await guard.close();
  });

  it("makes a new directory that the guard takes, when nothing but the export is left", async () => {
    const { folder, data, site } = await exported(300);
    const again = join(folder, "again");
    const guard = await openGuardFile(`${data}.guard`);
    expect(await importFrom(openDirectorySource(site), again, { guard })).toMatchObject({ guard: "adopted" });
    await guard.close();
    await makeLog(again, 301, { guard: await openGuardFile(`${data}.guard`) });
    await expectCodeAsync(grow(data, 300), "GUARD_AHEAD");
  });

  it("brings a log's end back, also where no entry is missing, and refuses to go back behind it", async () => {
    const { folder, data, site } = await exported(3);
    const [restored, longer] = [join(folder, "restored"), join(folder, "longer")];
    for (const copy of [restored, longer]) await cp(data, copy, { recursive: true });
    const freeze = { atSeconds: 1_795_320_000, successor: undefined };
    await makeLog(data, 3, { freeze });
    await exportOf(data, site);
    const source = openDirectorySource(site);
    const guard = await openGuardFile(`${data}.guard`);
    await importFrom(source, restored, { guard });
    await guard.close();
    const log = await grow(restored, 3, { guard: await openGuardFile(`${data}.guard`) });
    expect(log.end).toMatchObject({ treeSize: 3, atSeconds: freeze.atSeconds });
    await log.close();
    await makeLog(longer, 4, { recreateGuard: true });
    await expectCodeAsync(importFrom(source, longer), "LOG_CONTRADICTED");
  });

  it("refuses a mirror that lacks what was signed, and says by how much", async () => {
    const { folder, data, site } = await exported(300);
    await makeLog(data, 350);
    const guard = await openGuardFile(`${data}.guard`);
    const again = join(folder, "again");
    const error = await expectCodeAsync(
      importFrom(openDirectorySource(site), again, { guard }),
      "GUARD_AHEAD",
    );
    expect(error.message).toContain("50 are missing");
    await guard.close();
  });
});
