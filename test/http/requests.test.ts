import { describe, expect, test, vi } from "vitest";
import { RawClient, statusesIn } from "./raw-client.ts";
import { get, post, serve, serveLog, statusOf } from "./served-log.ts";
import { entry, openTestLog, replaced, testApp } from "./test-log.ts";

describe("paths, exactly as they are sent", () => {
  test("TILE-4 TILE-15 dot segments and escapes are not resolved", async () => {
    const { url } = await serveLog();
    for (const path of ["/checkpoint", "/tile/0/000.p/3", "/entry/0", `${url}/checkpoint`]) {
      expect(await statusOf(url, path), path).toBe(200);
    }
    const aliases = [
      "/./checkpoint",
      "/x/../checkpoint",
      "/tile/0/x001/../000.p/3",
      "/tile/entries/../0/000.p/3",
      "/..",
    ];
    const escapes = [
      "/%2e/checkpoint",
      "/x/%2e%2e/checkpoint",
      "/tile%2f0%2f000.p%2f3",
      "/checkpoin%74",
      "/entry/%30",
    ];
    const others = [
      "//checkpoint",
      "/tile//0/000.p/3",
      "/checkpoint/",
      "/\\checkpoint",
      "/entry/0/",
      "/tile/0/000.p/3/",
    ];
    for (const path of [...aliases, ...escapes, ...others, `${url}/x/../checkpoint`, `${url}//checkpoint`]) {
      expect(await statusOf(url, path), path).toBeGreaterThanOrEqual(400);
      expect(await statusOf(url, path), path).toBeLessThan(405);
    }
  });

  test("a query does not change what a path means", async () => {
    const { url } = await serveLog();
    expect(await statusOf(url, "/checkpoint?x=/../y")).toBe(200);
    expect(await statusOf(url, `${url}/checkpoint?x=/y`)).toBe(200);
    expect(await statusOf(url, `${url}?x=/checkpoint`)).toBe(404);
  });

  test("a malformed Host or target is a 400, and the next connection is served", async () => {
    const { url } = await serveLog();
    for (const request of [
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      get("/checkpoint", "Host: 127.0.0.1\r\n"),
      get("/checkpoint", "hOST: evil.example\r\n"),
      "POST /add HTTP/1.1\r\nHost: 127.0.0.256\r\nContent-Length: 1\r\n\r\nx",
      "POST /add HTTP/1.1\r\nHost: 127..0.1\r\nContent-Length: 1\r\n\r\nx",
      "POST http://a@127.0.0.1/add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx",
      "nonsense\r\n\r\n",
      get("*"),
    ]) {
      const client = await RawClient.open(url);
      client.send(request);
      expect(statusesIn(await client.until(/HTTP\/1\.1 \d+/))[0], request).toBe(400);
      client.destroy();
    }
    expect((await fetch(`${url}/checkpoint`)).status).toBe(200);
  });
});

describe("answers over a socket", () => {
  test("after as many as a connection may have the connection is closed, and what comes behind is not answered", async () => {
    const { url } = await serveLog({ maxRequestsPerConnection: 3 });
    for (const request of [get("/entry/0"), get("/nowhere")]) {
      const client = await RawClient.open(url);
      client.send(request.repeat(5));
      const received = await client.untilClosed();
      expect(statusesIn(received)).toHaveLength(3);
      expect(statusesIn(received)).not.toContain(503);
    }
  });

  test("to who asks for another protocol are the usual ones, and the last of their connection", async () => {
    const { url } = await serveLog();
    const client = await RawClient.open(url);
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n";
    client.send(post(upgrade, "x") + get("/entry/0"));
    expect(statusesIn(await client.untilClosed())).toEqual([200]);
  });

  test("TILE-15 HEAD has the headers of GET and no body", async () => {
    const { url } = await serveLog();
    for (const path of [
      "/checkpoint",
      "/tile/0/000.p/3",
      "/tile/entries/000.p/3",
      "/entry/0",
      "/receipt/0",
      "/nowhere",
    ]) {
      const head = await fetch(`${url}${path}`, { method: "HEAD" });
      const whole = await fetch(`${url}${path}`);
      expect(head.status).toBe(whole.status);
      expect(head.headers.get("Content-Length"), path).toBe(whole.headers.get("Content-Length"));
      expect(head.headers.get("ETag")).toBe(whole.headers.get("ETag"));
      expect(await head.text()).toBe("");
    }
  });

  test("fetch appends, and reads back what it appended", async () => {
    const { url } = await serveLog();
    const added = await fetch(`${url}/add`, { method: "POST", body: "over the wire" });
    expect(await added.text()).toBe("3");
    const init = {
      method: "POST",
      body: "waited for",
      headers: { Accept: "text/x.tlog.proof", Prefer: "wait=10" },
    };
    expect(await (await fetch(`${url}/add`, init)).text()).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 4\n/);
    expect(await (await fetch(`${url}/entry/3`)).text()).toBe("over the wire");
  });

  test("a write as a bare proxy passes it on is refused", async () => {
    const { url, log } = await serveLog();
    for (const path of ["/add", "/add-batch"]) {
      const client = await RawClient.open(url);
      client.send(`POST ${path} HTTP/1.0\r\nHost: 127.0.0.1:6962\r\nContent-Length: 3\r\n\r\n\0\x01x`);
      expect(statusesIn(await client.until(/WRITE_FORBIDDEN/))).toEqual([403]);
      client.destroy();
    }
    expect(log.integratedSize()).toBe(3);
  });

  test("a header after thousands of others counts too", async () => {
    const { url, log } = await serveLog();
    for (const header of ["Origin: https://evil.example\r\n", "X-Forwarded-For: 192.0.2.1\r\n"]) {
      const client = await RawClient.open(url);
      client.send(post(`Content-Length: 1\r\n${"a:\r\n".repeat(2100)}${header}`, "x"));
      expect(statusesIn(await client.until(/WRITE_FORBIDDEN/))).toEqual([403]);
      client.destroy();
    }
    expect(log.integratedSize()).toBe(3);
  });

  test("pipelined requests are answered in order", async () => {
    const { url } = await serveLog();
    const client = await RawClient.open(url);
    client.send(get("/entry/2") + get("/nowhere") + post("Content-Length: 1\r\n", "x") + get("/entry/1"));
    const received = await client.until(/entry 1$/);
    expect(statusesIn(received)).toEqual([200, 404, 200, 200]);
    client.destroy();
  });

  test("requests of one connection are served in turn; those behind a connection that is gone never are", async () => {
    const log = await openTestLog();
    const asked: number[] = [];
    const answers: (() => void)[] = [];
    const waiting = replaced(log, {
      readEntry: (leafIndex) =>
        new Promise((resolve) => {
          asked.push(leafIndex);
          answers.push(() => resolve(entry(leafIndex)));
        }),
    });
    const { url } = await serve(testApp(waiting));
    const client = await RawClient.open(url);
    client.send(get("/entry/0") + get("/entry/1") + get("/entry/2") + post("Content-Length: 1\r\n", "x"));
    await vi.waitFor(() => expect(asked).toEqual([0]));
    answers[0]?.();
    await client.until(/entry 0$/);
    await vi.waitFor(() => expect(asked).toEqual([0, 1]));
    client.destroy();
    for (let round = 0; round < 10; round++) await (await fetch(`${url}/checkpoint`)).text();
    expect(asked).toEqual([0, 1]);
    expect(log.integratedSize()).toBe(0);
  });

  test("a connection with too many requests under way is cut", async () => {
    const log = await openTestLog();
    const waiting = replaced(log, { readEntry: () => new Promise(() => {}) });
    const { url } = await serve(testApp(waiting), { maxPipelinedRequests: 4 });
    const client = await RawClient.open(url);
    client.send(get("/entry/0").repeat(4));
    const other = await RawClient.open(url);
    other.send(get("/entry/0").repeat(5));
    expect(await other.untilClosed()).toBe("");
    client.destroy();
  });
});

describe("bodies over a socket", () => {
  test("one that stops half way adds nothing", async () => {
    const { url, log } = await serveLog();
    for (const start of [
      post("Content-Length: 100\r\n", "half"),
      post("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n"),
    ]) {
      const client = await RawClient.open(url);
      client.send(start);
      const sentinel = await fetch(`${url}/checkpoint`); // The server has read what came before.
      expect(sentinel.status).toBe(200);
      client.destroy();
    }
    expect((await fetch(`${url}/add`, { method: "POST", body: "next" })).status).toBe(200);
    expect(log.integratedSize()).toBe(4);
  });

  test("one with a transfer coding of its own is refused, since its bytes are not those of the entry", async () => {
    const { url, log } = await serveLog();
    for (const coding of ["gzip, chunked", "GZIP,chunked"]) {
      const client = await RawClient.open(url);
      client.send(post(`Transfer-Encoding: ${coding}\r\n`, "3\r\nabc\r\n0\r\n\r\n"));
      expect(statusesIn(await client.until(/CONTENT_ENCODING_UNSUPPORTED/)), coding).toEqual([400]);
      client.destroy();
    }
    const plain = await RawClient.open(url);
    plain.send(post("Transfer-Encoding: Chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"));
    expect(await plain.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200/);
    expect(log.integratedSize()).toBe(4);
    plain.destroy();
  });

  test("one of 65,536 bytes is refused, as it is declared or as it comes", async () => {
    const { url } = await serveLog();
    const declared = await RawClient.open(url);
    declared.send(post("Content-Length: 65536\r\n"));
    expect(statusesIn(await declared.until(/\r\n\r\n.*BODY_TOO_LARGE/s))).toEqual([413]);
    const chunked = await RawClient.open(url);
    chunked.send(post("Transfer-Encoding: chunked\r\n", `10001\r\n${"x".repeat(65_537)}`));
    expect(statusesIn(await chunked.until(/BODY_TOO_LARGE/))).toEqual([413]);
    for (const client of [declared, chunked]) {
      await client.untilClosed(); // A body nobody reads to its end cannot be followed by a request.
    }
  });

  test("a slow one is cut with 408, slow headers too", async () => {
    const { url, log } = await serveLog({
      requestTimeoutMs: 80,
      headersTimeoutMs: 40,
      timeoutCheckIntervalMs: 20,
    });
    const body = await RawClient.open(url);
    body.send(post("Content-Length: 10\r\n", "slow"));
    const headers = await RawClient.open(url);
    headers.send("GET /checkpoint HTTP/1.1\r\nHost: ");
    expect(statusesIn(await headers.untilClosed())).toEqual([408]);
    expect(statusesIn(await body.untilClosed())).toEqual([408]);
    expect(log.integratedSize()).toBe(3);
  });

  test("headers that are too large are 431", async () => {
    const { url } = await serveLog({ maxHeaderBytes: 2048 });
    const client = await RawClient.open(url);
    client.send(get("/checkpoint", `X-Padding: ${"x".repeat(4096)}\r\n`));
    expect(statusesIn(await client.untilClosed())).toEqual([431]);
  });
});
