import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { FIXED_256 } from "../../bench/load/entries.ts";
import { load } from "../../bench/load/load.ts";
import { type LoadPlan, loopbackAddress } from "../../bench/load/plan.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0";

const servers: { server: Server; sockets: Socket[] }[] = [];

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});

/** Answers each request of 256 bytes by `answer`. @returns its address. */
async function serve(answer: (socket: Socket, count: number) => void): Promise<string> {
  let count = 0;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    let missing = 0;
    socket.on("data", (chunk) => {
      if (missing === 0) missing = chunk.indexOf("\r\n\r\n") + 4 + 256;
      missing -= chunk.length;
      if (missing !== 0) return;
      count += 1;
      answer(socket, count);
    });
  }).listen(0, "127.0.0.1");
  servers.push({ server, sockets });
  await once(server, "listening");
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

function run(url: string, plan: Partial<LoadPlan>) {
  return load(
    {
      url,
      seed: 1,
      connections: 4,
      shape: { kind: "closed" },
      request: { kind: "add", entries: FIXED_256 },
      warmupMs: 0,
      durationMs: 200,
      ...plan,
    },
    { windowBegan: () => {}, windowEnded: () => {} },
  );
}

describe("load", () => {
  it("counts every request that was due: as succeeded, by status, or as an error", async () => {
    const url = await serve((socket, count) => {
      if (count % 4 === 2) socket.destroy();
      else if (count % 4 === 3) socket.write("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
      else socket.write(OK);
    });
    const report = await run(url, { durationMs: 500 });
    const errors = Object.entries(report.errors).reduce((sum, [, count]) => sum + count, 0);
    expect(report.statuses["429"]).toBeGreaterThan(0);
    expect(errors).toBeGreaterThan(0);
    expect(report.due).toBe(report.succeeded + (report.statuses["429"] ?? 0) + errors);
    expect(report.succeeded).toBe(report.statuses["200"]);
  });

  it("counts the time from when a request was due: one stall delays all that were due meanwhile", async () => {
    // The only connection is not answered until ten more requests are due: in a closed loop that would be one slow request.
    let isStalled = false;
    const url = await serve((socket, count) => {
      if (count !== 5) {
        if (!isStalled) socket.write(OK);
        return;
      }
      isStalled = true;
      setTimeout(() => {
        isStalled = false;
        socket.write(OK);
      }, 100);
    });
    const shape = { kind: "open", perSecond: 200, arrivals: "fixed" } as const;
    const report = await run(url, { shape, connections: 1 });
    expect(report.due).toBe(40);
    expect(report.succeeded).toBe(40);
    expect(report.generator.mostQueued).toBeGreaterThanOrEqual(10);
  });

  it("takes a second answer nobody asked for as an error", async () => {
    const url = await serve((socket) => socket.write(OK + OK));
    // The pause leaves the connection idle when the second answer is read.
    const report = await run(url, { shape: { kind: "closed", pauseMs: 20 } });
    expect(report.errors["unasked, connection idle"]).toBeGreaterThan(0);
  });

  it("counts what is malformed, and 200 without a proof where a receipt was asked for", async () => {
    const malformed = await run(await serve((socket) => socket.write("nonsense\r\n\r\n")), {});
    expect(malformed.errors["malformed: no status line: nonsense"]).toBeGreaterThan(0);
    expect(malformed.succeeded).toBe(0);
    const request = { kind: "add-receipt", entries: FIXED_256, waitSeconds: 1 } as const;
    const wrong = await run(await serve((socket) => socket.write(OK)), { request });
    expect(wrong.errors["wrong answer"]).toBeGreaterThan(0);
    expect(wrong.succeeded).toBe(0);
  });
});

describe("loopbackAddress", () => {
  it.each([
    "http://127.0.0.1:80x",
    "https://127.0.0.1:1",
    "http://127.0.0.1",
    "http://example.com:80",
    "http://127.0.0.1.example.com:99",
    "http://10.0.0.1:80",
    "http://localhost:8080",
    "http://127.0.0.1:1/path",
  ])("refuses %s", (url) => {
    expect(() => loopbackAddress(url)).toThrow();
  });

  it("takes IPv4 and IPv6", () => {
    expect(loopbackAddress("http://127.0.0.1:7000")).toEqual({ host: "127.0.0.1", port: 7000 });
    expect(loopbackAddress("http://[::1]:7000")).toEqual({ host: "::1", port: 7000 });
  });
});
