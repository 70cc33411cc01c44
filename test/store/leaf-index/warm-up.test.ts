import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { layoutOf, PAGE_BYTES, RECORDS_PER_PAGE } from "../../../src/store/leaf-index/run-format.ts";
import { warmUp } from "../../../src/store/leaf-index/warm-up.ts";

const PAGES = [300, 1, 20];

describe("warming up runs", () => {
  const directory = mkdtempSync(join(tmpdir(), "warm-up-"));
  const runs = PAGES.map((pages) => {
    const layout = layoutOf(pages * RECORDS_PER_PAGE);
    const path = join(directory, String(pages));
    writeFileSync(path, new Uint8Array(layout.fileBytes));
    return { path, layout };
  });
  const signal = new AbortController().signal;

  it.each([
    ["all of them", 321 * PAGE_BYTES, 321 * PAGE_BYTES],
    ["the smallest ones when there is no room for more", 321 * PAGE_BYTES - 1, 21 * PAGE_BYTES],
    ["none when there is no room", PAGE_BYTES - 1, 0],
  ])("reads the pages of %s", async (_name, maxBytes, wanted) => {
    expect(await warmUp(runs, { maxBytes, signal })).toBe(wanted);
  });

  it("passes over a run that is gone, or shorter than it should be, and ends when it is told to", async () => {
    const [wide, narrow, middle] = runs as [(typeof runs)[0], (typeof runs)[0], (typeof runs)[0]];
    const gone = { ...narrow, path: join(directory, "gone") };
    const short = { ...wide, path: middle.path };
    expect(await warmUp([gone, short], { maxBytes: 2 ** 40, signal })).toBe(
      layoutOf(20 * RECORDS_PER_PAGE).fileBytes - PAGE_BYTES,
    );
    expect(await warmUp(runs, { maxBytes: 2 ** 40, signal: AbortSignal.abort() })).toBe(0);
  });
});
