import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stopServe } from "../cli/harness.ts";
import { RawClient } from "../http/raw-client.ts";
import { IS_FULL } from "../runs.ts";
import { ask, type ReadersLog, startReaders } from "./serve-readers.ts";

const RECEIPT = { Accept: "text/x.tlog.proof", Prefer: "wait=10" };

/** Entries of each writer; all the while others look as fast as they can. */
const ROUNDS = IS_FULL ? 20 : 8;

describe("a log with three readers", () => {
  let log: ReadersLog;
  beforeAll(async () => {
    log = await startReaders(3);
  });
  afterAll(async () => {
    expect(await stopServe(log)).toMatchObject({ code: 0 });
  });

  it("never shows a checkpoint older than one that somebody saw before, under load", async () => {
    let largest = 0; // that anybody has seen
    const wrong: string[] = [];
    const see = (treeSize: number, before: number, where: string) => {
      if (treeSize < before) wrong.push(`${where}: ${treeSize} after ${before}`);
      largest = Math.max(largest, treeSize);
    };
    let isWriting = true;
    let looks = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let at = 0; at < ROUNDS; at++) {
        const before = largest;
        const { status, text } = await ask(`${log.url}/add`, {
          method: "POST",
          headers: RECEIPT,
          body: `${writer} ${at}`,
        });
        expect(status).toBe(200);
        see(Number(/\n\n[^\n]+\n(\d+)\n/.exec(text)?.[1]), before, "receipt of the writer");
        const index = Number(/^index (\d+)$/m.exec(text)?.[1]);
        // Another connection, and so mostly another process.
        const known = largest;
        const again = await ask(`${log.url}/receipt/${index}`);
        expect(again.status).toBe(200);
        see(Number(/\n\n[^\n]+\n(\d+)\n/.exec(again.text)?.[1]), known, "receipt");
      }
    });
    const lookers = Array.from({ length: 6 }, async (_, looker) => {
      // Kept connections stay with one reader, others move between them.
      const agent = new Agent({ keepAlive: looker % 2 === 0, maxSockets: 1 });
      while (isWriting) {
        const before = largest;
        const { text } = await ask(`${log.url}/checkpoint`, { agent });
        see(Number(text.split("\n")[1]), before, "checkpoint");
        looks += 1;
      }
      agent.destroy();
    });
    await Promise.all(writers).finally(() => {
      isWriting = false;
    });
    await Promise.all(lookers);
    expect(wrong).toEqual([]);
    expect(largest).toBe(4 * ROUNDS);
    expect(looks).toBeGreaterThan(20);
  }, 60_000);

  it("knows an entry that was answered, whichever process is asked", async () => {
    const { text } = await ask(`${log.url}/add`, { method: "POST", body: "soon" });
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await ask(`${log.url}/receipt/${text}`)).status),
    );
    expect(statuses.every((status) => status === 200 || status === 404)).toBe(true);
    await ask(`${log.url}/add`, { method: "POST", headers: RECEIPT, body: "soon" });
    for (let at = 0; at < 12; at++) {
      for (const path of [`receipt/${text}`, `entry/${text}`, `tile/entries/000.p/${Number(text) + 1}`]) {
        expect((await ask(`${log.url}/${path}`)).status, path).toBe(200);
      }
    }
  });

  it("tells whoever listens to any of them, also in a way that they pass on, and ends all streams when it ends", async () => {
    const listeners = await Promise.all(
      ["1.1", "1.1", "1.1", "1.1", "1.0"].map(async (version) => {
        const client = await RawClient.open(log.url);
        client.send(`GET /events?entries=1 HTTP/${version}\r\nHost: 127.0.0.1\r\n\r\n`);
        await client.until(/event: checkpoint/);
        return client;
      }),
    );
    const { text } = await ask(`${log.url}/add`, { method: "POST", body: "told to all" });
    for (const client of listeners) await client.until(new RegExp(`"leafIndex":${text},`));
  });

  it("says how many readers are up", async () => {
    const { status, text } = await ask(`${log.adminUrl}/readyz`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ status: "writable", readers: { wanted: 3, up: 3 } });
  });
});
