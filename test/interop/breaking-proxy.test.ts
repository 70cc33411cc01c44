import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Breakage,
  CONSISTENCY_HASH,
  ENTRY_BYTE,
  PARTIAL_TILE_BYTE,
  RECEIPT_HASH,
  RECEIPT_INDEX,
  SIGNATURE_BYTE,
  TILE_BYTE,
} from "./breaking-proxy.ts";
import { type ReaderLog, startReaderLog } from "./reader-log.ts";

const SIZE = 4_000;

let log: ReaderLog;

beforeAll(async () => {
  log = await startReaderLog(SIZE);
});

afterAll(async () => {
  await log.stop();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

/** As it comes, not unpacked; without the headers that belong to one connection or one moment. */
async function get(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { headers, method }, resolve).on("error", reject).end();
  });
  const { date, connection, "keep-alive": keepAlive, ...rest } = answer.headers;
  return { status: answer.statusCode, headers: rest, body: Uint8Array.from(await buffer(answer)) };
}

describe("the breaking proxy", () => {
  it.each<[string, Breakage]>([
    ["/tile/0/003", TILE_BYTE],
    ["/tile/0/015.p/160", PARTIAL_TILE_BYTE],
    ["/tile/entries/007", ENTRY_BYTE],
    ["/checkpoint", SIGNATURE_BYTE],
    ["/receipt/17", RECEIPT_HASH],
    ["/receipt/3501", RECEIPT_INDEX],
    [`/proof/consistency?from=300&to=${SIZE}`, CONSISTENCY_HASH],
  ])("changes one byte of %s, and nothing else of it", async (path, breakage) => {
    log.proxy.breakFromNow(breakage);
    const direct = await get(`${log.url}${path}`);
    const changed = await get(`${log.proxy.url}${path}`);
    expect(direct.status).toBe(200);
    expect({ ...changed, body: undefined }).toEqual({ ...direct, body: undefined });
    expect(changed.body.length).toBe(direct.body.length);
    expect(changed.body.filter((byte, index) => byte !== direct.body[index]).length).toBe(1);
    expect(log.proxy.changed()).toBe(1);
  });

  it.each(["/checkpoint", "/tile/0/003", "/tile/entries/007", "/tile/0/999", "/nothing", "/receipt/17"])(
    "passes %s as it comes, compressed or not",
    async (path) => {
      log.proxy.breakFromNow({ path: /never/, change: () => new Uint8Array() });
      const id = { "x-request-id": "compared" }; // else each request gets another
      for (const accepted of [{}, { "accept-encoding": "gzip" }]) {
        const headers = { ...accepted, ...id };
        expect(await get(`${log.proxy.url}${path}`, headers)).toEqual(
          await get(`${log.url}${path}`, headers),
        );
      }
      expect(await get(`${log.proxy.url}${path}`, id, "HEAD")).toEqual(
        await get(`${log.url}${path}`, id, "HEAD"),
      );
      expect(log.proxy.changed()).toBe(0);
    },
  );
});
