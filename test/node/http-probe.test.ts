import { createServer as createTcpServer } from "node:net";
import { describe, expect, it } from "vitest";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { listening, OK, probeOf, serveBytes, serveHttp } from "./probed-server.ts";

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

  it.each(["http://u:s3cret@x/", "http://u:pa/s3cret@x/", "u:s3cret@x", "http://x/?token=s3cret"])(
    "does not repeat the secret in %s",
    (url) => {
      expect(expectCode(() => probeOf(url), "ARGUMENT_INVALID").message).not.toMatch(/s3cret/);
    },
  );

  it.each(["transfer-encoding", "Content-Length", "host", "authorization", "x-http-method-override"])(
    "lets no case send the header %s",
    async (name) => {
      const probe = probeOf("http://127.0.0.1:1", { headers: { authorization: "Bearer t" } });
      const request = { method: "GET", path: "", headers: { [name]: "1" } } as const;
      await expectCodeAsync(probe.exchange(request), "ARGUMENT_INVALID");
      expect(probe.requests()).toBe(0);
    },
  );

  it("says whom to write to", async () => {
    const url = await serveHttp((request, response) => response.end(request.headers["user-agent"]));
    const probe = probeOf(url, { contact: "me@example.com" });
    const { body } = await probe.exchange({ method: "GET", path: "" });
    expect(new TextDecoder().decode(body)).toMatch(/^bristlecone-conformance\/\S+ \(.*; me@example\.com\)$/);
  });

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

  it("asks on after an answer that came before the body was taken, of a server that takes no more of it", async () => {
    const url = await listening(
      createTcpServer((socket) => {
        socket.once("data", (head) => {
          socket.write(OK);
          if (head.toString("latin1").startsWith("POST")) socket.pause();
        });
      }),
    );
    const probe = probeOf(url, { maxBytes: 1e9, timeoutMs: 2000 });
    const body = new Uint8Array(32 * 1024 * 1024);
    expect((await probe.exchange({ method: "POST", path: "x", body })).status).toBe(200);
    expect((await probe.exchange({ method: "GET", path: "x" })).status).toBe(200);
  });

  it("puts a body in chunks of a byte together, and counts what they cost on the way", async () => {
    const url = await serveBytes(
      () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(5000)}0\r\n\r\n`,
    );
    const probe = probeOf(url);
    expect((await probe.exchange({ method: "GET", path: "" })).body).toEqual(new Uint8Array(5000).fill(0x78));
    expect(probe.bytes()).toBeGreaterThan(30_000);
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
