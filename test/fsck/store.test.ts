import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { changeRow, check, copyOf, flipped, makeLog } from "./store-log.ts";

const GROUP = "000000000000000000"; // level 0, group 0
const INNER = "800000000000000000";

describe("a check of a data directory", () => {
  let sound = "";
  beforeAll(async () => {
    sound = await makeLog(800);
  });

  it("finds nothing in a sound one, and compares all that says how large it is", async () => {
    const report = await check(sound);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ treeSize: 800, more: 0, origin: "example.com/test-log" });
    expect(report.heads.map(({ name, treeSize }) => [name, treeSize])).toEqual([
      ["the published checkpoint", 800],
      ["row signed", 800],
      ["row head", 800],
    ]);
  });

  it.each<
    [string, Parameters<typeof changeRow>[1], string, (row: Uint8Array) => Uint8Array | undefined, object]
  >([
    [
      "an entry",
      "bundles",
      "0000000000000000",
      flipped(30),
      { kind: "entry", where: "tile/entries/000: entry 1, bytes 24 to 43" },
    ],
    [
      "an entry of a long bundle",
      "bundles",
      "000000000000000101",
      flipped(2000),
      { kind: "entry", leafIndex: 273 },
    ],
    [
      "an entry of the open bundle",
      "tail",
      "0000000000000310",
      flipped(5),
      { kind: "entry", leafIndex: 784 },
    ],
    [
      "a bundle that is gone",
      "bundles",
      "0000000000000002",
      () => undefined,
      { kind: "bundle", leafIndex: 512 },
    ],
    [
      "a tail row that is gone",
      "tail",
      "0000000000000305",
      () => undefined,
      { kind: "bundle", leafIndex: 768 },
    ],
    [
      "a hash of a full tile",
      "tiles",
      GROUP,
      flipped(8192 + 64),
      { kind: "tile", where: "tile/0/001: hash 2, from byte 64 on", remedy: "derive" },
    ],
    [
      "a hash of the open tile",
      "tiles",
      "00",
      flipped(40),
      { kind: "tile", where: "tile/0/003.p/32: hash 1, from byte 40 on" },
    ],
    [
      "a tile that is too short",
      "tiles",
      GROUP,
      (row) => row.slice(0, -1),
      { kind: "tile", where: "tile/0/000" },
    ],
    [
      "inner nodes",
      "tiles",
      INNER,
      flipped(960 + 70),
      { kind: "inner-nodes", where: "inner nodes of tile/0/001" },
    ],
    ["inner nodes of the open tile", "tiles", "80", flipped(8 + 40), { kind: "inner-nodes", leafIndex: 768 }],
    ["their number", "tiles", "80", flipped(7), { kind: "inner-nodes", leafIndex: 768 }],
    ["zeroes among them", "tiles", "80", flipped(8 + 900), { kind: "inner-nodes", leafIndex: 768 }],
    ["inner nodes that are too short", "tiles", INNER, (row) => row.slice(0, -1), { kind: "inner-nodes" }],
    [
      "row head",
      "meta",
      "68656164",
      flipped(20),
      { kind: "row", detail: "the store is damaged: the checksum of meta row head does not fit" },
    ],
    ["row published", "meta", "7075626c6973686564", flipped(20), { kind: "row" }],
    ["row store", "meta", "73746f7265", flipped(20), { kind: "row" }],
    ["row writer", "meta", "777269746572", flipped(8), { kind: "row" }],
    [
      "an entry that is left over",
      "tail",
      "0000000000000001",
      () => Uint8Array.of(0, 1, 65),
      { kind: "row", where: "row tail 0000000000000001" },
    ],
    [
      "a bundle too many",
      "bundles",
      "0000000000000003",
      () => Uint8Array.of(0),
      { kind: "row", where: "row bundles 0000000000000003" },
    ],
    [
      "a tile too many",
      "tiles",
      "000000000000000001",
      () => Uint8Array.of(0),
      { kind: "row", where: "row tiles 000000000000000001" },
    ],
    [
      "a row that nobody knows",
      "meta",
      "7878",
      () => Uint8Array.of(0),
      { kind: "row", where: "row meta xx" },
    ],
  ])("names %s", async (_, table, key, change, wanted) => {
    const copy = copyOf(sound);
    await changeRow(copy, table, key, change);
    const { findings } = await check(copy);
    expect(findings[0]).toMatchObject(wanted);
  });

  it("names a run of leaves that the tree does not have: it is an older copy", async () => {
    const copy = copyOf(sound);
    mkdirSync(join(copy, "leaf-index"), { recursive: true });
    writeFileSync(join(copy, "leaf-index", "0-524288.run"), "");
    expect((await check(copy)).findings).toMatchObject([{ kind: "store", where: "leaf-index/0-524288.run" }]);
  });

  it("names a run that is none", async () => {
    const copy = copyOf(sound);
    mkdirSync(join(copy, "leaf-index"), { recursive: true });
    writeFileSync(join(copy, "leaf-index", "0-256.run"), "");
    const { findings } = await check(copy);
    expect(findings).toMatchObject([{ kind: "leaf-index", where: "leaf-index/0-256.run", remedy: "derive" }]);
  });

  it("says before it reads it that a file was cut off", async () => {
    const copy = copyOf(sound);
    truncateSync(join(copy, "data.mdb"), 8192);
    // Opening it would end this process.
    const { auditDataFile } = await import("../../src/store/data-file-audit.ts");
    expect(await auditDataFile(copy)).toMatchObject([expect.stringMatching(/^it ends at byte 8192, /)]);
    expect(await auditDataFile(sound)).toEqual([]);
  });
});
