import { describe, expect, test } from "vitest";
import { type Probe, type ProbeAnswer, retryAfterMs, unlessBusy } from "../../src/conformance/probe.ts";
import { expectCodeAsync } from "../expect-code.ts";

function answer(status: number, headers: Readonly<Record<string, string>> = {}): ProbeAnswer {
  return { status, headers: new Map(Object.entries(headers)), body: new Uint8Array(0) };
}

function answering(status: number): Probe {
  return { url: "http://x/", requests: () => 1, exchange: async () => answer(status) };
}

describe("a server that says not now", () => {
  test.each([429, 502, 503, 504])("has not answered with %i", async (status) => {
    const exchange = unlessBusy(answering(status)).exchange({ method: "GET", path: "" });
    await expectCodeAsync(exchange, "SERVER_BUSY");
  });

  test.each([200, 400, 404, 409, 500, 501])("is another than one that answers %i", async (status) => {
    const got = await unlessBusy(answering(status)).exchange({ method: "GET", path: "" });
    expect(got.status).toBe(status);
  });

  test.each([
    [{}, 1000],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "30" }, 30_000],
    [{ "retry-after": "31" }, 30_000],
    [{ "retry-after": "1e3" }, 30_000],
    [{ "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }, 30_000],
  ])("is asked again after what %j says: %i ms", (headers, ms) => {
    expect(retryAfterMs(answer(503, headers))).toBe(ms);
  });
});
