import { describe, expect, it } from "vitest";
import { expectCodeAsync } from "../expect-code.ts";
import { closeLater, OK, probeOf, serveBytes, serveHttp } from "./probed-server.ts";

describe("what is repeated", () => {
  it.each([
    ["GET", 3],
    ["POST", 2],
  ] as const)(
    "repeats %s on a kept connection that was closed before anything came: %i requests",
    async (method, requests) => {
      const url = await serveBytes((connection, request) =>
        connection === 0 && request === 1 ? undefined : OK,
      );
      const probe = probeOf(url);
      await probe.exchange({ method: "GET", path: "" });
      const second = probe.exchange({ method, path: "" });
      if (method === "GET") expect((await second).status).toBe(200);
      else await expectCodeAsync(second, "REMOTE_UNREACHABLE");
      expect(probe.requests()).toBe(requests);
    },
  );

  it("repeats GET, and nothing that could have an effect, once after the server closed", async () => {
    const probe = probeOf(await serveBytes((connection) => (connection === 0 ? undefined : OK)));
    expect((await probe.exchange({ method: "GET", path: "" })).status).toBe(200);
    const dead = probeOf(await serveBytes(() => undefined));
    await expectCodeAsync(dead.exchange({ method: "GET", path: "" }), "REMOTE_UNREACHABLE");
    expect(dead.requests()).toBe(2);
    await expectCodeAsync(dead.exchange({ method: "POST", path: "" }), "REMOTE_UNREACHABLE");
    expect(dead.requests()).toBe(3);
    const silent = probeOf(await serveBytes(() => "HTTP/1.1 "), { timeoutMs: 20 });
    await expectCodeAsync(silent.exchange({ method: "GET", path: "" }), "REMOTE_TIMEOUT");
    expect(silent.requests()).toBe(1);
  });

  it("waits as long as a 429 asks, goes on at half the pace, and hands on the third", async () => {
    const waits: number[] = [];
    let answered = 0;
    const url = await serveHttp((_request, response) => {
      answered += 1;
      response
        .writeHead(answered === 2 ? 200 : 429, { "retry-after": answered === 1 ? "7" : "999999" })
        .end();
    });
    const options = {
      ratePerSecond: 4,
      now: () => 0,
      sleep: async (ms: number) => void waits.push(ms),
    };
    const probe = probeOf(url, options);
    expect((await probe.exchange({ method: "GET", path: "" })).status).toBe(200);
    expect(waits).toEqual([0, 7000, 500]);
    expect((await probe.exchange({ method: "GET", path: "" })).status).toBe(429);
    expect(waits.slice(3)).toEqual([500, 30_000, 1000, 30_000, 2000]);
    const other = closeLater(probe.beside({ url, handsOnPushBack: true }));
    expect((await other.exchange({ method: "GET", path: "" })).status).toBe(429);
    expect(waits.slice(8)).toEqual([2000]);
  });

  it.each([502, 503, 504])(
    "waits after %i too, at the same pace, unless the request may have had its effect",
    async (status) => {
      const waits: number[] = [];
      let answered = 0;
      const url = await serveHttp((_request, response) => {
        answered += 1;
        response.writeHead(answered % 2 === 1 ? status : 200).end();
      });
      const probe = probeOf(url, {
        ratePerSecond: 4,
        now: () => 0,
        sleep: async (ms: number) => void waits.push(ms),
      });
      expect((await probe.exchange({ method: "GET", path: "" })).status).toBe(200);
      expect(waits).toEqual([0, 1000, 250]);
      expect((await probe.exchange({ method: "POST", path: "" })).status).toBe(status);
      expect(probe.requests()).toBe(3);
    },
  );

  it("asks at least every 10 s, and no more when nothing but 429 comes ten times in a row", async () => {
    const waits: number[] = [];
    const statuses = [...Array.from({ length: 9 }, () => 429), 200, ...Array.from({ length: 10 }, () => 429)];
    const url = await serveHttp((_request, response) => {
      response.writeHead(statuses.shift() ?? 200).end();
    });
    const probe = probeOf(url, {
      ratePerSecond: 4,
      now: () => 0,
      sleep: async (ms: number) => void waits.push(ms),
    });
    for (let count = 0; count < 7; count++) await probe.exchange({ method: "GET", path: "" });
    expect(Math.max(...waits)).toBe(10_000);
    const end = await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "PROBE_EXHAUSTED");
    expect(end.message).toMatch(/10 times in a row/);
    expect(probe.end()).toBe(end);
    expect(statuses).toEqual([]);
  });
});

describe("where it ends", () => {
  it("starts requests no closer together than the pace", async () => {
    const url = await serveHttp((_request, response) => response.end());
    let clock = 0;
    const starts: number[] = [];
    const probe = probeOf(url, {
      ratePerSecond: 4,
      now: () => clock,
      sleep: async (ms) => {
        clock += ms;
      },
    });
    for (let count = 0; count < 4; count++) {
      await probe.exchange({ method: "GET", path: "" });
      starts.push(clock);
      clock += 100;
    }
    expect(starts).toEqual([0, 250, 500, 750]);
  });

  it("has one pace and one total for two URLs", async () => {
    const url = await serveBytes(() => OK);
    const waits: number[] = [];
    const sleep = async (ms: number) => void waits.push(ms);
    const probe = probeOf(url, { maxRequests: 3, ratePerSecond: 4, now: () => 0, sleep });
    const other = closeLater(probe.beside({ url: `${url}/other`, allowedMethods: ["POST"] }));
    await probe.exchange({ method: "GET", path: "" });
    await expectCodeAsync(other.exchange({ method: "GET", path: "" }), "METHOD_NOT_ALLOWED");
    await other.exchange({ method: "POST", path: "" });
    await probe.exchange({ method: "GET", path: "" });
    expect(waits).toEqual([0, 250, 250]);
    const end = await expectCodeAsync(other.exchange({ method: "POST", path: "" }), "PROBE_EXHAUSTED");
    expect(other.end()).toBe(end);
    expect(probe.requests()).toBe(3);
  });

  it("sends no more requests than it may", async () => {
    const probe = probeOf(await serveBytes(() => OK), { maxRequests: 2 });
    await probe.exchange({ method: "GET", path: "" });
    await probe.exchange({ method: "GET", path: "" });
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "PROBE_EXHAUSTED");
    expect(probe.requests()).toBe(2);
  });

  it("starts no request, and begins no wait, that the time of the run does not allow", async () => {
    let clock = 0;
    const url = await serveHttp((request, response) =>
      response.writeHead(request.url === "/busy" ? 429 : 200, { "retry-after": "9" }).end(),
    );
    const probe = probeOf(url, {
      ratePerSecond: 1,
      maxElapsedMs: 3000,
      now: () => clock,
      sleep: async (ms) => {
        clock += ms;
      },
    });
    const other = closeLater(probe.beside({ url }));
    await expectCodeAsync(other.exchange({ method: "GET", path: "busy" }), "PROBE_EXHAUSTED");
    await probe.exchange({ method: "GET", path: "" });
    const end = await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "PROBE_EXHAUSTED");
    expect({ clock, message: end.message }).toEqual({
      clock: 2000,
      message: "all 3 seconds of this run are used",
    });
  });

  it("sends and takes no more bytes than it may", async () => {
    const url = await serveHttp((_request, response) => response.end("x".repeat(600)));
    const probe = probeOf(url, { maxBytes: 1300 });
    await probe.exchange({ method: "GET", path: "" });
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "PROBE_EXHAUSTED");
    const other = probeOf(url, { maxBytes: 1500 });
    const body = new Uint8Array(1500);
    await expectCodeAsync(other.exchange({ method: "POST", path: "", body }), "PROBE_EXHAUSTED");
    expect(other.requests()).toBe(0);
  });

  it("asks a server no more that never answered, or that stopped answering", async () => {
    const dead = probeOf("http://127.0.0.1:1");
    const error = await expectCodeAsync(dead.exchange({ method: "GET", path: "" }), "REMOTE_UNREACHABLE");
    expect(error.message).toContain("ECONNREFUSED");
    await expectCodeAsync(dead.exchange({ method: "GET", path: "" }), "PROBE_EXHAUSTED");
    expect(dead.requests()).toBe(1);

    let isAlive = true;
    const dying = probeOf(await serveBytes(() => (isAlive ? OK : undefined)));
    await dying.exchange({ method: "GET", path: "" });
    isAlive = false;
    for (let count = 0; count < 12; count++)
      await expectCodeAsync(dying.exchange({ method: "POST", path: "" }), "REMOTE_UNREACHABLE");
    await expectCodeAsync(dying.exchange({ method: "POST", path: "" }), "PROBE_EXHAUSTED");
    expect(dying.requests()).toBe(13);
  });

  it("goes on with a server that closes on some requests and answers others", async () => {
    const url = await serveBytes((connection) => (connection % 3 === 0 ? OK : undefined));
    const probe = probeOf(url);
    for (let count = 0; count < 10; count++) {
      await probe.exchange({ method: "POST", path: "" });
      for (const path of ["a", "b", "c"]) await probe.exchange({ method: "POST", path }).catch(() => {});
    }
    expect(probe.answers()).toBeGreaterThan(10);
  });
});
