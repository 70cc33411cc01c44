import { EventEmitter } from "node:events";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { decodeBundle } from "../../src/tlog/entry-bundle.ts";
import { entry, openTestLog, problemOf, publishEntries, replaced, testApp } from "./test-log.ts";

const SIZE = 300;
let log: Log;
let app: ReturnType<typeof testApp>;

beforeAll(async () => {
  log = await openTestLog();
  app = testApp(log);
  const entries = Array.from({ length: SIZE }, (_, index) => entry(index));
  entries[5] = new Uint8Array();
  await publishEntries(log, entries);
});

function get(path: string, acceptEncoding?: string): Promise<Response> | Response {
  return app.request(path, {
    headers: acceptEncoding === undefined ? {} : { "Accept-Encoding": acceptEncoding },
  });
}

describe("GET /tile/entries/<N>", () => {
  test("TILE-9 is uint16 lengths and bytes, whose hashes are those of the level-0 tile; an empty entry is legal", async () => {
    const response = await get("/tile/entries/000");
    expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
    const entries = decodeBundle(new Uint8Array(await response.arrayBuffer()), 256);
    expect(entries[5]).toEqual(new Uint8Array());
    const tile = new Uint8Array(await (await app.request("/tile/0/000")).arrayBuffer());
    for (const [index, bytes] of entries.entries()) {
      expect(leafHash(bytes)).toEqual(tile.slice(index * 32, index * 32 + 32));
    }
  });

  test("TILE-9 entries of the largest size survive", async () => {
    const big = await openTestLog();
    const bytes = new Uint8Array(65_535).fill(7);
    await publishEntries(big, [bytes]);
    const response = await testApp(big).request("/tile/entries/000.p/1");
    expect(decodeBundle(new Uint8Array(await response.arrayBuffer()), 1)[0]).toEqual(bytes);
  });

  test("TILE-7 TILE-11 partial bundles stay and are immutable; a wider one is not there", async () => {
    for (const width of [1, 44, 200]) {
      const response = await get(`/tile/entries/000.p/${width}`);
      expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
      expect(decodeBundle(new Uint8Array(await response.arrayBuffer()), width).length).toBe(width);
    }
    expect((await get("/tile/entries/001.p/44")).status).toBe(200);
    for (const path of ["/tile/entries/001.p/45", "/tile/entries/001", "/tile/entries/002.p/1"]) {
      expect(await problemOf(await get(path)), path).toEqual({ status: 404, code: "NOT_PUBLISHED" });
    }
  });

  test("TILE-10 is sent with gzip exactly when the client takes it", async () => {
    const plain = new Uint8Array(await (await get("/tile/entries/000")).arrayBuffer());
    for (const accepted of [
      "gzip",
      "gzip, identity",
      "GZip;q=0.5",
      "br, gzip;q=0.1",
      "*",
      "x-gzip",
      "identity;q=0.5, gzip",
    ]) {
      const response = await get("/tile/entries/000", accepted);
      expect(response.headers.get("Content-Encoding"), accepted).toBe("gzip");
      const body = new Uint8Array(await response.arrayBuffer());
      expect(response.headers.get("Content-Length")).toBe(String(body.length));
      expect(new Uint8Array(gunzipSync(body))).toEqual(plain);
    }
    for (const refused of [
      "",
      "identity",
      "br",
      "gzip;q=0",
      "*;q=0",
      "gzip;q=0, *",
      "identity, gzip;q=0.5",
      "gzip;q=0.000",
    ]) {
      const response = await get("/tile/entries/000", refused);
      expect(response.headers.get("Content-Encoding"), refused).toBeNull();
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(plain);
    }
  });

  test("TILE-10 says Vary in both forms, and each form has an entity tag of its own", async () => {
    const plain = await get("/tile/entries/000");
    const zipped = await get("/tile/entries/000", "gzip");
    expect(plain.headers.get("Vary")).toBe("Accept-Encoding");
    expect(zipped.headers.get("Vary")).toBe("Accept-Encoding");
    const tags = [plain.headers.get("ETag")!, zipped.headers.get("ETag")!];
    expect(tags[0]).not.toBe(tags[1]);
    for (const tag of tags) {
      const response = await app.request("/tile/entries/000", {
        headers: { "If-None-Match": tag, "Accept-Encoding": "gzip" },
      });
      expect(response.status).toBe(304);
      expect(response.headers.get("ETag")).toBe(tag);
    }
  });

  test("TILE-10 errors carry no coding and no caching headers of the resource", async () => {
    const response = await get("/tile/entries/777", "gzip");
    expect(response.status).toBe(404);
    for (const name of ["Content-Encoding", "Vary", "ETag"]) expect(response.headers.get(name)).toBeNull();
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect((await problemOf(response)).code).toBe("NOT_PUBLISHED");
  });

  test("goes out as it is when too many are being compressed, or when it is tiny", async () => {
    const busy = testApp(log, { limits: { maxConcurrentGzips: 1 } });
    const asked = { headers: { "Accept-Encoding": "gzip" } };
    const responses = await Promise.all([1, 2, 3].map(() => busy.request("/tile/entries/000", asked)));
    const codings = responses.map((response) => response.headers.get("Content-Encoding"));
    expect(codings.filter((coding) => coding === "gzip").length).toBe(1);
    const tiny = await get("/tile/entries/000.p/1", "gzip");
    expect(tiny.headers.get("Content-Encoding")).toBeNull();
  });

  test("HEAD tells what GET would send", async () => {
    for (const accepted of ["identity", "gzip"]) {
      const asked = { headers: { "Accept-Encoding": accepted } };
      const head = await app.request("/tile/entries/000", { ...asked, method: "HEAD" });
      const body = await app.request("/tile/entries/000", asked);
      expect(Object.fromEntries(head.headers)).toEqual(Object.fromEntries(body.headers));
      expect(await head.text()).toBe("");
    }
  });

  test("is refused before it is read where there is no room for it", async () => {
    let reads = 0;
    const readEntries: Log["readEntries"] = (range) => {
      reads += 1;
      return log.readEntries(range);
    };
    // Two of the first bundle, of some 2,800 bytes, but not three.
    const served = testApp(replaced(log, { readEntries }), { limits: { maxOutgoingBytes: 7000 } });
    const ask = async (outgoing: EventEmitter) =>
      (await served.fetch(new Request("http://127.0.0.1/tile/entries/000"), { outgoing })).status;
    const readers = Array.from({ length: 3 }, () => new EventEmitter());
    const [first = new EventEmitter(), second = first, third = first] = readers;
    expect([await ask(first), await ask(second)]).toEqual([200, 200]);
    expect(await ask(third)).toBe(503);
    expect(reads).toBe(2);
    first.emit("close");
    expect(await ask(third)).toBe(200);
    expect(reads).toBe(3);
  });

  test("that is small is served while large ones leave room for it", async () => {
    const mixed = await openTestLog();
    const large = Array.from({ length: 256 }, (_, at) => new Uint8Array(1000).fill(at));
    await publishEntries(mixed, [...large, ...Array.from({ length: 256 }, (_, at) => entry(at))]);
    const served = testApp(mixed, { limits: { maxOutgoingBytes: 300_000 } });
    const ask = async (path: string) => {
      const outgoing = new EventEmitter();
      return (await served.fetch(new Request(`http://127.0.0.1/tile/entries/${path}`), { outgoing })).status;
    };
    expect([await ask("000"), await ask("000"), await ask("001")]).toEqual([200, 503, 200]);
  });
});
