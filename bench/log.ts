import { getPaths, postBatches, postEntries } from "./load.ts";
import { compare, type Result } from "./measure.ts";
import { type BenchServer, startLog, startPlainHttp } from "./servers.ts";

/** What the server does, over HTTP on loopback, against node:http doing nothing. */
export async function benchLog(scale: {
  readonly rounds: number;
  readonly seconds: number;
}): Promise<Record<string, readonly Result[]>> {
  const log = await startLog();
  const yardstick = await startPlainHttp();
  try {
    return {
      "append, 256 bytes a post, 64 connections": await append(log, yardstick, scale),
      "append, 1,024 entries a batch, 2 connections (entries)": await appendBatches(log, yardstick, scale),
      "read, 64 connections": await read(log, yardstick, scale),
    };
  } finally {
    await Promise.all([log.stop(), yardstick.stop()]);
  }
}

interface Scale {
  readonly rounds: number;
  readonly seconds: number;
}

function append(
  log: BenchServer,
  yardstick: BenchServer,
  { rounds, seconds }: Scale,
): Promise<readonly Result[]> {
  const options = { connections: 64, seconds };
  return compare(
    [
      { name: "node:http, body read", run: () => postEntries(yardstick.url, options) },
      { name: "POST /add, durable", run: () => postEntries(log.url, options) },
    ],
    rounds,
  );
}

function appendBatches(
  log: BenchServer,
  yardstick: BenchServer,
  { rounds, seconds }: Scale,
): Promise<readonly Result[]> {
  return compare(
    [
      { name: "node:http, body read", run: () => postBatches(yardstick.url, seconds) },
      { name: "POST /add-batch, durable", run: () => postBatches(log.url, seconds) },
    ],
    rounds,
  );
}

async function read(
  log: BenchServer,
  yardstick: BenchServer,
  { rounds, seconds }: Scale,
): Promise<readonly Result[]> {
  const treeSize = Number((await (await fetch(`${log.url}/checkpoint`)).text()).split("\n")[1]);
  const fullTiles = Math.floor(treeSize / 256);
  if (fullTiles === 0) throw new Error(`the log has ${treeSize} entries, too few to read a full tile`);
  const options = { connections: 64, seconds };
  const randomTile = (): string => `/tile/0/${formatIndex(Math.floor(Math.random() * fullTiles))}`;
  const randomProof = (): string =>
    `/proof/inclusion?leafIndex=${Math.floor(Math.random() * treeSize)}&treeSize=${treeSize}`;
  return compare(
    [
      { name: "node:http, constant 8 KiB", run: () => getPaths(yardstick.url, () => "/tile", options) },
      { name: "GET a random full tile", run: () => getPaths(log.url, randomTile, options) },
      { name: "GET a random inclusion proof", run: () => getPaths(log.url, randomProof, options) },
    ],
    rounds,
  );
}

/** c2sp.org/tlog-tiles: groups of three digits, all but the last after an x. */
function formatIndex(index: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  const groups = digits.match(/.{3}/g) ?? [];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}
