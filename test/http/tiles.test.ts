import { beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { leafHash, nodeHash } from "../../src/merkle/hash.ts";
import { openCheckpoint } from "../../src/tlog/checkpoint.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { entry, openLogOfSize, openTestLog, problemOf, publishEntries, testApp } from "./test-log.ts";

const SIZE = 70_000;
let log: Log;
let app: ReturnType<typeof testApp>;

beforeAll(async () => {
  ({ log, app } = await openLogOfSize(SIZE));
});

async function bytesOf(path: string): Promise<Uint8Array> {
  const response = await app.request(path);
  expect(response.status, path).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

function perfectRoot(hashes: Uint8Array): Uint8Array {
  let level: Uint8Array[] = Array.from({ length: hashes.length / 32 }, (_, index) =>
    hashes.slice(index * 32, index * 32 + 32),
  );
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, index) =>
      nodeHash(level[2 * index]!, level[2 * index + 1]!),
    );
  }
  return level[0]!;
}

describe("GET /checkpoint", () => {
  test("TILE-1 is text/plain in UTF-8 and is revalidated each time", async () => {
    const response = await app.request("/checkpoint");
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("Cache-Control")).toBe("no-cache");
    const body = new Uint8Array(await response.arrayBuffer());
    expect(body).toEqual(log.published().checkpoint);
    expect(response.headers.get("Content-Length")).toBe(String(body.length));
  });

  test("TILE-2 TILE-14 carries a valid Ed25519 signature of the log, under its origin", async () => {
    const signedNote = await bytesOf("/checkpoint");
    const ed25519 = parseVerifierKey(log.vkeys[0]!);
    expect(ed25519.type).toBe(0x01);
    const checkpoint = await openCheckpoint({ signedNote, logKeys: [ed25519] });
    expect(checkpoint).toMatchObject({ origin: log.origin, treeSize: SIZE });
    expect(checkpoint.origin).not.toMatch(/^https?:|\/$/);
  });

  test("has an entity tag that changes with the checkpoint", async () => {
    const small = await openTestLog();
    const before = await testApp(small).request("/checkpoint");
    const etag = before.headers.get("ETag")!;
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const asked = { headers: { "If-None-Match": etag } };
    const unchanged = await testApp(small).request("/checkpoint", asked);
    expect(unchanged.status).toBe(304);
    expect(unchanged.headers.get("ETag")).toBe(etag);
    await publishEntries(small, [entry(0)]);
    expect((await testApp(small).request("/checkpoint", asked)).status).toBe(200);
  });

  test("a new log has a signed checkpoint of size 0", async () => {
    const empty = testApp(await openTestLog());
    const text = await (await empty.request("/checkpoint")).text();
    expect(text.split("\n").slice(1, 3)).toEqual(["0", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]);
  });
});

describe("GET /tile/<L>/<N>", () => {
  test("TILE-3 TILE-11 is an octet stream that caches keep for ever, full or partial", async () => {
    for (const path of ["/tile/0/000", "/tile/0/273.p/112"]) {
      const response = await app.request(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
      expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    }
  });

  test("TILE-3 levels above 63, with leading zeros or signs, and widths outside 1 to 255 are not found", async () => {
    const paths = [
      "64/000",
      "00/000",
      "01/000",
      "-1/000",
      "+0/000",
      "0x0/000",
      "/000",
      "0/000.p/0",
      "0/000.p/256",
    ];
    const more = [
      "0/000.p/01",
      "0/000.p/",
      "0/000.p",
      "0/000.p/1/",
      "0/000.p/1000",
      "0/000.p/-1",
      "0/000.p/1.5",
    ];
    for (const path of [...paths, ...more]) {
      expect(await problemOf(await app.request(`/tile/${path}`)), path).toMatchObject({ status: 404 });
    }
  });

  test("TILE-4 an index has one spelling, others are not found", async () => {
    const wrong = [
      "x000/001",
      "0001",
      "00",
      "0",
      "1",
      "x001/002.p/256",
      "x1/002",
      "001/002",
      "x001/x002",
      "x001",
      "000/",
    ];
    const overflow = [
      "x018/x446/x744/x073/x709/x551/616",
      "x009/x007/x199/x254/x740/x992",
      `${"x999/".repeat(40)}999`,
    ];
    for (const path of [...wrong, ...overflow, "000//", "X001/002", "٠٠٠", "00a"]) {
      expect((await app.request(`/tile/0/${path}`)).status, path).toBe(404);
      expect((await app.request(`/tile/entries/${path}`)).status, path).toBe(404);
    }
    const largest = "x009/x007/x199/x254/x740/991";
    expect(await problemOf(await app.request(`/tile/0/${largest}`))).toEqual({
      status: 404,
      code: "NOT_PUBLISHED",
    });
    expect(await problemOf(await app.request(`/tile/63/${largest}`))).toEqual({
      status: 404,
      code: "NOT_PUBLISHED",
    });
  });

  test("TILE-5 a full tile has 256 hashes, and its root is a hash of the level above", async () => {
    const tile = await bytesOf("/tile/0/007");
    expect(tile.length).toBe(8192);
    expect(tile.slice(32, 64)).toEqual(leafHash(entry(7 * 256 + 1)));
    const above = await bytesOf("/tile/1/000");
    expect(above.length).toBe(8192);
    expect(above.slice(7 * 32, 8 * 32)).toEqual(perfectRoot(tile));
    const top = await bytesOf("/tile/2/000.p/1");
    expect(top).toEqual(perfectRoot(above));
  });

  test("TILE-6 a tree of 70,000 has 273 full tiles and one of 112, then 1 and 17, then 1; nothing wider or beyond", async () => {
    expect((await bytesOf("/tile/0/272")).length).toBe(8192);
    expect((await bytesOf("/tile/0/273.p/112")).length).toBe(112 * 32);
    expect((await bytesOf("/tile/1/000")).length).toBe(8192);
    expect((await bytesOf("/tile/1/001.p/17")).length).toBe(17 * 32);
    expect((await bytesOf("/tile/2/000.p/1")).length).toBe(32);
    for (const path of [
      "0/273",
      "0/273.p/113",
      "0/274.p/1",
      "1/001.p/18",
      "1/001",
      "2/000.p/2",
      "3/000.p/1",
      "63/000",
    ]) {
      expect(await problemOf(await app.request(`/tile/${path}`)), path).toEqual({
        status: 404,
        code: "NOT_PUBLISHED",
      });
    }
  });

  test("TILE-6 a tree of 256 has one full tile and a tile of width 1 above it", async () => {
    const small = await openTestLog();
    await publishEntries(
      small,
      Array.from({ length: 256 }, (_, index) => entry(index)),
    );
    const smallApp = testApp(small);
    expect((await smallApp.request("/tile/0/000")).status).toBe(200);
    expect((await smallApp.request("/tile/1/000.p/1")).status).toBe(200);
    for (const path of ["/tile/0/001.p/1", "/tile/1/000.p/2", "/tile/2/000.p/1"]) {
      expect((await smallApp.request(path)).status, path).toBe(404);
    }
  });

  test("TILE-7 every partial tile that was ever valid is served, also after the full one exists", async () => {
    const full = await bytesOf("/tile/0/000");
    for (let width = 1; width < 256; width++) {
      const partial = await bytesOf(`/tile/0/000.p/${width}`);
      expect(Buffer.compare(partial, full.subarray(0, width * 32)), `width ${width}`).toBe(0);
    }
    expect(await bytesOf("/tile/1/000.p/200")).toEqual((await bytesOf("/tile/1/000")).slice(0, 200 * 32));
  });

  test("TILE-8 what is absent is 404 and nothing else, so that Go clients fall back to the full tile", async () => {
    expect((await app.request("/tile/0/273.p/200")).status).toBe(404);
    expect((await app.request("/tile/0/300.p/200")).status).toBe(404);
  });

  test("TILE-11 a 404 is never stored", async () => {
    for (const path of ["/tile/0/274.p/1", "/tile/0/00", "/tile/entries/274", "/entry/70000", "/nowhere"]) {
      const response = await app.request(path);
      expect(response.status).toBe(404);
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(response.headers.get("ETag")).toBeNull();
    }
  });

  test("TILE-13 a log without a retention policy serves everything from index 0", async () => {
    expect((await app.request("/tile/0/000")).status).toBe(200);
    expect((await app.request("/tile/entries/000")).status).toBe(200);
    expect((await app.request("/entry/0")).status).toBe(200);
  });

  test("answers 304 to its own strong entity tag, of which no two tiles share one", async () => {
    const paths = ["/tile/0/000", "/tile/0/001", "/tile/1/000", "/tile/0/000.p/255", "/tile/entries/000"];
    const etags = await Promise.all(
      paths.map(async (path) => (await app.request(path)).headers.get("ETag")!),
    );
    expect(new Set(etags).size).toBe(paths.length);
    for (const [position, path] of paths.entries()) {
      const response = await app.request(path, {
        headers: { "If-None-Match": `"other", W/${etags[position]}` },
      });
      expect(response.status).toBe(304);
      expect(await response.text()).toBe("");
      expect(response.headers.get("ETag")).toBe(etags[position]);
      expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
      const other = await app.request(path, { headers: { "If-None-Match": etags[(position + 1) % 5]! } });
      expect(other.status).toBe(200);
    }
  });

  test("another log has other entity tags for the same path", async () => {
    const other = await openTestLog();
    await publishEntries(other, [entry(0)]);
    const etag = (await testApp(other).request("/tile/0/000.p/1")).headers.get("ETag");
    expect(etag).not.toBe((await app.request("/tile/0/000.p/1")).headers.get("ETag"));
  });

  test("a tile that does not exist yet is no match for If-None-Match: *", async () => {
    const response = await app.request("/tile/0/300", { headers: { "If-None-Match": "*" } });
    expect(response.status).toBe(404);
  });
});
