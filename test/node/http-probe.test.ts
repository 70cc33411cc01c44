import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type HttpProbeOptions, openHttpProbe } from "../../src/node/http-probe.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {})));
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (typeof address === "string" || address === null) return expect.unreachable("no port");
  return `http://127.0.0.1:${address.port}`;
}

function serveHttp(listener: RequestListener): Promise<string> {
  return listening(createServer(listener));
}

/** Answers each request of each connection, by their numbers from 0, with bytes; undefined: closes instead. */
function serveBytes(answer: (connection: number, request: number) => string | undefined): Promise<string> {
  let connections = 0;
  return listening(
    createTcpServer((socket) => {
      const connection = connections++;
      let requests = 0;
      socket.on("data", () => {
        const bytes = answer(connection, requests++);
        if (bytes === undefined) socket.destroy();
        else socket.write(bytes);
      });
    }),
  );
}

function probeOf(url: string, options: Partial<HttpProbeOptions> = {}) {
  const probe = openHttpProbe({
    url,
    ratePerSecond: 1000,
    timeoutMs: 5000,
    maxRequests: 100,
    maxBytes: 1_000_000,
    maxAnswerBytes: 100_000,
    signal: new AbortController().signal,
    ...options,
  });
  closing.push(() => void probe.close());
  return probe;
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("what is sent", () => {
  it.each([
    "tile/0/x001/../000",
    "tile/0//000",
    "tile/0/%2e%2e/000",
    "./checkpoint",
    "checkpoint?a=b#c",
    "\\x",
    "",
  ])("writes the path %j as it stands, below the prefix", async (path) => {
    const url = await serveHttp((request, response) => response.end(request.url));
    const { body } = await probeOf(`${url}/log`).exchange({ method: "GET", path });
    expect(new TextDecoder().decode(body)).toBe(`/log/${path}`);
  });

  it.each(["a b", "a\r\nX: y", "a\n", "\u{e9}", "a\0"])("refuses the path %j", async (path) => {
    const probe = probeOf("http://127.0.0.1:1");
    await expectCodeAsync(probe.exchange({ method: "GET", path }), "ARGUMENT_INVALID");
    expect(probe.requests()).toBe(0);
  });

  it.each(["", "log", "ftp://x/", "http://u:p@x/", "http://x/?q", "http://x/#f"])(
    "refuses the URL %j",
    (url) => {
      expectCode(() => probeOf(url), "ARGUMENT_INVALID");
    },
  );

  it("names itself, adds no header that could change the answer, and sends bodies whole", async () => {
    const url = await serveHttp((request, response) => {
      let length = 0;
      request.on("data", (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on("end", () => response.end(JSON.stringify({ headers: request.headers, length })));
    });
    const probe = probeOf(url, { headers: { authorization: "Bearer t" } });
    const { body } = await probe.exchange({ method: "POST", path: "x", body: new Uint8Array(70_000) });
    expect(JSON.parse(new TextDecoder().decode(body))).toEqual({
      length: 70_000,
      headers: {
        "user-agent": expect.stringMatching(/^bristlecone-conformance\/\d+\.\d+\.\d+ /),
        authorization: "Bearer t",
        host: url.slice(7),
        connection: "keep-alive",
        "content-length": "70000",
      },
    });
  });

  it("keeps one connection, also when several requests are made at once", async () => {
    const seen = new Set<unknown>();
    const order: unknown[] = [];
    const url = await serveHttp((request, response) => {
      seen.add(request.socket.remotePort);
      order.push(request.url);
      response.end();
    });
    const probe = probeOf(url);
    await Promise.all(["a", "b", "c"].map((path) => probe.exchange({ method: "GET", path })));
    expect(seen.size).toBe(1);
    expect(order).toEqual(["/a", "/b", "/c"]);
    expect({ requests: probe.requests(), answers: probe.answers() }).toEqual({ requests: 3, answers: 3 });
  });

  it("sends no method but those allowed, and an exception only without a body", async () => {
    const got: unknown[] = [];
    const url = await serveHttp((request, response) => {
      got.push(`${request.method} ${request.url}`);
      response.end();
    });
    const probe = probeOf(url, {
      allowedMethods: ["GET", "HEAD"],
      exceptions: [{ method: "PUT", path: "checkpoint" }],
    });
    const body = new Uint8Array(1);
    for (const request of [
      { method: "POST", path: "add", body },
      { method: "POST", path: "checkpoint" },
      { method: "PUT", path: "checkpoint", body },
      { method: "PUT", path: "tile/0/000" },
    ] as const) {
      await expectCodeAsync(probe.exchange(request), "METHOD_NOT_ALLOWED");
    }
    await probe.exchange({ method: "HEAD", path: "checkpoint" });
    await probe.exchange({ method: "PUT", path: "checkpoint" });
    expect(got).toEqual(["HEAD /checkpoint", "PUT /checkpoint"]);
  });
});

describe("what comes back", () => {
  it("hands on status, repeated headers and an encoded body as they came, and follows no redirect", async () => {
    const url = await serveHttp((_request, response) => {
      response.writeHead(302, [
        ["Location", "/elsewhere"],
        ["Content-Encoding", "gzip"],
        ["X-Twice", "1"],
        ["X-Twice", "2"],
        ["Content-Type", "text/plain"],
        ["Content-Type", "text/html"],
      ]);
      response.end("not gzip");
    });
    const probe = probeOf(url);
    const { status, headers, body } = await probe.exchange({ method: "GET", path: "" });
    expect(status).toBe(302);
    expect(headers.get("x-twice")).toBe("1, 2");
    expect(headers.get("content-type")).toBe("text/plain, text/html");
    expect(headers.get("content-encoding")).toBe("gzip");
    expect(new TextDecoder().decode(body)).toBe("not gzip");
    expect(probe.requests()).toBe(1);
  });

  it("has an answer that comes before the body was taken", async () => {
    const url = await serveHttp((request, response) => {
      response.writeHead(413, { connection: "close" }).end("too much");
      request.socket.end();
    });
    const body = new Uint8Array(900_000);
    expect((await probeOf(url).exchange({ method: "POST", path: "x", body })).status).toBe(413);
  });

  it.each([
    ["closes", undefined],
    ["does not speak HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["closes in the middle of the answer", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ["goes over to another protocol", "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
  ])("says that a server that %s gave no answer", async (_what, bytes) => {
    const url = await listening(
      createTcpServer((socket) => socket.once("data", () => socket.end(bytes ?? ""))),
    );
    const probe = probeOf(url);
    const error = await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "REMOTE_UNREACHABLE");
    expect(error.message).toMatch(/connection closed|not an answer/);
    expect(probe.failure()).toBe(error);
  });

  it.each([
    ["a body without end", "HTTP/1.1 200 OK\r\n\r\n", "x".repeat(60_000)],
    ["headers without end", "HTTP/1.1 200 OK\r\n", `X: ${"y".repeat(60_000)}\r\n`],
    ["interim answers without end", "", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)],
  ])("survives %s", async (_what, first, again) => {
    const url = await listening(
      createTcpServer((socket) => {
        socket.once("data", () => {
          const more = () => {
            while (!socket.destroyed && socket.write(again));
          };
          socket.write(first);
          socket.on("drain", more);
          more();
        });
      }),
    );
    await expectCodeAsync(probeOf(url).exchange({ method: "GET", path: "" }), "REMOTE_TOO_LARGE");
  });

  it("does not wait longer than the time limit, whether nothing comes or a little now and then", async () => {
    const silent = await listening(createTcpServer(() => {}));
    const probe = probeOf(silent, { timeoutMs: 20 });
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "REMOTE_TIMEOUT");
    const half = await serveBytes(() => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    const other = probeOf(half, { timeoutMs: 20 });
    await expectCodeAsync(other.exchange({ method: "GET", path: "" }), "REMOTE_TIMEOUT");
  });

  it("ends at once when the run is interrupted", async () => {
    const interrupt = new AbortController();
    const url = await serveHttp(() => interrupt.abort());
    const probe = probeOf(url, { signal: interrupt.signal });
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "ABORTED");
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "ABORTED");
    expect(probe.requests()).toBe(1);
  });
});

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

  it("does not repeat on a new connection", async () => {
    const probe = probeOf(await serveBytes(() => undefined));
    await expectCodeAsync(probe.exchange({ method: "GET", path: "" }), "REMOTE_UNREACHABLE");
    expect(probe.requests()).toBe(1);
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
    const other = probe.beside({ url, handsOnPushBack: true });
    closing.push(() => void other.close());
    expect((await other.exchange({ method: "GET", path: "" })).status).toBe(429);
    expect(waits.slice(8)).toEqual([2000]);
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
    const other = probe.beside({ url: `${url}/other`, allowedMethods: ["POST"] });
    closing.push(() => void other.close());
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
