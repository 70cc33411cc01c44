import { describe, expect, test } from "vitest";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { entry, openTestLog, problemOf, testApp } from "./test-log.ts";

describe("POST /add-batch", () => {
  const batch = (
    app: ReturnType<typeof testApp>,
    body: NonNullable<RequestInit["body"]>,
    headers: Record<string, string> = {},
  ) => app.request("/add-batch", { method: "POST", body, headers });

  test("appends in order and names the duplicates by position", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    await log.add(entry(3));
    const response = await batch(app, encodeBundle([entry(1), entry(3), new Uint8Array(), entry(1)]));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ leafIndices: [1, 0, 2, 1], duplicates: [1, 3] });
  });

  test("is all or nothing: a malformed end appends nothing", async () => {
    const log = await openTestLog();
    const app = testApp(log);
    const whole = encodeBundle([entry(1), entry(2)]);
    for (const body of [whole.slice(0, -1), Uint8Array.of(...whole, 0), Uint8Array.of(...whole, 255, 255)]) {
      expect(await problemOf(await batch(app, body))).toEqual({ status: 400, code: "BUNDLE_MALFORMED" });
    }
    expect(log.integratedSize()).toBe(0);
  });

  test("refuses more bytes or entries than it takes", async () => {
    const limits = {
      maxEntryBytes: 65_535,
      maxBatchEntries: 2,
      maxPendingEntries: 100,
      maxPendingBytes: 100_000,
    };
    const app = testApp(await openTestLog({ limits }), { limits: { maxBatchBytes: 100 } });
    const long = new Uint8Array(101);
    expect(await problemOf(await batch(app, long))).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    const declared = await batch(app, long, { "Content-Length": "101" });
    expect(await problemOf(declared)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    const three = await batch(app, encodeBundle([entry(1), entry(2), entry(3)]));
    expect(three.status).toBeGreaterThanOrEqual(400);
    expect(three.status).toBeLessThan(500);
    expect((await batch(app, encodeBundle([entry(1), entry(2)]))).status).toBe(200);
  });

  test("an empty batch appends nothing", async () => {
    const response = await batch(testApp(await openTestLog()), new Uint8Array());
    expect(await response.json()).toEqual({ leafIndices: [], duplicates: [] });
  });

  test("bodies together stay within the budget, which is given back after success and failure", async () => {
    const log = await openTestLog();
    const app = testApp(log, { limits: { maxIncomingBytes: 100 } });
    const half = encodeBundle([new Uint8Array(58)]);
    for (let round = 0; round < 3; round++) {
      const responses = await Promise.all([batch(app, half), batch(app, half)]);
      expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200, 429]));
      expect((await batch(app, new Uint8Array(60).fill(255))).status).toBe(400);
    }
    expect((await batch(app, half)).status).toBe(200);
  });
});
