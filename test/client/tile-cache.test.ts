import { expect, test } from "vitest";
import { memoryTiles } from "../../client/tile-cache.ts";

const tile = (fill: number) => new Uint8Array(100).fill(fill);

test("drops the tiles not used for the longest time when it is full", async () => {
  const cache = memoryTiles({ maxBytes: 300 });
  for (const index of [0, 1, 2]) await cache.save("log", `tile/0/00${index}`, tile(index));
  await cache.load("log", "tile/0/000");
  await cache.save("log", "tile/0/003", tile(3));
  expect(await cache.load("log", "tile/0/001")).toBeUndefined();
  for (const index of [0, 2, 3]) expect(await cache.load("log", `tile/0/00${index}`)).toEqual(tile(index));
});

test("counts a tile saved twice once", async () => {
  const cache = memoryTiles({ maxBytes: 200 });
  for (const fill of [1, 2, 3]) await cache.save("log", "tile/0/000", tile(fill));
  await cache.save("log", "tile/0/001", tile(4));
  expect(await cache.load("log", "tile/0/000")).toEqual(tile(3));
});

test("keeps the tiles of two logs apart", async () => {
  const cache = memoryTiles();
  await cache.save("a", "tile/0/000", tile(1));
  expect(await cache.load("b", "tile/0/000")).toBeUndefined();
});

test("does not keep a tile larger than the whole cache", async () => {
  const cache = memoryTiles({ maxBytes: 99 });
  await cache.save("log", "tile/0/000", tile(1));
  expect(await cache.load("log", "tile/0/000")).toBeUndefined();
});
