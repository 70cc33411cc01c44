import { describe, expect, test } from "vitest";
import type { LogClient } from "../../client/log-client.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { clientOf } from "./client-of.ts";
import { numbered, openFakeLog, problem } from "./fake-log.ts";
import { fakeTime } from "./fake-time.ts";

const entry = new TextEncoder().encode("a new entry");

describe("append", () => {
  test("gives the index, the leaf hash, and whether the log had the entry", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const client = clientOf(log);
    expect(await client.append(entry)).toEqual({ leafIndex: 3, leafHash: leafHash(entry), duplicate: false });
    expect(await client.append(entry)).toMatchObject({ leafIndex: 3, duplicate: true });
  });

  test("takes an entry of zero bytes and of 65,535, none of 65,536", async () => {
    const log = await openFakeLog();
    const client = clientOf(log);
    expect((await client.append(new Uint8Array(0))).leafIndex).toBe(0);
    expect((await client.append(new Uint8Array(65_535))).leafIndex).toBe(1);
    await expectCodeAsync(client.append(new Uint8Array(65_536)), "ENTRY_TOO_LARGE");
    const text: unknown = "hello";
    await expectCodeAsync(client.append(text as Uint8Array), "ARGUMENT_INVALID");
    expect(log.paths).toEqual(["add", "add"]);
  });

  test("sends the token with writes and with nothing else", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const client = clientOf(log, { token: "secret" });
    await client.append(entry, { waitForReceiptMs: 1000 });
    await client.appendBatch([entry]);
    await client.entry(0);
    for (const { init } of log.requests) {
      expect(init.headers.authorization).toBe(init.method === "POST" ? "Bearer secret" : undefined);
    }
  });

  test("brings the receipt in the same answer when it is asked to wait", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const appended = await clientOf(log).append(entry, { waitForReceiptMs: 2_500 });
    expect(appended).toMatchObject({ leafIndex: 3, receipt: { leafIndex: 3, treeSize: 4 } });
    expect(log.requests[0]?.init.headers.prefer).toBe("wait=3");
    expect(log.paths.filter((path) => path.startsWith("receipt/"))).toEqual([]);
  });

  test("goes on asking for the receipt when the log answered without it", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.publishesAtOnce = false;
    log.intercept = async (path) => {
      if (path === "receipt/3") await log.publish();
      return undefined as never;
    };
    const appended = await clientOf(log).append(entry, { waitForReceiptMs: 40_000 });
    expect(appended.receipt?.leafIndex).toBe(3);
  });

  test("is done without a receipt when none comes in time", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.publishesAtOnce = false;
    const appended = await clientOf(log).append(entry, { waitForReceiptMs: 40_000 });
    expect(appended).toMatchObject({ leafIndex: 3 });
    expect(appended.receipt).toBeUndefined();
  });

  test("refuses a receipt for something else", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.intercept = (path) =>
      path === "add"
        ? new Response(log.receipt(1), { headers: { "content-type": "text/x.tlog.proof" } })
        : undefined;
    await expectCodeAsync(clientOf(log).append(entry, { waitForReceiptMs: 1_000 }), "PROOF_INVALID");
  });

  test("understands the bare index other logs answer, and no nonsense", async () => {
    const log = await openFakeLog({ entries: numbered(3), tilesOnly: true });
    for (const [body, leafIndex] of [
      ["17", 17],
      ["17\n", 17],
      ["0\nmore", 0],
    ] as const) {
      log.intercept = () => new Response(body);
      expect(await clientOf(log).append(entry)).toMatchObject({ leafIndex, duplicate: undefined });
    }
    const json = { "content-type": "application/json" };
    for (const [body, headers, code] of [
      ["", {}, "REMOTE_MALFORMED"],
      ["017", {}, "REMOTE_MALFORMED"],
      ["-1", {}, "REMOTE_MALFORMED"],
      ["9007199254740993", {}, "NUMBER_TOO_LARGE"],
      ["<html>", {}, "REMOTE_MALFORMED"],
      ["{", json, "REMOTE_MALFORMED"],
      ["null", json, "REMOTE_MALFORMED"],
      [JSON.stringify({ leafIndex: 3, leafHash: "00" }), json, "REMOTE_MALFORMED"],
      ["x".repeat(300_000), {}, "REMOTE_TOO_LARGE"],
    ] as const) {
      log.intercept = () => new Response(body, { headers });
      await expectCodeAsync(clientOf(log).append(entry), code);
    }
  });

  test("waits while the log pushes back, then gives the same bytes again", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const time = fakeTime({ timeoutMs: 30_000 });
    let refusals = 2;
    log.intercept = () => (refusals-- > 0 ? problem("POOL_FULL", 429, { "retry-after": "1" }) : undefined);
    expect((await clientOf(log, time).append(entry)).leafIndex).toBe(3);
    expect(time.pauses).toEqual([1_125, 1_250]);
    log.intercept = () => problem("TOKEN_INVALID", 403);
    const error = await expectCodeAsync(clientOf(log).append(entry), "REMOTE_REFUSED");
    expect(error).toMatchObject({ status: 403, problemCode: "TOKEN_INVALID" });
  });
});

describe("an append whose outcome is unknown", () => {
  const lost = () => Promise.reject(new TypeError("fetch failed"));
  const appends = [
    ["append", (client: LogClient) => client.append(entry)],
    ["appendBatch", (client: LogClient) => client.appendBatch([entry])],
  ] as const;

  test.each(appends)(
    "is not repeated by %s: the log may have it, and may take it twice",
    async (_, append) => {
      for (const [answer, code] of [
        [lost, "REMOTE_UNREACHABLE"],
        [() => problem("BAD_GATEWAY", 502), "REMOTE_REFUSED"],
        [() => problem("GATEWAY_TIMEOUT", 504), "REMOTE_REFUSED"],
      ] as const) {
        const log = await openFakeLog();
        log.intercept = answer;
        await expectCodeAsync(append(clientOf(log)), code);
        expect(log.paths).toHaveLength(1);
      }
    },
  );

  test.each(appends)(
    "is repeated by %s when the log answers duplicates with the first index",
    async (_, append) => {
      const log = await openFakeLog();
      let losses = 2;
      log.intercept = () => (losses-- > 0 ? lost() : undefined);
      await append(clientOf(log, { duplicates: "first" }));
      expect(log.paths).toHaveLength(3);
      expect(log.entries).toEqual([entry]);
    },
  );

  test("is not one that the log refused", async () => {
    for (const status of [429, 503]) {
      const log = await openFakeLog();
      let refusals = 1;
      log.intercept = () => (refusals-- > 0 ? problem("POOL_FULL", status) : undefined);
      await clientOf(log).append(entry);
      expect(log.paths).toHaveLength(2);
    }
  });
});

describe("appendBatch", () => {
  test("gives each entry's index in order, and which the log had", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    const batch = [entry, numbered(3)[1]!, entry];
    const appended = await clientOf(log).appendBatch(batch);
    expect(appended.map(({ leafIndex }) => leafIndex)).toEqual([3, 1, 3]);
    expect(appended.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    expect(appended.map((item) => item.leafHash)).toEqual(batch.map(leafHash));
  });

  test("asks nobody for an empty batch, nor for one with an entry too large", async () => {
    const log = await openFakeLog();
    expect(await clientOf(log).appendBatch([])).toEqual([]);
    await expectCodeAsync(clientOf(log).appendBatch([entry, new Uint8Array(65_536)]), "ENTRY_TOO_LARGE");
    expect(log.paths).toEqual([]);
  });

  test.each([
    '{"leafIndices":[1],"duplicates":[]}',
    '{"leafIndices":[1,2,3],"duplicates":[]}',
    '{"leafIndices":[1,"2"],"duplicates":[]}',
    '{"leafIndices":[1,9007199254740993],"duplicates":[]}',
    '{"leafIndices":[1,2],"duplicates":[-1]}',
    '{"leafIndices":[1,2]}',
  ])("refuses %s for two entries", async (body) => {
    const log = await openFakeLog();
    log.intercept = () => new Response(body);
    await expectCodeAsync(clientOf(log).appendBatch(numbered(2)), "REMOTE_MALFORMED");
  });
});
