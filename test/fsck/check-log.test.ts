import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { announcing } from "../../src/fsck/source.ts";
import { type CheckState, formatState, parseState } from "../../src/fsck/state.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { concatBytes, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { checkTree } from "./check-tree.ts";
import { testTree } from "./tree.ts";

/** Two slices, the second with two full tiles and a partial one. More of it: `test/flips/slices.test.ts`. */
const SIZE = 65_536 + 2 * 256 + 10;

describe("a check of a log", () => {
  it.each([0, 1, 255, 256, 257, 1000])("finds nothing in a sound log of %d entries", async (size) => {
    const tree = testTree(size);
    const report = await checkTree(tree);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ treeSize: size, rootHash: tree.rootHash, more: 0 });
  });

  it("names the entry whose bytes changed, and where they lie", async () => {
    const tree = testTree(1000);
    tree.flip("tile/entries/001", 2 + 9 + 2 + 3); // the second entry, behind "entry 256"
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      {
        kind: "entry",
        where: "tile/entries/001: entry 257, bytes 13 to 21",
        cause: "corruption",
        remedy: "copy",
        leafIndex: 257,
      },
    ]);
  });

  it("names a length that changed, and finds the entries behind it", async () => {
    const tree = testTree(1000);
    tree.flip("tile/entries/001", 12); // the length of entry 257
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      { kind: "bundle", where: "tile/entries/001: entry 257, bytes 11 and 12", remedy: "derive" },
    ]);
  });

  it("names the byte of a hash of a leaf that changed", async () => {
    const tree = testTree(1000);
    tree.flip("tile/0/002", 5 * 32 + 7);
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      {
        kind: "tile",
        where: "tile/0/002: hash 5, from byte 167 on",
        cause: "corruption",
        remedy: "derive",
        leafIndex: 517,
      },
    ]);
  });

  it("tells an entry from a hash of one tile that both changed", async () => {
    const tree = testTree(1000);
    tree.flip("tile/0/002", 5 * 32);
    tree.flip("tile/entries/002", 3);
    const { findings } = await checkTree(tree);
    expect(findings.map(({ kind, leafIndex }) => [kind, leafIndex])).toEqual([
      ["entry", 512],
      ["tile", 517],
    ]);
  });

  it("finds what changed on the right edge", async () => {
    const tree = testTree(1000);
    tree.flip("tile/0/003.p/232", 100);
    tree.flip("tile/1/000.p/3", 64);
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      { kind: "tile", where: "tile/1/000.p/3: hash 2, from byte 64 on", remedy: "derive" },
      { kind: "tile", where: "tile/0/003.p/232: hash 3, from byte 100 on", remedy: "derive" },
    ]);
  });

  it("names tiles and bundles that are missing", async () => {
    const tree = testTree(1000);
    tree.changes.set("tile/0/001", undefined);
    tree.changes.set("tile/entries/002", undefined);
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      { kind: "tile", where: "tile/0/001", detail: "it is missing", remedy: "derive" },
      {
        kind: "bundle",
        where: "tile/entries/002: entries 512 to 767",
        detail: "it is missing",
        remedy: "copy",
      },
    ]);
  });

  it("tells an entry that was changed together with its hash: the tree above is the signed one", async () => {
    const tree = testTree(1000);
    const forged = encodeUtf8("forged 300");
    const bundle = Array.from({ length: 256 }, (_, at) => (at === 44 ? forged : tree.entry(256 + at)));
    tree.changes.set(
      "tile/entries/001",
      concatBytes(...bundle.map((entry) => concatBytes(Uint8Array.of(0, entry.length), entry))),
    );
    const tile = tree.at("tile/0/001");
    tile.set(leafHash(forged), 44 * 32);
    tree.changes.set("tile/0/001", tile);
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([{ kind: "history", where: "entries 256 to 511", cause: "tampering" }]);
  });

  it("tells a log that was written anew from one that was signed", async () => {
    const forged = testTree(1000, (index) => encodeUtf8(index === 300 ? "forged" : `entry ${index}`));
    const { findings } = await checkTree(forged, { signed: testTree(1000) });
    expect(findings).toMatchObject([{ kind: "history", where: "entries 0 to 999", cause: "tampering" }]);
  });

  it("names inner nodes that changed", async () => {
    const tree = testTree(1000);
    tree.flip("inner/2", 40);
    const { findings } = await checkTree(tree);
    expect(findings).toMatchObject([
      { kind: "inner-nodes", where: "inner nodes of tile/0/002", remedy: "derive", leafIndex: 512 },
    ]);
  });

  it("lists no more than it is told to, and counts the rest", async () => {
    const tree = testTree(1000);
    for (let leaf = 0; leaf < 5; leaf++) tree.flip("tile/0/001", leaf * 32);
    const report = await checkTree(tree, { maxFindings: 2 });
    expect(report.findings).toHaveLength(2);
    expect(report.more).toBe(3);
  });

  it("goes on without what ended a process, and says what that was", async () => {
    const tree = testTree(1000);
    const announced: string[] = [];
    const source = announcing(tree.source, async (name) => {
      announced.push(name);
      if (name === "tile/entries/001")
        throw new TlogError("STORE_DAMAGED", "reading it ended the process (SIGBUS)");
    });
    const { findings } = await checkTree({ ...tree, source });
    expect(findings).toMatchObject([
      {
        kind: "bundle",
        where: "tile/entries/001: entries 256 to 511",
        detail: "reading it ended the process (SIGBUS)",
        remedy: "copy",
      },
    ]);
    expect(announced).toContain("tile/0/001");
    expect(announced).toContain("inner nodes of tile/0/001");
  });

  it("goes on with what was sound in this copy, says so, and reads the rest again", async () => {
    const tree = testTree(SIZE);
    let last: CheckState | undefined;
    const onState = (state: CheckState): void => {
      last = state;
    };
    expect(await checkTree(tree, { onState })).toMatchObject({ findings: [], notes: [] });
    const resume = last && parseState(formatState(last), "state");
    tree.flip("tile/entries/258.p/10", 3);
    const resumed = await checkTree(tree, { resume });
    expect(resumed.findings).toMatchObject([
      { kind: "entry", where: "tile/entries/258.p/10: entry 66048, bytes 2 to 12" },
    ]);
    expect(resumed.notes).toEqual([expect.stringMatching(/^65536 entries .* checked by an earlier run/)]);
    await expectCodeAsync(checkTree(tree, { resume, copy: "a copy" }), "CONFIG_INVALID");
  });
});
