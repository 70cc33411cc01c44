import { describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { entry, openTestLog, problemOf, replaced, testApp } from "./test-log.ts";

function post(
  app: ReturnType<typeof testApp>,
  body: NonNullable<RequestInit["body"]>,
  headers: Record<string, string> = {},
) {
  return app.request("/add", { method: "POST", body, headers });
}

/** A body that comes in pieces, without a length; counts what was taken. */
function endless(pieceBytes: number): { stream: ReadableStream; taken: () => number } {
  let taken = 0;
  const stream = new ReadableStream({
    pull(controller) {
      taken += pieceBytes;
      controller.enqueue(new Uint8Array(pieceBytes));
    },
  });
  return { stream, taken: () => taken };
}

describe("POST /add", () => {
  test("TILE-16 answers 200 with the bare decimal index once the entry is durable", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    for (const index of [0, 1, 2]) {
      const response = await post(app, entry(index));
      expect(response.status).toBe(200);
      expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(await response.text()).toBe(String(index));
      expect(log.integratedSize()).toBe(index + 1);
    }
  });

  test("the same bytes get the same index", async () => {
    const app = testApp(await openTestLog());
    expect(await (await post(app, "twice")).text()).toBe("0");
    expect(await (await post(app, "once")).text()).toBe("1");
    expect(await (await post(app, "twice")).text()).toBe("0");
  });

  test("zero bytes are an entry, with and without a body", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    expect(await (await app.request("/add", { method: "POST" })).text()).toBe("0");
    expect(await (await post(app, "")).text()).toBe("0");
    expect(await (await post(app, new Uint8Array(), { "Content-Length": "0" })).text()).toBe("0");
    // Durable when it is answered; readers see it once it is signed.
    await log.untilPublished(0, { signal: AbortSignal.timeout(5_000) });
    expect(await log.lookup(leafHash(new Uint8Array()))).toBe(0);
  });

  test("any Content-Type is fine, and so is none: never 415", async () => {
    const app = testApp(await openTestLog());
    for (const type of [
      "application/json",
      "multipart/form-data",
      "nonsense",
      "text/plain; charset=x",
      "a/b;",
    ]) {
      expect((await post(app, new Uint8Array([123]), { "Content-Type": type })).status, type).toBe(200);
    }
  });

  test("takes 65,535 bytes and refuses 65,536, with and without Content-Length", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    const declared = { "Content-Length": "65535" };
    expect((await post(app, new Uint8Array(65_535), declared)).status).toBe(200);
    expect((await post(app, new Uint8Array(65_535).fill(1))).status).toBe(200);
    for (const headers of [{}, { "Content-Length": "65536" }]) {
      const response = await post(app, new Uint8Array(65_536), headers);
      expect(await problemOf(response)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    }
    expect(log.integratedSize()).toBe(2);
  });

  test("refuses by Content-Length before it reads, and an endless body at the first byte too many", async () => {
    const app = testApp(await openTestLog());
    const declared = endless(1024);
    const init = { method: "POST", duplex: "half" as const };
    const headers = { "Content-Length": "999999999999" };
    expect((await app.request("/add", { ...init, body: declared.stream, headers })).status).toBe(413);
    expect(declared.taken()).toBeLessThanOrEqual(1024);
    const undeclared = endless(1024);
    expect((await app.request("/add", { ...init, body: undeclared.stream })).status).toBe(413);
    expect(undeclared.taken()).toBeLessThan(70 * 1024);
  });

  test("keeps no piece of a body, however small the pieces are", async () => {
    const log = await openTestLog();
    const piece = new Uint8Array(1);
    let count = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (count === 1000) return controller.close();
          piece[0] = count % 256;
          count += 1;
          controller.enqueue(piece); // The same each time: who keeps it keeps the last byte a thousand times.
        },
      },
      { highWaterMark: 0 },
    );
    const response = await testApp(log).request("/add", { method: "POST", body, duplex: "half" });
    expect(response.status).toBe(200);
    await log.untilPublished(0, { signal: AbortSignal.timeout(10_000) });
    expect(await log.readEntry(0)).toEqual(Uint8Array.from({ length: 1000 }, (_, index) => index % 256));
  });

  test("adds nothing of a body that fails half way or is shorter than it said", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    const broken = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10));
        controller.error(new TypeError("terminated"));
      },
    });
    const responses = [
      await app.request("/add", { method: "POST", body: broken, duplex: "half" }),
      await post(app, "short", { "Content-Length": "6" }),
      await post(app, "long", { "Content-Length": "3" }),
    ];
    for (const response of responses) {
      expect(await problemOf(response)).toEqual({ status: 400, code: "BODY_INCOMPLETE" });
    }
    expect(log.integratedSize()).toBe(0);
  });

  test("refuses a content coding by name, takes identity", async () => {
    const app = testApp(await openTestLog());
    for (const coding of ["gzip", "br", "identity, gzip", ""]) {
      const response = await post(app, "x", { "Content-Encoding": coding });
      expect(await problemOf(response), coding).toEqual({
        status: 400,
        code: "CONTENT_ENCODING_UNSUPPORTED",
      });
    }
    expect((await post(app, "x", { "Content-Encoding": "Identity" })).status).toBe(200);
  });

  test("Accept: application/json gets index, leaf hash and whether it is a duplicate", async () => {
    const app = testApp(await openTestLog());
    for (const [accept, duplicate] of [
      ["application/json", false],
      ["application/json, text/plain, */*", true],
    ] as const) {
      const response = await post(app, "entry", { Accept: accept });
      expect(response.headers.get("Content-Type")).toBe("application/json");
      const hash = encodeHex(leafHash(new TextEncoder().encode("entry")));
      expect(await response.json()).toEqual({ leafIndex: 0, leafHash: hash, duplicate });
    }
  });

  test("a log that pushes back answers 429 or 503 with Retry-After", async () => {
    const log = await openTestLog();
    const outcomes = [
      ["POOL_FULL", 429, "1"],
      ["LOG_CLOSING", 503, "5"],
      ["LOG_READ_ONLY", 503, "30"],
    ] as const;
    for (const [code, status, retryAfter] of outcomes) {
      const add = () => Promise.reject(new TlogError(code, "not now"));
      const response = await post(testApp(replaced(log, { add })), "x");
      expect(response.headers.get("Retry-After")).toBe(retryAfter);
      expect(await problemOf(response)).toEqual({ status, code });
    }
    await log.close();
    expect(await problemOf(await post(testApp(log), "x"))).toEqual({ status: 503, code: "LOG_CLOSING" });
  });

  test("a real pool that is full answers 429", async () => {
    const limits = {
      maxEntryBytes: 65_535,
      maxBatchEntries: 10,
      maxPendingEntries: 10,
      maxPendingBytes: 65_535,
    };
    const app = testApp(await openTestLog({ limits }));
    const responses = await Promise.all(Array.from({ length: 20 }, (_, index) => post(app, entry(index))));
    const statuses = new Set(responses.map(({ status }) => status));
    expect(statuses).toEqual(new Set([200, 429]));
  });
});
