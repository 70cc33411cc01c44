/** The bytes of requests, one after the other. */
import { formatBundlePath, formatTilePath, TILE_WIDTH } from "../../src/tlog/tile.ts";
import { seededRandom } from "./arrivals.ts";
import { batchBytes, entrySource, writeBatch } from "./entries.ts";
import type { RequestPlan } from "./plan.ts";

export interface RequestSource {
  /** Entries of one request; 1 for reads. */
  readonly operations: number;
  readonly keepsBodies: boolean;
  /**
   * The next request, head and body.
   * @param scratch - may be written to and returned as a view: of a connection whose request before is answered.
   */
  next(scratch: Buffer): Buffer;
  /** Whether an answer is what was asked for. */
  isSuccess(status: number, body: Buffer): boolean;
}

/** Enough for a request of any kind but batches. */
export const SCRATCH_BYTES = 80 * 1024;

export function requestSource(
  plan: RequestPlan,
  run: { readonly seed: number; readonly host: string },
): RequestSource {
  switch (plan.kind) {
    case "add":
      return adding(run, { plan, headers: "" });
    case "add-receipt":
      return {
        ...adding(run, {
          plan,
          headers: `Accept: text/x.tlog.proof\r\nPrefer: wait=${plan.waitSeconds}\r\n`,
        }),
        keepsBodies: true,
        // 202: the wait ran out, and there is no receipt.
        isSuccess: (status, body) =>
          status === 200 && body.toString("latin1", 0, 23) === "c2sp.org/tlog-proof@v1\n",
      };
    case "add-batch":
      return addingBatches(run, plan);
    case "get":
      return reading(run, plan);
  }
}

interface Run {
  readonly seed: number;
  readonly host: string;
}

const isOk = (status: number): boolean => status === 200;

function adding(
  { seed, host }: Run,
  {
    plan,
    headers,
  }: { readonly plan: Extract<RequestPlan, { kind: "add" | "add-receipt" }>; readonly headers: string },
): RequestSource {
  const source = entrySource(seed, plan.entries);
  const heads = new Map<number, Buffer>();
  const headOf = (length: number): Buffer => {
    const known = heads.get(length);
    if (known !== undefined) return known;
    const head = Buffer.from(
      `POST /add HTTP/1.1\r\nHost: ${host}\r\n${headers}Content-Length: ${length}\r\n\r\n`,
    );
    heads.set(length, head);
    return head;
  };
  return {
    operations: 1,
    keepsBodies: false,
    isSuccess: isOk,
    next(scratch) {
      const number = source.next();
      const size = source.sizeOf(number);
      const head = headOf(size);
      head.copy(scratch, 0);
      source.writeInto(number, scratch, head.length);
      return scratch.subarray(0, head.length + size);
    },
  };
}

function addingBatches(
  { seed, host }: Run,
  { entries, batchEntries }: Extract<RequestPlan, { kind: "add-batch" }>,
): RequestSource {
  const source = entrySource(seed, entries);
  return {
    operations: batchEntries,
    keepsBodies: false,
    isSuccess: isOk,
    next() {
      const numbers = Array.from({ length: batchEntries }, () => source.next());
      const length = batchBytes(source, numbers);
      const head = Buffer.from(
        `POST /add-batch HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${length}\r\n\r\n`,
      );
      const bytes = Buffer.allocUnsafe(head.length + length);
      head.copy(bytes, 0);
      writeBatch(source, numbers, bytes, head.length);
      return bytes;
    },
  };
}

function reading(
  { seed, host }: Run,
  { what, treeSize }: Extract<RequestPlan, { kind: "get" }>,
): RequestSource {
  const random = seededRandom(seed);
  const below = (end: number): number => Math.floor(random() * end);
  const fullTiles = Math.floor(treeSize / TILE_WIDTH);
  const fullTile = () => ({ level: 0, index: below(fullTiles), width: TILE_WIDTH });
  if (treeSize < 1 && what !== "checkpoint")
    throw new RangeError(`want a tree that is not empty, got ${treeSize}`);
  if (fullTiles < 1 && (what === "tile" || what === "bundle")) {
    throw new RangeError(`want at least 256 entries to read full tiles, got ${treeSize}`);
  }
  const paths = {
    tile: () => `/${formatTilePath(fullTile())}`,
    bundle: () => `/${formatBundlePath(fullTile())}`,
    "inclusion-proof": () => `/proof/inclusion?leafIndex=${below(treeSize)}&treeSize=${treeSize}`,
    receipt: () => `/receipt/${below(treeSize)}`,
    entry: () => `/entry/${below(treeSize)}`,
    checkpoint: () => "/checkpoint",
  };
  const nextPath = paths[what];
  return {
    operations: 1,
    keepsBodies: false,
    isSuccess: isOk,
    next(scratch) {
      const length = scratch.write(`GET ${nextPath()} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 0, "latin1");
      return scratch.subarray(0, length);
    },
  };
}
