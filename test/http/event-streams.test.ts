import { describe, expect, test } from "vitest";
import { verifyReceipt } from "../../client/receipts.ts";
import { RawClient } from "./raw-client.ts";
import { get, serve, serveLog } from "./served-log.ts";
import { entry, openLogOfSize, openTestLog, problemOf, publishEntries, testApp } from "./test-log.ts";

async function listenTo(url: string, query = "", more = ""): Promise<RawClient> {
  const client = await RawClient.open(url);
  client.send(get(`/events${query}`, more));
  await client.until(/retry: \d+\n\n/);
  return client;
}

describe("GET /events", () => {
  test("streams checkpoints, which are those of /checkpoint", async () => {
    const { log, url, listener } = await serveLog();
    const client = await listenTo(url);
    const head = await client.until(/id: 3\n(data: .*\n)+\n/);
    expect(head).toMatch(
      /Content-Type: text\/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no/,
    );
    await publishEntries(log, [entry(3)]);
    const told = /id: 4\n((?:data: .*\n)+)\n/.exec(await client.until(/id: 4\n(data: .*\n)+\n/))?.[1] ?? "";
    const note = Buffer.from(told.replaceAll(/^data: /gm, ""), "latin1").subarray(0, -1);
    const checkpoint = await (await fetch(`${url}/checkpoint`)).text();
    expect(note.toString("utf8")).toBe(checkpoint);
    await listener.close();
    expect(await client.untilClosed()).toMatch(/\r\n0\r\n\r\n$/);
  });

  test("gives entries with receipts that verify by themselves, from where a reader was", async () => {
    const { log, url } = await serveLog();
    const client = await listenTo(url, "?from=1&entries=1", "Last-Event-ID: 2\r\n");
    const text = await client.until(/id: 3\ndata: .*\n\n/);
    expect(text).not.toContain('"leafIndex":1');
    const told = JSON.parse(
      Buffer.from(/id: 3\ndata: (.*)\n/.exec(text)?.[1] ?? "", "latin1").toString("utf8"),
    );
    const bytes = new Uint8Array(Buffer.from(told.entry, "base64"));
    expect(bytes).toEqual(new Uint8Array(entry(2)));
    const vkey = log.vkeys[0] ?? "";
    expect(await verifyReceipt({ receipt: told.receipt, entry: bytes, vkey })).toMatchObject({
      leafIndex: 2,
    });
    client.destroy();
  });

  test("lets go of a reader that leaves, on every way to it", async () => {
    const { app } = await openLogOfSize(1);
    const limited = testApp(await openTestLog(), { limits: { maxStreams: 1 } });
    const { url } = await serve(limited);
    // HTTP/1.0 goes through the framework.
    for (const version of ["1.1", "1.0", "1.1"]) {
      const client = await RawClient.open(url);
      client.send(`GET /events HTTP/${version}\r\nHost: 127.0.0.1\r\n\r\n`);
      await client.until(/event: checkpoint/);
      expect(await problemOf(await fetch(`${url}/events`))).toEqual({ status: 503, code: "SERVER_BUSY" });
      client.destroy();
      await freePlace(url);
    }
    const head = await app.request("/events", { method: "HEAD" });
    expect([head.status, head.headers.get("Content-Type")]).toEqual([200, "text/event-stream"]);
  });

  test("refuses what it does not understand", async () => {
    const { app } = await openLogOfSize(1);
    for (const query of ["?from=x", "?from=01", "?from=1&from=1", "?entries=2", "?other=1", "?entries="]) {
      const answer = await problemOf(await app.request(`/events${query}`));
      expect(answer, query).toEqual({ status: 400, code: "PARAMETER_INVALID" });
    }
    const answer = await app.request("/events", { headers: { "Last-Event-ID": "-1" } });
    expect((await problemOf(answer)).code).toBe("PARAMETER_INVALID");
  });
});

/** Until the server has noticed that its reader left. */
async function freePlace(url: string): Promise<void> {
  for (;;) {
    const { status } = await fetch(`${url}/events`, { method: "HEAD" });
    if (status === 200) return;
  }
}
