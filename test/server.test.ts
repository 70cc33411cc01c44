import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLogClient, verifyReceipt } from "../client/index.ts";
import { openGuardFile } from "../src/keys/guard-file.ts";
import { type Log, openLog, serveLog } from "../src/server.ts";
import { expectCodeAsync } from "./expect-code.ts";
import { entry, gate, testSigner } from "./log/harness.ts";

let folder: string;
let directory: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bristlecone-server-"));
  directory = join(folder, "data");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function open(options: Partial<Parameters<typeof openLog>[0]> = {}): Promise<Log> {
  return await openLog({ directory, signer: await testSigner(), ...options });
}

describe("openLog", () => {
  it("keeps a log in a directory across openings, with its guard beside it", async () => {
    for (let life = 0; life < 3; life += 1) {
      await using log = await open();
      expect(log.published().treeSize).toBe(life);
      expect(await log.add(entry(life))).toMatchObject({ leafIndex: life, duplicate: false });
      expect(await log.add(entry(0))).toMatchObject({ leafIndex: 0, duplicate: true });
    }
    expect((await readdir(folder)).sort()).toEqual(["data", "data.guard"]);
  });

  it("is refused to a second opener, and free again after the first closes", async () => {
    const first = await open();
    const error = await expectCodeAsync(open(), "STORE_LOCKED");
    expect(error.message).toContain(directory);
    await first.add(entry(0));
    await first.close();
    await using second = await open();
    expect(second.published().treeSize).toBe(1);
  });

  it("leaves nothing locked when the opening fails", async () => {
    await (await open()).close();
    await rm(`${directory}.guard`);
    await expectCodeAsync(open(), "GUARD_MISSING");
    await expectCodeAsync(open({ scrub: { bytesPerSecond: 0 } }), "ARGUMENT_INVALID");
    await expectCodeAsync(open(), "GUARD_MISSING");
    await using log = await open({ recreateGuard: true });
    expect(log.state().status).toBe("writable");
  });

  it("refuses a guard inside the data directory, where one restore takes both back", async () => {
    const guard = await openGuardFile(join(directory, "log.guard"));
    await expectCodeAsync(open({ guard }), "ARGUMENT_INVALID");
  });

  it("refuses it there through a symbolic link too", async () => {
    await (await open()).close();
    await symlink(directory, join(folder, "elsewhere"));
    const guard = await openGuardFile(join(folder, "elsewhere", "log.guard"));
    await expectCodeAsync(open({ guard }), "ARGUMENT_INVALID");
  });

  it("warns when guard and data share a volume", async () => {
    const codes: string[] = [];
    await using _log = await open({ events: { warning: ({ code }) => codes.push(code) } });
    expect(codes).toEqual(["GUARD_ON_SAME_VOLUME"]);
  });

  it("refuses the directory of another origin", async () => {
    await (await open()).close();
    await expectCodeAsync(
      open({ signer: await testSigner(7, "example.org/other") }),
      "STORE_ORIGIN_MISMATCH",
    );
  });

  it("wants a signer, and a place", async () => {
    await expectCodeAsync(openLog({ directory }), "ARGUMENT_INVALID");
    await expectCodeAsync(openLog({ signer: await testSigner() }), "ARGUMENT_INVALID");
  });

  it("turns read-only when the store is full, and stays whole", async () => {
    const failures: string[] = [];
    const events = { turnedReadOnly: ({ message }: { message: string }) => failures.push(message) };
    const log = await open({ maxStoreBytes: 2 * 1024 * 1024, events });
    let answered = 0;
    let refusal: unknown;
    while (refusal === undefined && answered < 1000) {
      const added = log.add(
        new Uint8Array(16_384).fill(answered % 251).fill(Math.floor(answered / 251), 0, 1),
      );
      await added.then(
        () => {
          answered += 1;
        },
        (error: unknown) => {
          refusal = error;
        },
      );
    }
    expect(refusal).toMatchObject({ code: "LOG_READ_ONLY" });
    expect(failures[0]).toContain("STORE_FULL");
    await log.close();
    await using again = await open();
    expect(again.published().treeSize).toBe(answered);
    expect(await again.add(entry("more"))).toMatchObject({ leafIndex: answered });
  });
});

describe("serveLog", () => {
  it("appends, proves and verifies over a socket with the client SDK", async () => {
    await using log = await open();
    const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
    try {
      const vkey = log.vkeys[0] ?? "";
      const client = openLogClient({ url: server.url, vkey });
      const entries = Array.from({ length: 700 }, (_, index) => entry(index));
      const { receipt } = await client.append(entry("first"), { waitForReceiptMs: 5000 });
      await client.appendBatch(entries);
      await client.waitForReceipt(700, { timeoutMs: 5000 });
      const verified = await verifyReceipt({ receipt: receipt?.text ?? "", entry: entry("first"), vkey });
      expect(verified).toMatchObject({ origin: log.origin, leafIndex: 0 });
      const read: Uint8Array[] = [];
      for await (const item of client.entries({ start: 0, end: 701 })) read.push(item.entry);
      expect(read).toEqual([entry("first"), ...entries]);
    } finally {
      await server.close();
    }
  });

  it("answers what is under way when it closes, and then no more", async () => {
    await using log = await open();
    const { passed, open: letGo } = gate();
    let arrived = 0;
    const held = withAdd(log, async (bytes) => {
      arrived += 1;
      await passed;
      return await log.add(bytes);
    });
    const anywhere = { host: "127.0.0.1", port: 0 };
    const server = await serveLog({ log: held, listen: anywhere, adminListen: anywhere });
    const adds = Array.from({ length: 20 }, (_, index) =>
      fetch(`${server.url}/add`, { method: "POST", body: `entry ${index}` }).then((response) =>
        response.text(),
      ),
    );
    await expect.poll(() => arrived).toBe(20);
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(200);
    const closing = server.close();
    const readiness = await fetch(`${server.adminUrl}/readyz`);
    expect([readiness.status, await readiness.json()]).toMatchObject([503, { status: "closing" }]);
    letGo();
    const indices = (await Promise.all(adds)).map(Number);
    expect([...indices].sort((a, b) => a - b)).toEqual(adds.map((_, index) => index));
    await closing;
    await expect(fetch(`${server.url}/checkpoint`)).rejects.toThrow();
  });

  it("says by name that an address is taken", async () => {
    await using log = await open();
    const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
    const port = Number(new URL(server.url).port);
    await expectCodeAsync(serveLog({ log, listen: { host: "127.0.0.1", port } }), "LISTEN_FAILED");
    await server.close();
  });

  it("keeps health on a listener of its own", async () => {
    await using log = await open();
    const anywhere = { host: "127.0.0.1", port: 0 };
    const server = await serveLog({ log, listen: anywhere, adminListen: anywhere });
    expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(404);
    await server.close();
  });
});

/** The log, but for its `add`. */
function withAdd(log: Log, add: Log["add"]): Log {
  return new Proxy(log, {
    get(target, name) {
      if (name === "add") return add;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
