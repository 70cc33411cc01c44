import { expect, it } from "vitest";
import { checkTree } from "../fsck/check-tree.ts";
import { testTree } from "../fsck/tree.ts";

it("names what is wrong in a log of more than one slice, in the tiles above them and below", async () => {
  const tree = testTree(65_536 + 2 * 256 + 10);
  tree.flip("tile/2/000.p/1", 0);
  tree.flip("tile/1/000", 32 * 200);
  const { findings } = await checkTree(tree);
  expect(findings.map(({ kind, where, remedy }) => `${kind} ${where} ${remedy}`)).toEqual([
    "tile tile/2/000.p/1: hash 0, from byte 0 on derive",
    "tile tile/1/000: hash 200, from byte 6400 on derive",
  ]);
  tree.changes.clear();
  tree.flip("tile/entries/010", 3);
  tree.flip("tile/entries/258.p/10", 3);
  const { findings: entries } = await checkTree(tree);
  expect(entries.map(({ kind, where }) => `${kind} ${where}`)).toEqual([
    "entry tile/entries/010: entry 2560, bytes 2 to 11",
    "entry tile/entries/258.p/10: entry 66048, bytes 2 to 12",
  ]);
});
