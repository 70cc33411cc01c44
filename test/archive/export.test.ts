import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LogSource } from "../../src/archive/source.ts";
import { openLmdbReader } from "../../src/server.ts";
import { formatBundlePath, formatTilePath, tilesAt } from "../../src/tlog/tile.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";
import { entryText, exportOf, filesIn, grow, makeLog, newFolder } from "./logs.ts";

describe("export", () => {
  it.each([0, 256, 700])(
    "writes every tile and bundle of a log of %i entries, and nothing else",
    async (size) => {
      const folder = newFolder();
      const [data, site] = [join(folder, "data"), join(folder, "site")];
      await makeLog(data, size);
      expect(await exportOf(data, site)).toMatchObject({ treeSize: size, before: undefined });
      const tiles = [...tilesAt(size)];
      const bundles = tiles.filter(({ level }) => level === 0);
      const paths = [...tiles.map(formatTilePath), ...bundles.map(formatBundlePath)];
      expect(await filesIn(site)).toEqual(["checkpoint", ...paths].sort());
      const reader = await openLmdbReader({ directory: data });
      for (const tile of tiles) {
        expect(new Uint8Array(await readFile(join(site, formatTilePath(tile))))).toEqual(
          await reader.readTile(tile),
        );
      }
      for (const { index, width } of bundles) {
        const range = { start: index * 256, end: index * 256 + width };
        expect(new Uint8Array(await readFile(join(site, formatBundlePath({ index, width }))))).toEqual(
          await reader.readEntries(range),
        );
      }
      await reader.close();
    },
  );

  it("removes what an export that was killed left half written, and nothing else", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 300);
    await mkdir(join(site, "tile/entries"), { recursive: true });
    const left = "tile/entries/000.0123456789ab.tmp";
    const others = ["tile/entries/note.tmp", "tile/entries/000.0123456789.tmp"];
    for (const name of [left, ...others]) await writeFile(join(site, name), "half");
    await exportOf(data, site);
    const files = await filesIn(site);
    expect(files).not.toContain(left);
    expect(files).toEqual(expect.arrayContaining(others));
  });

  it("adds only what is new, and drops the parts of what is full", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 300);
    await exportOf(data, site);
    const first = await stat(join(site, "tile/entries/000"));
    await makeLog(data, 600);
    // Bundles 1 and 2, their tiles, and tile 0 of level 1 with its two hashes.
    expect(await exportOf(data, site)).toMatchObject({ before: 300, treeSize: 600, files: 5 });
    expect((await stat(join(site, "tile/entries/000"))).mtimeMs).toBe(first.mtimeMs);
    expect(await filesIn(site)).toEqual(
      [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/1",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
      ].sort(),
    );
    expect(await exportOf(data, site)).toMatchObject({ before: 600, files: 0 });
    expect(await exportOf(data, site, { all: true })).toMatchObject({ files: 7 });
  });

  it("never shows a checkpoint of what it could not write: the next export goes on", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 300);
    await exportOf(data, site);
    const shown = await readFile(join(site, "checkpoint"), "utf8");
    await makeLog(data, 900);
    const stop = new AbortController();
    const stopping = (source: LogSource): LogSource => ({
      ...source,
      readBundle(bundle, signal) {
        if (bundle.index === 3) stop.abort();
        return source.readBundle(bundle, signal);
      },
    });
    await expectCodeAsync(exportOf(data, site, { signal: stop.signal, wrap: stopping }), "ABORTED");
    expect(await readFile(join(site, "checkpoint"), "utf8")).toBe(shown);
    expect(await exportOf(data, site)).toMatchObject({ before: 300, treeSize: 900 });
  });

  it("refuses entries and tiles that are not the signed ones, and names them", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 600);
    const other = (source: LogSource): LogSource => ({
      ...source,
      async readBundle(bundle, signal) {
        const bytes = await source.readBundle(bundle, signal);
        if (bundle.index === 1) bytes[5] = 0;
        return bytes;
      },
    });
    const error = await expectCodeAsync(exportOf(data, site, { wrap: other }), "ENTRY_MISMATCH");
    expect(error.message).toContain("entry 256 ");
    const wrongTile = (source: LogSource): LogSource => ({
      ...source,
      async readTile(tile, signal) {
        const bytes = await source.readTile(tile, signal);
        if (tile.level === 1) bytes[0] = 1;
        return bytes;
      },
    });
    await expectCodeAsync(exportOf(data, site, { wrap: wrongTile }), "ROOT_MISMATCH");
    expect(await filesIn(site)).not.toContain("checkpoint");
  });

  it("refuses a directory of something else, of another log, of another history and of a later one", async () => {
    const folder = newFolder();
    const [data, site] = [join(folder, "data"), join(folder, "site")];
    await makeLog(data, 3);
    await mkdir(site);
    await writeFile(join(site, "index.html"), "hello");
    await expectCodeAsync(exportOf(data, site), "USAGE");
    await exportOf(data, join(folder, "own"));
    await makeLog(join(folder, "other"), 5, { signer: await testSigner(7, "example.com/other") });
    await expectCodeAsync(exportOf(join(folder, "other"), join(folder, "own")), "ORIGIN_MISMATCH");
    await makeLog(join(folder, "shorter"), 2);
    await expectCodeAsync(exportOf(join(folder, "shorter"), join(folder, "own")), "SIGNED_SIZE_WENT_BACK");
    const forked = await grow(join(folder, "forked"), 0);
    await forked.addBatch(["a", "b", entryText(2), "d"].map((text) => new TextEncoder().encode(text)));
    await forked.untilPublished(3, { signal: new AbortController().signal });
    await forked.close();
    await expectCodeAsync(exportOf(join(folder, "forked"), join(folder, "own")), "ROOT_MISMATCH");
  });
});
