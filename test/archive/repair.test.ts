import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { type RepairOptions, repairLog } from "../../src/archive/repair.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { openGuardFile } from "../../src/server.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";
import {
  entriesIn,
  entryText,
  exportOf,
  filesIn,
  flipAt,
  makeLog,
  never,
  newFolder,
  textsUpTo,
} from "./logs.ts";

async function damagedLog(size: number) {
  const folder = newFolder();
  const places = {
    folder,
    data: join(folder, "data"),
    site: join(folder, "site"),
    out: join(folder, "whole"),
  };
  await makeLog(places.data, size);
  await exportOf(places.data, places.site);
  return places;
}

async function repair(places: { data: string; out: string }, options: Partial<RepairOptions> = {}) {
  const guard = await openGuardFile(`${places.data}.guard`);
  const { verifierKey } = await testSigner();
  try {
    return await repairLog({
      damaged: places.data,
      directory: places.out,
      mirrors: [],
      trust: { logKeys: [verifierKey] },
      guard,
      signal: never,
      ...options,
    });
  } finally {
    await guard.close();
  }
}

describe("repair", () => {
  it("takes from a mirror what is damaged, leaves the damaged directory as it is, and the guard takes the new one", async () => {
    const places = await damagedLog(700);
    const { data, out, site } = places;
    const file = join(data, "data.mdb");
    expect(await flipAt(file, encodeUtf8(entryText(300)))).toBeGreaterThan(0);
    const before = await readFile(file);
    const passed: number[] = [];
    expect(
      await repair(places, {
        mirrors: [openDirectorySource(site)],
        onPassedOver: ({ start, end }) => passed.push(start, end),
      }),
    ).toMatchObject({ treeSize: 700, fetched: 256, guard: "adopted" });
    expect(passed).toEqual([256, 512]);
    expect((await readFile(file)).equals(before)).toBe(true);
    await makeLog(out, 701, { guard: await openGuardFile(`${data}.guard`) });
    expect(await entriesIn(out)).toEqual(textsUpTo(701));
  });

  it("says which entry nobody has, and leaves nothing", async () => {
    const places = await damagedLog(700);
    await flipAt(join(places.data, "data.mdb"), encodeUtf8(entryText(300)));
    const error = await expectCodeAsync(repair(places), "ENTRY_MISMATCH");
    expect(error.message).toContain("entry 300 ");
    expect((await filesIn(places.folder)).filter((name) => name.startsWith("whole"))).toEqual([]);
  });

  it("derives damaged tiles anew from the entries, without any mirror", async () => {
    const places = await damagedLog(700);
    await flipAt(join(places.data, "data.mdb"), leafHash(encodeUtf8(entryText(300))));
    expect(await repair(places)).toMatchObject({ treeSize: 700, fetched: 0 });
    expect(await entriesIn(places.out)).toEqual(textsUpTo(700));
    await exportOf(places.out, join(places.folder, "again"));
  });

  it("fetches what came later, too", async () => {
    const places = await damagedLog(300);
    const { folder, data, site } = places;
    await makeLog(data, 900);
    await exportOf(data, site);
    const older = join(folder, "older");
    await makeLog(older, 300);
    await flipAt(join(older, "data.mdb"), encodeUtf8(entryText(10)));
    const guard = await openGuardFile(`${data}.guard`);
    expect(
      await repair({ data: older, out: places.out }, { guard, mirrors: [openDirectorySource(site)] }),
    ).toMatchObject({ treeSize: 900, guard: "adopted" });
    await guard.close();
  });
});
