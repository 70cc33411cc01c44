/**
 * The leaf index against LMDB and LevelDB, one after the other, each in a process of its own:
 *
 *     tsx --conditions=bristlecone-source bench/leaf-index.ts                      all, at 1, 3, 10 and 20 million
 *     tsx --conditions=bristlecone-source bench/leaf-index.ts runs 100000000       one of them
 *
 * A leaf is looked up, absent, and then added, in batches of 4,096. Times are CPU time of the whole process, threads included:
 * wall-clock time says little on a shared machine. LevelDB comes in when `classic-level` lies in BENCH_MODULES/node_modules.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { open } from "lmdb";
import type { TileHashes } from "../src/store/leaf-index/leaf-index.ts";
import { openLeafIndex } from "../src/store/leaf-index/open-leaf-index.ts";

const BATCH = 4096;
const HASH_BYTES = 32;
const LOOKUPS = 409_600;

interface Engine {
  /** Looks up what is absent, then adds it. */
  add(hashes: Uint8Array, from: number): Promise<void>;
  /** @returns how many of the hashes it has. */
  find(hashes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

const ENGINES: Record<string, (directory: string) => Promise<Engine>> = {
  runs: openRuns,
  lmdb: openLmdb,
  level: openLevel,
};

async function openRuns(directory: string, treeSize = 0): Promise<Engine> {
  const index = await openLeafIndex({
    directory,
    storeId: "ab".repeat(16),
    treeSize,
    readHashes,
    readOnly: false,
  });
  return {
    async add(hashes) {
      index.find(hashes);
      await index.ready();
      index.append(hashes);
    },
    find: async (hashes) => index.find(hashes).filter((found) => found !== undefined).length,
    close: () => index.close(),
  };
}

/** As table `leaves` of schema 1. */
async function openLmdb(directory: string): Promise<Engine> {
  const root = open<Uint8Array, Uint8Array>({
    path: directory,
    overlappingSync: false,
    noSubdir: false,
    maxDbs: 2,
  });
  const leaves = root.openDB<Uint8Array, Uint8Array>({
    name: "leaves",
    encoding: "binary",
    keyEncoding: "binary",
  });
  const has = (key: Uint8Array): boolean => leaves.getBinaryFast(key) !== undefined;
  return {
    async add(hashes, from) {
      await root.transaction(() => {
        for (let at = 0; at < hashes.length; at += HASH_BYTES) {
          const key = hashes.subarray(at, at + 8);
          if (has(key)) continue;
          const value = Buffer.alloc(7);
          value.writeUIntBE(from + at / HASH_BYTES, 1, 6);
          void leaves.put(key, value);
        }
      });
      await root.flushed;
    },
    async find(hashes) {
      let found = 0;
      for (let at = 0; at < hashes.length; at += HASH_BYTES) if (has(hashes.subarray(at, at + 8))) found += 1;
      return found;
    },
    close: () => root.close(),
  };
}

interface Level {
  open(): Promise<void>;
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  batch(rows: { type: "put"; key: Uint8Array; value: Uint8Array }[]): Promise<void>;
  close(): Promise<void>;
}

async function openLevel(directory: string): Promise<Engine> {
  const require = createRequire(join(process.env.BENCH_MODULES ?? ".", "package.json"));
  const { ClassicLevel } = require("classic-level") as {
    ClassicLevel: new (path: string, options: object) => Level;
  };
  const level = new ClassicLevel(directory, { keyEncoding: "view", valueEncoding: "view" });
  await level.open();
  const keysOf = (hashes: Uint8Array) =>
    Array.from({ length: hashes.length / HASH_BYTES }, (_, at) =>
      hashes.slice(at * HASH_BYTES, at * HASH_BYTES + 8),
    );
  const countOf = async (hashes: Uint8Array) =>
    (await level.getMany(keysOf(hashes))).filter((value) => value !== undefined).length;
  return {
    async add(hashes, from) {
      await countOf(hashes);
      await level.batch(
        keysOf(hashes).map((key, at) => {
          const value = Buffer.alloc(6);
          value.writeUIntBE(from + at, 0, 6);
          return { type: "put" as const, key, value };
        }),
      );
    },
    find: countOf,
    close: () => level.close(),
  };
}

/** Hashes of leaves [from, from + count), or, with another salt, of what is no leaf. */
function hashesOf(from: number, count: number, salt = 0, level = 0): Uint8Array {
  const bytes = new Uint8Array(count * HASH_BYTES);
  const words = new Uint32Array(bytes.buffer);
  for (let at = 0; at < count; at++) {
    const seed = from + at;
    const high = mix(Math.imul(seed, 0x9e3779b1) ^ mix(Math.floor(seed / 2 ** 32) + salt + 7 * level));
    words[8 * at] = high;
    words[8 * at + 1] = mix(high ^ Math.imul(seed, 0x85ebca77));
    words[8 * at + 2] = seed;
    words[8 * at + 3] = salt;
  }
  return bytes;
}

function mix(word: number): number {
  const once = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  const twice = Math.imul(once ^ (once >>> 15), 0x735a2d97);
  return (twice ^ (twice >>> 15)) >>> 0;
}

function readHashes({ level, start, count }: TileHashes): Uint8Array {
  return hashesOf(start, count, 0, level);
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure(name: string, size: number): Promise<Record<string, number | string>> {
  const directory = mkdtempSync(join(process.env.BENCH_DIRECTORY ?? tmpdir(), "leaf-index-bench-"));
  try {
    const making = cpuOf(() => {
      for (let from = 0; from < 100 * BATCH; from += BATCH) hashesOf(from, BATCH);
    });
    const perHash = (await making) / (100 * BATCH);
    const engine = await (ENGINES[name] as (directory: string) => Promise<Engine>)(directory);
    const checkpoints: number[] = [];
    const adding = await cpuOf(async () => {
      for (let from = 0; from < size; from += BATCH) {
        await engine.add(hashesOf(from, Math.min(BATCH, size - from)), from);
        await nextTurn();
        if (Math.floor((10 * from) / size) > checkpoints.length - 1) checkpoints.push(cpuMicroseconds());
      }
    });
    const lastTenth = ((checkpoints.at(-1) ?? 0) - (checkpoints.at(-2) ?? 0)) / (size / 10) - perHash;
    let found = 0;
    const absent = await cpuOf(async () => {
      for (let from = 0; from < LOOKUPS; from += BATCH) found += await engine.find(hashesOf(from, BATCH, 99));
    });
    let hits = 0;
    const hitting = await cpuOf(async () => {
      const step = Math.floor(size / 20_000);
      for (let at = 0; at < 20_000; at++) hits += await engine.find(hashesOf(at * step, 1));
    });
    const anonymousMb =
      Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
    const buffersMb = process.memoryUsage().arrayBuffers / 1e6;
    await engine.close();
    const bytes = bytesIn(directory);
    let openMs = 0;
    if (name === "runs") {
      openMs = await cpuOf(async () => await (await openRuns(directory, size)).close());
    }
    return {
      engine: name,
      size,
      usPerEntry: round(adding / size - perHash),
      usPerEntryLastTenth: round(lastTenth),
      absentUs: round(absent / LOOKUPS - perHash),
      hitUs: round(hitting / 20_000),
      falselyFound: found,
      hits,
      bytesPerEntry: round(bytes / size),
      anonymousMb: Math.round(anonymousMb),
      buffersMb: Math.round(buffersMb),
      openMs: Math.round(openMs / 1000),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function cpuOf(action: () => unknown): Promise<number> {
  const start = cpuMicroseconds();
  await action();
  return cpuMicroseconds() - start;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

const [name, size] = process.argv.slice(2);
if (name !== undefined && size !== undefined) {
  console.log(JSON.stringify(await measure(name, Number(size))));
} else {
  for (const million of [1, 3, 10, 20]) {
    for (const engine of Object.keys(ENGINES)) {
      const args = [...process.execArgv, fileURLToPath(import.meta.url), engine, String(million * 1_000_000)];
      const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
      console.log(status === 0 ? stdout.trim() : `${engine}: left out`);
    }
  }
}
