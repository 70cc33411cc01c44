import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { listen } from "../../src/http/listen.ts";
import type { HttpEnv } from "../../src/http/path.ts";
import { RawClient, statusesIn } from "./raw-client.ts";
import { get, serve, serveLog } from "./served-log.ts";
import { entry, openTestLog, publishEntries, replaced, testApp } from "./test-log.ts";

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

  test("one on which nothing was ever sent does not hold up the closing", async () => {
    const { listener } = await serveLog();
    const silent = await RawClient.open(listener.url);
    // Far below the deadline, after which every connection is cut.
    await listener.close({ deadlineMs: 1_000_000 });
    expect(await silent.untilClosed()).toBe("");
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
    // Runs from the connection on: were it over before the request is there, nothing would ever be closed.
    const { url } = await serve(app, { inactivityTimeoutMs: 500 });
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
    let adds = 0;
    let waiting: () => void = () => {};
    const areWaiting = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const unpublished = replaced(log, {
      async add(entry) {
        const appended = await log.add(entry);
        adds += 1;
        if (adds === 20) setImmediate(waiting); // The request goes on, and waits, in this turn.
        return appended;
      },
      published: () => ({ ...log.published(), treeSize: 0 }),
      untilPublished: (_leafIndex, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new TlogError("ABORTED", "aborted")), { once: true });
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
