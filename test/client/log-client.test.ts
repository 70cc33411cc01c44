import { describe, expect, test } from "vitest";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { openLogClient } from "../../client/log-client.ts";
import { memoryTiles } from "../../client/tile-cache.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { formatPolicy, singleKeyPolicy } from "../../src/tlog/policy.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { clientOf, collect } from "./client-of.ts";
import { numbered, openFakeLog, problem } from "./fake-log.ts";

describe("opening a client", () => {
  test("takes a policy as text, as bytes or parsed, or a verifier key", async () => {
    const log = await openFakeLog();
    const policy = singleKeyPolicy(log.vkey);
    for (const given of [policy, formatPolicy(policy), new TextDecoder().decode(formatPolicy(policy))]) {
      expect(openLogClient({ url: log.url, policy: given }).origin).toBe(log.origin);
    }
    expect(clientOf(log).origin).toBe(log.origin);
  });

  test("wants to know which log of a policy it talks to", async () => {
    const [one, other] = [
      await openFakeLog({ origin: "one" }),
      await openFakeLog({ origin: "other", seed: 2 }),
    ];
    const policy = `log ${one.vkey}\nlog ${other.vkey}\nquorum none\n`;
    expectCode(() => openLogClient({ url: one.url, policy }), "ARGUMENT_INVALID");
    expectCode(() => openLogClient({ url: one.url, policy, origin: "third" }), "ARGUMENT_INVALID");
    const client = openLogClient({ url: one.url, policy, origin: "one", fetch: other.fetch });
    await expectCodeAsync(client.checkpoint(), "ORIGIN_MISMATCH");
  });

  test("refuses a token that is none, without repeating it", async () => {
    const log = await openFakeLog();
    for (const token of ["", "secret\n", "token secret", "secr\u00e9t", "secret\u0000", "=secret"]) {
      const error = expectCode(() => clientOf(log, { token }), "ARGUMENT_INVALID");
      expect(error.message).not.toContain("secr");
    }
    clientOf(log, { token: "bristlecone_AZaz09-._~+/==" });
  });

  test("fetches nothing", async () => {
    const log = await openFakeLog();
    clientOf(log);
    expect(log.paths).toEqual([]);
  });
});

describe("reading entries", () => {
  test.each([0, 1, 2, 255, 256, 257, 600])("yields all of %i, verified, in order", async (size) => {
    const log = await openFakeLog({ entries: numbered(size) });
    const entries = await collect(clientOf(log).entries());
    expect(entries.map(({ entry }) => entry)).toEqual(log.entries);
    expect(entries.map(({ leafIndex }) => leafIndex)).toEqual(log.entries.map((_, index) => index));
    expect(entries.every((entry) => Buffer.compare(entry.leafHash, leafHash(entry.entry)) === 0)).toBe(true);
  });

  test("yields a range across bundles and fetches no other bundle", async () => {
    const log = await openFakeLog({ entries: numbered(1500) });
    const entries = await collect(clientOf(log).entries({ start: 500, end: 520 }));
    expect(entries.map(({ leafIndex }) => leafIndex)).toEqual(
      Array.from({ length: 20 }, (_, at) => 500 + at),
    );
    expect(log.paths.filter((path) => path.startsWith("tile/entries/"))).toEqual([
      "tile/entries/001",
      "tile/entries/002",
    ]);
  });

  test("reads a tree of three tile levels", async () => {
    const log = await openFakeLog({ entries: numbered(65_536 + 300) });
    const entries = await collect(clientOf(log).entries({ start: 65_530, end: 65_800 }));
    expect(entries.map(({ entry }) => entry)).toEqual(log.entries.slice(65_530, 65_800));
  });

  test("takes entries of zero bytes and of 65,535", async () => {
    const log = await openFakeLog({ entries: [new Uint8Array(0), new Uint8Array(65_535).fill(7)] });
    const entries = await collect(clientOf(log).entries());
    expect(entries.map(({ entry }) => entry.length)).toEqual([0, 65_535]);
  });

  test("refuses a range past the end, a negative one and one beyond 2^53", async () => {
    const client = clientOf(await openFakeLog({ entries: numbered(3) }));
    await expectCodeAsync(collect(client.entries({ end: 4 })), "NOT_PUBLISHED");
    await expectCodeAsync(collect(client.entries({ start: -1 })), "ARGUMENT_INVALID");
    await expectCodeAsync(collect(client.entries({ end: 2 ** 53 })), "ARGUMENT_INVALID");
    await expectCodeAsync(client.entry(3), "NOT_PUBLISHED");
    await expectCodeAsync(client.entry(Number.MAX_SAFE_INTEGER), "NOT_PUBLISHED");
    await expectCodeAsync(client.entry(0.5), "ARGUMENT_INVALID");
    await expectCodeAsync(collect(client.entries({ start: 4 })), "NOT_PUBLISHED");
    await expectCodeAsync(collect(client.entries({ start: 5, end: 2 })), "NOT_PUBLISHED");
    expect(await collect(client.entries({ start: 3 }))).toEqual([]);
  });

  test("stops fetching when the reader stops", async () => {
    const log = await openFakeLog({ entries: numbered(256 * 16) });
    for await (const _ of clientOf(log).entries()) break;
    const asked = log.paths.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.paths.length).toBe(asked);
    expect(log.paths.filter((path) => path.startsWith("tile/entries/")).length).toBeLessThanOrEqual(12);
  });

  test("yields what precedes a bundle that cannot be had, window by window, and then the error", async () => {
    const log = await openFakeLog({ entries: numbered(256 * 12) });
    log.intercept = (path) => (path === "tile/entries/009" ? problem("INTERNAL", 500) : undefined);
    const read: number[] = [];
    const reading = (async () => {
      for await (const { leafIndex } of clientOf(log).entries()) read.push(leafIndex);
    })();
    await expectCodeAsync(reading, "REMOTE_REFUSED");
    expect(read).toEqual(Array.from({ length: 256 * 8 }, (_, leafIndex) => leafIndex));
  });

  test("aborts with the signal", async () => {
    const controller = new AbortController();
    const client = clientOf(await openFakeLog({ entries: numbered(3000) }));
    const reading = (async () => {
      for await (const _ of client.entries({ signal: controller.signal })) controller.abort();
    })();
    await expectCodeAsync(reading, "ABORTED");
  });

  test("reads one entry by its own route, or from its bundle where the log has no such route", async () => {
    const full = await openFakeLog({ entries: numbered(300) });
    expect((await clientOf(full).entry(7)).entry).toEqual(full.entries[7]);
    expect(full.paths).toContain("entry/7");
    const plain = await openFakeLog({ entries: numbered(300), tilesOnly: true });
    const client = clientOf(plain);
    expect((await client.entry(7)).entry).toEqual(plain.entries[7]);
    expect((await client.entry(299)).entry).toEqual(plain.entries[299]);
    expect(plain.paths.filter((path) => path.startsWith("entry/"))).toEqual(["entry/7"]);
  });
});

describe("tiles", () => {
  test("TILE-8: a partial that is gone is replaced by the start of the full tile, on 404 only", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    const client = clientOf(log, { cache: memoryTiles({ maxBytes: 0 }) });
    const head = await client.checkpoint();
    log.entries.push(...numbered(300, 300));
    await log.publish();
    log.dropsPartials = true;
    // The client still works on the head of 300 entries, whose partial tile and bundle are gone.
    const entries = await collect(client.entries({ start: 290, end: head.treeSize }));
    expect(entries.map(({ entry }) => entry)).toEqual(log.entries.slice(290, 300));
    expect(log.paths).toEqual(expect.arrayContaining(["tile/0/001.p/44", "tile/0/001", "tile/entries/001"]));
    for (const status of [400, 403, 410, 500]) {
      log.intercept = (path) => (path.includes(".p/") ? new Response("", { status }) : undefined);
      log.paths.length = 0;
      await expectCodeAsync(collect(client.entries({ start: 290, end: 300 })), "REMOTE_REFUSED");
      expect(log.paths).not.toContain("tile/0/001");
    }
  });

  test("TILE-8: no partial is asked for but those a verified checkpoint implies", async () => {
    const log = await openFakeLog({ entries: numbered(1000) });
    const client = clientOf(log);
    await collect(client.entries());
    await client.receipt(5);
    await client.inclusion({ leafIndex: 4, treeSize: 500 });
    const partials = new Set(log.paths.filter((path) => path.includes(".p/")));
    expect([...partials].sort()).toEqual(["tile/0/003.p/232", "tile/1/000.p/3", "tile/entries/003.p/232"]);
    const [first] = log.paths;
    expect(first).toBe("checkpoint");
  });

  test("come from the cache the second time", async () => {
    const log = await openFakeLog({ entries: numbered(600) });
    const cache = memoryTiles();
    await clientOf(log, { cache }).inclusion({ leafIndex: 5 });
    log.paths.length = 0;
    await clientOf(log, { cache }).inclusion({ leafIndex: 5 });
    expect(log.paths).toEqual(["checkpoint"]);
  });

  test("damaged in the cache are fetched again and replaced", async () => {
    const log = await openFakeLog({ entries: numbered(600) });
    const cache = memoryTiles();
    await clientOf(log, { cache }).inclusion({ leafIndex: 5 });
    await cache.save(log.origin, "tile/0/000", new Uint8Array(8192));
    await cache.save(log.origin, "tile/1/000.p/2", new Uint8Array(3));
    expect((await clientOf(log, { cache }).inclusion({ leafIndex: 5 })).leafHash).toEqual(
      leafHash(log.entries[5]!),
    );
    expect(await cache.load(log.origin, "tile/0/000")).not.toEqual(new Uint8Array(8192));
  });

  test.each([
    ["one wrong bit", (tile: Uint8Array) => tile.with(40, tile[40]! ^ 1), "ROOT_MISMATCH"],
    ["one byte less", (tile: Uint8Array) => tile.slice(1), "TILE_MALFORMED"],
    ["one byte more", (tile: Uint8Array) => Uint8Array.from([...tile, 0]), "REMOTE_TOO_LARGE"],
    ["nothing", () => new Uint8Array(0), "TILE_MALFORMED"],
  ] as const)("with %s are refused and not cached", async (_, bend, code) => {
    for (const bent of ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"]) {
      const log = await openFakeLog({ entries: numbered(600) });
      const good = new Uint8Array(await (await log.fetch(`${log.url}/${bent}`, getInit())).arrayBuffer());
      log.intercept = (path) => (path === bent ? new Response(new Uint8Array(bend(good))) : undefined);
      const cache = memoryTiles();
      await expectCodeAsync(clientOf(log, { cache }).inclusion({ leafIndex: 5 }), code);
      expect(await cache.load(log.origin, bent)).toBeUndefined();
    }
  });
});

describe("bundles", () => {
  test("with another entry in them are refused", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    const honest = await openFakeLog({
      entries: numbered(300).toSpliced(200, 1, new TextEncoder().encode("evil 200")),
    });
    log.intercept = (path, init) =>
      path.startsWith("tile/entries/") ? honest.fetch(`${log.url}/${path}`, init) : undefined;
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { leafIndex } of clientOf(log).entries()) seen.push(leafIndex);
    })();
    await expectCodeAsync(reading, "ENTRY_MISMATCH");
    expect(seen).toEqual([]);
    log.intercept = (path) => (path === "entry/4" ? new Response("evil") : undefined);
    await expectCodeAsync(clientOf(log).entry(4), "ENTRY_MISMATCH");
  });

  test("cut short, with bytes behind them or too large are refused", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    for (const [body, code] of [
      [new Uint8Array(2), "BUNDLE_MALFORMED"],
      [new Uint8Array(7), "BUNDLE_MALFORMED"],
      [new Uint8Array(8), "BUNDLE_MALFORMED"],
      [new Uint8Array(3 * 65_537 + 1), "REMOTE_TOO_LARGE"],
    ] as const) {
      log.intercept = (path) => (path.startsWith("tile/entries/") ? new Response(body) : undefined);
      await expectCodeAsync(collect(clientOf(log).entries()), code);
    }
  });
});

describe("lookup", () => {
  test("gives the index of a leaf hash, and undefined for one the log does not have", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    expect(await clientOf(log).lookup(leafHash(log.entries[7]!))).toBe(7);
    expect(await clientOf(log).lookup(leafHash(new Uint8Array(5)))).toBeUndefined();
  });

  test("believes no index that tiles do not confirm, and none that is no index", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const hash = leafHash(log.entries[7]!);
    for (const [answer, code] of [
      ['{"leafIndex":8}', "ENTRY_MISMATCH"],
      ['{"leafIndex":20}', "NOT_PUBLISHED"],
      ['{"leafIndex":9007199254740993}', "REMOTE_MALFORMED"],
      ['{"leafIndex":"7"}', "REMOTE_MALFORMED"],
      ['{"leafIndex":-1}', "REMOTE_MALFORMED"],
      ['{"leafIndex":{"toString":0,"valueOf":0}}', "REMOTE_MALFORMED"],
      ['{"leafIndex":"\\u001b]0;\\u009b"}', "REMOTE_MALFORMED"],
      ["[7]", "REMOTE_MALFORMED"],
      ["7", "REMOTE_MALFORMED"],
      ["\ufffd{", "REMOTE_MALFORMED"],
    ] as const) {
      log.intercept = (path) => (path.startsWith("lookup/") ? new Response(answer) : undefined);
      const error = await expectCodeAsync(clientOf(log).lookup(hash), code);
      expect(error.message).toMatch(/^[ -~]*$/);
    }
  });
});

function getInit() {
  return { method: "GET", headers: {}, redirect: "manual", signal: new AbortController().signal } as const;
}

test("a client keeps nothing of another log with the same memory and cache", async () => {
  const [one, other] = [
    await openFakeLog({ origin: "one", entries: numbered(9) }),
    await openFakeLog({ origin: "other" }),
  ];
  const shared = { checkpoints: memoryCheckpoints(), cache: memoryTiles() };
  expect((await clientOf(one, shared).checkpoint()).progress).toBe("first");
  expect((await clientOf(other, shared).checkpoint()).progress).toBe("first");
});
