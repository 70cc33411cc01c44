/** Whether one tile and one bundle come as they are stored, also when they come compressed. */
import { gunzipSync } from "node:zlib";
import { TlogError } from "../errors.ts";
import type { LogReader } from "../store/store.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import { formatBundlePath, formatTilePath, TILE_WIDTH } from "../tlog/tile.ts";
import { fail, type Outcome, ok, type Sheet, skipped } from "./check.ts";
import type { StoreSight } from "./store-sight.ts";
import type { Visits } from "./visits.ts";

export interface BytesLook {
  readonly url: string;
  readonly sight: StoreSight | undefined;
  /** Of a head that is served. */
  readonly treeSize: number;
}

/** A bundle of the largest entries. */
const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + 65_535);

export async function lookAtServedBytes(sheet: Sheet, visits: Visits, look: BytesLook): Promise<void> {
  const { url, sight, treeSize } = look;
  const reader = sight?.reader;
  // The last full one, which caches may hold; else the one that still grows.
  const isFull = treeSize >= TILE_WIDTH;
  const index = isFull ? Math.floor(treeSize / TILE_WIDTH) - 1 : 0;
  const width = isFull ? TILE_WIDTH : Math.max(1, treeSize); // of no leaves there is no path
  const place = { index, width };
  await sheet.look({
    check: "public-tile",
    of: url,
    see: () =>
      compare(visits, url, formatTilePath({ level: 0, ...place }), reader, treeSize, () =>
        reader?.readTile({ level: 0, ...place }),
      ),
  });
  const start = index * TILE_WIDTH;
  await sheet.look({
    check: "public-bundle",
    of: url,
    see: () =>
      compare(visits, url, formatBundlePath(place), reader, treeSize, () =>
        reader?.readEntries({ start, end: start + width }),
      ),
  });
}

async function compare(
  visits: Visits,
  url: string,
  path: string,
  reader: LogReader | undefined,
  treeSize: number,
  read: () => Promise<Uint8Array | undefined> | undefined,
): Promise<Outcome> {
  if (treeSize === 0) return skipped("the log is empty");
  if (reader === undefined) return skipped("there is no store to compare it with");
  const { status, headers, body } = await visits.ask(url, {
    method: "GET",
    path,
    headers: { "accept-encoding": "gzip" },
  });
  const advice =
    "see what stands between: a proxy or cache must hand on status, bytes and Content-Encoding as they are";
  if (status !== 200) return fail(`${path} is answered ${status}`, advice);
  const encoding = headers.get("content-encoding") ?? "";
  const served = encoding === "" ? body : encoding === "gzip" ? unzipped(body) : undefined;
  const stored = await read();
  if (stored === undefined) throw new TlogError("NOT_PUBLISHED", `${path} is not in the store`);
  const words = `${path}, ${body.length} bytes${encoding === "" ? "" : ` of ${encoding}`}`;
  if (served === undefined) return fail(`${words}: cannot be decoded`, advice);
  return bytesEqual(served, stored)
    ? ok(`${words}: as it is stored`)
    : fail(`${words}: not what is stored`, advice);
}

function unzipped(body: Uint8Array): Uint8Array | undefined {
  try {
    return new Uint8Array(gunzipSync(body, { maxOutputLength: MAX_BUNDLE_BYTES }));
  } catch {
    return undefined;
  }
}
