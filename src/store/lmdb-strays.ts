/** Rows of a log that should not be there. spec/storage.md, Tables */
import { setImmediate as nextTurn } from "node:timers/promises";
import { concatBytes, encodeHex, readUint64 } from "../tlog/encoding.ts";
import { TILE_WIDTH } from "../tlog/tile.ts";
import { ENTRIES_PER_PART, type LogEnvironment, type LogTables, TILES_PER_GROUP } from "./lmdb-layout.ts";
import { hashesAtLevel } from "./rules.ts";

const KEYS_PER_TURN = 1024;
const META_ROWS = ["store", "writer", "lineage", "head", "signed", "published", "frozen", "keys", "filling"];
const INNER_LEVEL = 0x80;
/** Behind every key. */
const LAST = new Uint8Array(16).fill(0xff);
const FIRST = new Uint8Array(1);

/** Goes through a table, some keys of one snapshot at a time: a writer may be at work. */
export async function* strayKeys(
  env: LogEnvironment,
  name: keyof LogTables,
  treeSize: () => number,
): AsyncGenerator<readonly string[], void, void> {
  const table = env.tables[name];
  for (let start: Uint8Array = FIRST; ; ) {
    env.refresh();
    const size = treeSize();
    const keys = table.keys({ start, end: LAST, limit: KEYS_PER_TURN });
    const strays = keys.filter((key) => !EXPECTED[name](key, size));
    yield strays.map((key) => `${name} ${name === "meta" ? textOf(key) : encodeHex(key)}`);
    const last = keys.at(-1);
    if (last === undefined || keys.length < KEYS_PER_TURN) return;
    start = concatBytes(last, FIRST);
    await nextTurn();
  }
}

const EXPECTED: { readonly [N in keyof LogTables]: (key: Uint8Array, treeSize: number) => boolean } = {
  meta: (key) => META_ROWS.includes(textOf(key)),
  tiles: isTileKey,
  bundles(key, treeSize) {
    const isLong = key.length === 9;
    if (!isLong && key.length !== 8) return false;
    const isPart = !isLong || (key[8] ?? 0) < TILE_WIDTH / ENTRIES_PER_PART;
    return isPart && (indexIn(key, 0) + 1) * TILE_WIDTH <= treeSize;
  },
  tail(key, treeSize) {
    const leafIndex = indexIn(key, 0);
    return key.length === 8 && leafIndex < treeSize && leafIndex >= treeSize - (treeSize % TILE_WIDTH);
  },
};

function isTileKey(key: Uint8Array, treeSize: number): boolean {
  const level = key[0] ?? 0;
  const held = hashesAtLevel(treeSize, level === INNER_LEVEL ? 0 : level);
  // A row of inner nodes of the open tile is left behind when the tile becomes full.
  if (key.length === 1) return level === INNER_LEVEL || held % TILE_WIDTH > 0;
  return key.length === 9 && (indexIn(key, 1) * TILES_PER_GROUP + 1) * TILE_WIDTH <= held;
}

/** Too large for a number: behind every log. */
function indexIn(key: Uint8Array, at: number): number {
  if (key.length < at + 8) return Number.POSITIVE_INFINITY;
  try {
    return readUint64(key, at);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
