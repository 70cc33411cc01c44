import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { verifyReceipt } from "../../client/receipts.ts";
import type { Sleep } from "../../client/waiting.ts";
import { leafHash } from "../../src/merkle/hash.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { clientOf } from "./client-of.ts";
import { numbered, openFakeLog, problem } from "./fake-log.ts";
import { fakeTime } from "./fake-time.ts";

describe("verifying a receipt offline", () => {
  test("needs the entry or its leaf hash, and the policy or the key", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const receipt = log.receipt(7);
    const entry = log.entries[7]!;
    const { vkey } = log;
    const policy = `log ${vkey}\nquorum none\n`;
    const wanted = { origin: log.origin, leafIndex: 7, treeSize: 20, leafHash: leafHash(entry) };
    expect(await verifyReceipt({ receipt, entry, vkey })).toMatchObject(wanted);
    expect(await verifyReceipt({ receipt, leafHash: leafHash(entry), policy })).toMatchObject(wanted);
    expect(await verifyReceipt({ receipt: new TextEncoder().encode(receipt), entry, vkey })).toMatchObject(
      wanted,
    );
  });

  test("refuses a receipt for another entry", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const claim = { receipt: log.receipt(7), vkey: log.vkey };
    await expectCodeAsync(verifyReceipt({ ...claim, entry: log.entries[8]! }), "PROOF_INVALID");
    await expectCodeAsync(verifyReceipt({ ...claim, leafHash: leafHash(log.entries[8]!) }), "PROOF_INVALID");
    await expectCodeAsync(verifyReceipt({ ...claim, leafHash: new Uint8Array(31) }), "HASH_MALFORMED");
    const renamed = { ...claim, receipt: log.receipt(7).replace("index 7", "index 8") };
    await expectCodeAsync(verifyReceipt({ ...renamed, entry: log.entries[7]! }), "PROOF_INVALID");
  });

  test("refuses a key beside a policy: the quorum must not be dropped unseen", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const [entry, { vkey }] = [log.entries[7]!, log];
    const both: object = { policy: `log ${vkey}\nquorum none\n`, vkey };
    await expectCodeAsync(
      verifyReceipt({ receipt: log.receipt(7), entry, ...(both as { vkey: string }) }),
      "ARGUMENT_INVALID",
    );
  });

  test("refuses a receipt of another log, and of a log of the policy that is not the one asked for", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const other = await openFakeLog({ origin: "other.example", seed: 2, entries: numbered(20) });
    const namesake = await openFakeLog({ seed: 2, entries: numbered(20) });
    const entry = log.entries[7]!;
    await expectCodeAsync(
      verifyReceipt({ receipt: other.receipt(7), entry, vkey: log.vkey }),
      "ORIGIN_MISMATCH",
    );
    await expectCodeAsync(
      verifyReceipt({ receipt: namesake.receipt(7), entry, vkey: log.vkey }),
      "SIGNATURE_MISSING",
    );
    const policy = `log ${log.vkey}\nlog ${other.vkey}\nquorum none\n`;
    expect((await verifyReceipt({ receipt: other.receipt(7), entry, policy })).origin).toBe(other.origin);
    const { origin } = log;
    await expectCodeAsync(
      verifyReceipt({ receipt: other.receipt(7), entry, policy, origin }),
      "ORIGIN_MISMATCH",
    );
  });

  test("refuses a receipt cut short anywhere", async () => {
    const log = await openFakeLog({ entries: numbered(5) });
    const receipt = log.receipt(2);
    const entry = log.entries[2]!;
    const verdicts: boolean[] = [];
    for (let end = 0; end < receipt.length; end++) {
      const cut = verifyReceipt({ receipt: receipt.slice(0, end), entry, vkey: log.vkey });
      verdicts.push(
        await cut.then(
          () => true,
          () => false,
        ),
      );
    }
    expect(verdicts).not.toContain(true);
  });

  test("refuses an index beyond 2^53 by name", async () => {
    const log = await openFakeLog({ entries: numbered(20) });
    const receipt = log.receipt(7).replace("index 7", "index 9007199254740993");
    await expectCodeAsync(
      verifyReceipt({ receipt, entry: log.entries[7]!, vkey: log.vkey }),
      "NUMBER_TOO_LARGE",
    );
  });
});

test("the receipt shown in spec/receipt.md verifies", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../spec/receipt.md"), "utf8");
  const receipt = /^```\n(c2sp[^`]*)^```/m.exec(page)?.[1] ?? "";
  const vkey = /key is `([^`]+)`/.exec(page)?.[1] ?? "";
  const entry = new TextEncoder().encode(/bytes `([^`]+)`/.exec(page)?.[1]);
  expect(await verifyReceipt({ receipt, entry, vkey })).toMatchObject({ leafIndex: 2, treeSize: 6 });
});

describe("a receipt from the log", () => {
  test("is verified against the entry, the policy and the remembered head, which it may renew", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    const checkpoints = memoryCheckpoints();
    const client = clientOf(log, { checkpoints });
    const receipt = await client.receipt(7, { entry: log.entries[7]! });
    expect(receipt).toMatchObject({ leafIndex: 7, treeSize: 300, text: log.receipt(7) });
    expect(await checkpoints.load(log.origin)).toEqual(receipt.signedNote);
    await verifyReceipt({ receipt: receipt.text, entry: log.entries[7]!, vkey: log.vkey });
  });

  test("without an entry is verified against the log's own tiles", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    expect((await clientOf(log).receipt(7)).leafHash).toEqual(leafHash(log.entries[7]!));
    expect(log.paths).toContain("tile/0/000");
  });

  test("is made from tiles where the log has no receipts, and is the same", async () => {
    const log = await openFakeLog({ entries: numbered(300), tilesOnly: true });
    const client = clientOf(log);
    for (const leafIndex of [0, 299])
      expect((await client.receipt(leafIndex)).text).toBe(log.receipt(leafIndex));
    expect(log.paths.filter((path) => path.startsWith("receipt/"))).toEqual(["receipt/0"]);
    await expectCodeAsync(client.receipt(7, { entry: log.entries[8]! }), "PROOF_INVALID");
    await expectCodeAsync(client.receipt(300), "NOT_PUBLISHED");
  });

  test("for another index, another entry, another log or another history is refused", async () => {
    const log = await openFakeLog({ entries: numbered(300) });
    const other = await openFakeLog({ origin: "other.example", entries: numbered(300) });
    const forked = await openFakeLog({ entries: numbered(300, 1) });
    const answer = (text: string) => {
      log.intercept = (path) => (path.startsWith("receipt/") ? new Response(text) : undefined);
    };
    const client = clientOf(log);
    await client.checkpoint();
    answer(log.receipt(8));
    await expectCodeAsync(client.receipt(7), "ENTRY_MISMATCH");
    await expectCodeAsync(client.receipt(7, { entry: log.entries[7]! }), "PROOF_INVALID");
    answer(other.receipt(7));
    await expectCodeAsync(client.receipt(7), "ORIGIN_MISMATCH");
    answer(forked.receipt(7));
    await expectCodeAsync(client.receipt(7), "LOG_FORKED");
    answer(log.receipt(7).slice(0, 100));
    await expectCodeAsync(client.receipt(7), "RECEIPT_MALFORMED");
    answer(log.receipt(7).replace("index 7", "index 300"));
    await expectCodeAsync(client.receipt(300), "PROOF_INVALID");
  });

  test("is told apart from one that is not there yet and from one that never will be", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.entries.push(...numbered(1, 3));
    const client = clientOf(log);
    await expectCodeAsync(client.receipt(3), "NOT_PUBLISHED");
    await expectCodeAsync(client.receipt(4), "ENTRY_UNKNOWN");
    await expectCodeAsync(client.receipt(-1), "ARGUMENT_INVALID");
    await expectCodeAsync(client.receipt(2 ** 53), "ARGUMENT_INVALID");
  });
});

describe("waiting for a receipt", () => {
  test("asks again as the log says until it is published", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.entries.push(...numbered(1, 3));
    const time = fakeTime({ timeoutMs: 30_000 });
    let asked = 0;
    log.intercept = async (path) => {
      if (path !== "receipt/3" || ++asked > 2) return undefined as never;
      if (asked === 2) await log.publish();
      return problem("NOT_PUBLISHED", 404, { "retry-after": "1" });
    };
    const receipt = await clientOf(log, time).waitForReceipt(3);
    expect(receipt.leafIndex).toBe(3);
    expect(time.pauses).toEqual([1000, 1000]);
  });

  test("ends with NOT_PUBLISHED when the time is over, and at once for an entry that is not there", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.entries.push(...numbered(1, 3));
    const time = fakeTime({ timeoutMs: 30_000 });
    await expectCodeAsync(clientOf(log, time).waitForReceipt(3, { timeoutMs: 40_000 }), "NOT_PUBLISHED");
    const sum = (pauses: readonly number[]): number => pauses.reduce((total, pause) => total + pause, 0);
    expect(sum(time.pauses)).toBeGreaterThanOrEqual(40_000);
    expect(sum(time.pauses.slice(0, -1))).toBeLessThan(40_000);
    await expectCodeAsync(clientOf(log).waitForReceipt(4), "ENTRY_UNKNOWN");
  });

  test("ends when the time is over, however long a request takes", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.intercept = (path) => (path.startsWith("receipt/") ? new Promise<Response>(() => {}) : undefined);
    const time = fakeTime({ timeoutMs: 30_000 });
    const limits: number[] = [];
    const sleep: Sleep = (ms, signal) => {
      limits.push(ms);
      return ms === 7_000 ? Promise.resolve() : time.sleep(ms, signal);
    };
    await expectCodeAsync(clientOf(log, { sleep }).waitForReceipt(0, { timeoutMs: 7_000 }), "NOT_PUBLISHED");
    expect(limits).toEqual([7_000, 30_000]);
  });

  test("asks no more than ten times a second, whatever the log asks for", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.intercept = (path) =>
      path.startsWith("receipt/") ? problem("NOT_PUBLISHED", 404, { "retry-after": "0" }) : undefined;
    const time = fakeTime({ timeoutMs: 30_000 });
    await expectCodeAsync(clientOf(log, time).waitForReceipt(0), "NOT_PUBLISHED");
    expect(new Set(time.pauses)).toEqual(new Set([100]));
  });

  test("works where the log has no receipts", async () => {
    const log = await openFakeLog({ entries: numbered(3), tilesOnly: true });
    log.entries.push(...numbered(1, 3));
    let checkpoints = 0;
    log.intercept = async (path) => {
      if (path === "checkpoint" && ++checkpoints === 3) await log.publish();
      return undefined as never;
    };
    expect((await clientOf(log).waitForReceipt(3)).treeSize).toBe(4);
  });

  test("aborts with the signal", async () => {
    const log = await openFakeLog({ entries: numbered(3) });
    log.entries.push(...numbered(1, 3));
    const controller = new AbortController();
    log.intercept = (path) => {
      if (path === "receipt/3") setImmediate(() => controller.abort());
      return undefined;
    };
    await expectCodeAsync(
      clientOf(log).waitForReceipt(3, { signal: controller.signal, timeoutMs: 1e9 }),
      "ABORTED",
    );
  });
});
