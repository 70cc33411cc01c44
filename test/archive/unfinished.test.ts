import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDirectorySource } from "../../src/archive/directory-source.ts";
import { importLog } from "../../src/archive/import.ts";
import type { LogSource } from "../../src/archive/source.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { exportOf, grow, headOf, makeLog, never, newFolder } from "./logs.ts";

async function importFrom(source: LogSource, directory: string, signal = never) {
  const head = await headOf(source);
  return await importLog({ sources: [source], head, directory, guard: memoryGuard(), signal });
}

/** Has all tiles, and no bundle from `first` on. */
function without(source: LogSource, first: number): LogSource {
  return {
    ...source,
    readBundle: (bundle, signal) =>
      source.readBundle(bundle.index < first ? bundle : { index: 9_999, width: 256 }, signal),
  };
}

describe("an import that did not end", () => {
  it("is signed from by nobody, also where no guard is or it is given up, until it has ended", async () => {
    const folder = newFolder();
    const [data, site, older] = [join(folder, "data"), join(folder, "site"), join(folder, "older")];
    const copy = join(folder, "copy");
    await makeLog(data, 300);
    await exportOf(data, older);
    await makeLog(data, 600);
    await exportOf(data, site);
    await expectCodeAsync(importFrom(without(openDirectorySource(site), 2), copy), "NOT_FOUND");
    await expectCodeAsync(grow(copy, 1), "INCOMPLETE");
    await expectCodeAsync(grow(copy, 1, { recreateGuard: true }), "INCOMPLETE");
    // A place that has less than was signed cannot end it.
    const error = await expectCodeAsync(importFrom(openDirectorySource(older), copy), "INCOMPLETE");
    expect(error.message).toContain("600 entries were signed, and 300 are here");
    await expectCodeAsync(grow(copy, 301, { recreateGuard: true }), "INCOMPLETE");
    expect(await importFrom(openDirectorySource(site), copy)).toMatchObject({ before: 300, treeSize: 600 });
    await makeLog(copy, 601, { recreateGuard: true });
  });
});
