import { Hono } from "hono";
import { afterEach, describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { type ListenLimits, listen, type RunningListener } from "../../src/http/listen.ts";
import type { HttpEnv } from "../../src/http/path.ts";
import type { Log } from "../../src/log/log.ts";
import { RawClient, statusesIn } from "./raw-client.ts";
import { entry, openTestLog, publishEntries, replaced, testApp } from "./test-log.ts";

const opened: RunningListener[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((listener) => listener.close({ deadlineMs: 0 })));
});

async function serve(app: Hono<HttpEnv>, limits: Partial<ListenLimits> = {}): Promise<RunningListener> {
  const listener = await listen({ app, host: "127.0.0.1", port: 0, limits });
  opened.push(listener);
  return listener;
}

async function serveLog(
  limits: Partial<ListenLimits> = {},
): Promise<{ log: Log; url: string; listener: RunningListener }> {
  const log = await openTestLog();
  await publishEntries(log, [entry(0), entry(1), entry(2)]);
  const listener = await serve(testApp(log), limits);
  return { log, listener, url: listener.url };
}

function get(path: string, more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
}

function post(headers: string, body = ""): string {
  return `POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n${body}`;
}

/** The status of one request whose path is sent exactly as it is. */
async function statusOf(url: string, path: string): Promise<number | undefined> {
  const client = await RawClient.open(url);
  client.send(get(path, "Connection: close\r\n"));
  return statusesIn(await client.untilClosed())[0];
}

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
  });

  test("a malformed Host or target is a 400, and the next connection is served", async () => {
    const { url } = await serveLog();
    for (const request of [
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "nonsense\r\n\r\n",
      get("*"),
    ]) {
      const client = await RawClient.open(url);
      client.send(request);
      expect(statusesIn(await client.until(/HTTP\/1\.1 \d+/))[0], request).toBeLessThan(405);
      client.destroy();
    }
    expect((await fetch(`${url}/checkpoint`)).status).toBe(200);
  });
});

describe("answers over a socket", () => {
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

  test("pipelined requests are answered in order", async () => {
    const { url } = await serveLog();
    const client = await RawClient.open(url);
    client.send(get("/entry/2") + get("/nowhere") + post("Content-Length: 1\r\n", "x") + get("/entry/1"));
    const received = await client.until(/entry 1$/);
    expect(statusesIn(received)).toEqual([200, 404, 200, 200]);
    client.destroy();
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
    expect(statusesIn(await body.untilClosed())[0]).toBeGreaterThanOrEqual(400);
    expect(log.integratedSize()).toBe(3);
  });

  test("headers that are too large are 431", async () => {
    const { url } = await serveLog({ maxHeaderBytes: 2048 });
    const client = await RawClient.open(url);
    client.send(get("/checkpoint", `X-Padding: ${"x".repeat(4096)}\r\n`));
    expect(statusesIn(await client.untilClosed())).toEqual([431]);
  });
});

describe("connections", () => {
  test("idle ones are kept longer than proxies and Go clients keep them", async () => {
    const { url } = await serveLog();
    const client = await RawClient.open(url);
    client.send(get("/checkpoint"));
    const [, seconds] = /Keep-Alive: timeout=(\d+)/.exec(await client.until(/Keep-Alive/)) ?? [];
    expect(Number(seconds)).toBeGreaterThanOrEqual(72);
    client.destroy();
  });

  test("idle ones are closed in the end", async () => {
    const { url } = await serveLog({ keepAliveTimeoutMs: 20, inactivityTimeoutMs: 50 });
    const silent = await RawClient.open(url);
    const used = await RawClient.open(url);
    used.send(get("/checkpoint"));
    expect(statusesIn(await used.untilClosed())).toEqual([200]);
    await silent.untilClosed();
  });

  test("one beyond the limit is dropped, the others go on", async () => {
    const { url } = await serveLog({ maxConnections: 1 });
    const first = await RawClient.open(url);
    first.send(get("/entry/0"));
    await first.until(/entry 0$/);
    const second = await RawClient.open(url);
    expect(await second.untilClosed()).toBe("");
    first.send(get("/entry/1"));
    await first.until(/entry 1$/);
    first.destroy();
  });

  test("readers that do not read share one budget of bundles; what they hold comes back when they are gone", async () => {
    const log = await openTestLog();
    await publishEntries(
      log,
      Array.from({ length: 256 }, (_, index) => new Uint8Array(65_535).fill(index)),
    );
    const { url } = await serve(testApp(log, { limits: { maxOutgoingBytes: 17 * 1024 * 1024 } }));
    const stuck = await RawClient.open(url);
    stuck.pause();
    stuck.send(get("/tile/entries/000"));
    expect(await statusWhile(() => fetch(`${url}/tile/entries/000`), 503)).toBe(503);
    stuck.destroy();
    expect(await statusWhile(() => fetch(`${url}/tile/entries/000`), 200)).toBe(200);
  });

  test("one on which nothing moves is closed, also in the middle of an answer", async () => {
    const app = new Hono<HttpEnv>();
    const closed = new Promise<void>((resolve) => {
      app.get("/large", ({ env }) => {
        env.outgoing?.once("close", resolve);
        return new Response(new Uint8Array(32 * 1024 * 1024));
      });
    });
    const { url } = await serve(app, { inactivityTimeoutMs: 50 });
    const stuck = await RawClient.open(url);
    stuck.pause();
    stuck.send(get("/large"));
    await closed;
    stuck.destroy();
  });
});

/** Asks until the wanted status comes: what another connection holds shows only after a while. */
async function statusWhile(ask: () => Promise<Response>, wanted: number): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const response = await ask();
    await response.arrayBuffer();
    if (response.status === wanted) return response.status;
  }
  return 0;
}

describe("close", () => {
  test("answers what is under way, then the port is free", async () => {
    const log = await openTestLog();
    let release: (entry: Uint8Array) => void = () => {};
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const readEntry = () =>
      new Promise<Uint8Array>((resolve) => {
        release = resolve;
        asked();
      });
    const listener = await serve(testApp(replaced(log, { readEntry })));
    const answer = fetch(`${listener.url}/entry/0`);
    await isAsked;
    const closed = listener.close();
    await expect(fetch(`${listener.url}/checkpoint`)).rejects.toThrow();
    release(entry(7));
    expect(await (await answer).text()).toBe("entry 7");
    await closed;
    await listener.close();
  });

  test("ends waits for receipts, whose entries are durable", async () => {
    const log = await openTestLog();
    let waits = 0;
    let waiting: () => void = () => {};
    const areWaiting = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const unpublished = replaced(log, {
      published: () => ({ ...log.published(), treeSize: 0 }),
      untilPublished: (_leafIndex, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new TlogError("ABORTED", "aborted")), { once: true });
          waits += 1;
          if (waits === 20) waiting();
        }),
    });
    const { url, close } = await serve(testApp(unpublished));
    const init = { method: "POST", body: "x", headers: { Accept: "text/x.tlog.proof", Prefer: "wait=60" } };
    const answers = Array.from({ length: 20 }, () => fetch(`${url}/add`, init));
    await areWaiting;
    await close();
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(202);
      expect(await answer.text()).toBe("0");
    }
  });

  test("closes idle connections at once, and connections that are used meanwhile after their answer", async () => {
    const { url, listener } = await serveLog();
    const idle = await RawClient.open(url);
    idle.send(get("/entry/0"));
    await idle.until(/entry 0$/);
    const busy = await RawClient.open(url);
    busy.send("GET /entry/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    await (await fetch(`${url}/checkpoint`)).text(); // The server has seen the half request.
    const closed = listener.close();
    await idle.untilClosed();
    busy.send("\r\n");
    expect(await busy.untilClosed()).toMatch(/Connection: close.*entry 1$/is);
    await closed;
  });

  test("cuts what is not done by the deadline, and the handler learns that its client is gone", async () => {
    const app = new Hono<HttpEnv>();
    let signal: AbortSignal | undefined;
    let arrived: () => void = () => {};
    const hasArrived = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    app.get("/stuck", ({ req }) => {
      signal = req.raw.signal;
      arrived();
      return new Promise<Response>(() => {});
    });
    const listener = await serve(app);
    const answer = fetch(`${listener.url}/stuck`);
    const failed = expect(answer).rejects.toThrow();
    await hasArrived;
    await listener.close({ deadlineMs: 10 });
    await failed;
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve();
      else signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  });

  test("a port in use is an error", async () => {
    const { url } = await serveLog();
    const port = Number(new URL(url).port);
    const app = new Hono<HttpEnv>();
    await expect(listen({ app, host: "127.0.0.1", port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
