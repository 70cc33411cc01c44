import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { ReceiptWaiter } from "../../src/http/receipts.ts";
import type { Log } from "../../src/log/log.ts";
import { openTestLog, replaced } from "./test-log.ts";

type Exchange = Parameters<ReceiptWaiter["receiptWithin"]>[0]["exchange"];

/** A log whose publications are made by hand, and how often it was asked to wait. */
async function manualLog() {
  const log = await openTestLog();
  const checkpoint = log.published();
  const waits: { resolve: () => void; reject: (error: unknown) => void; signal: AbortSignal }[] = [];
  let treeSize = 0;
  const published = () => ({ ...checkpoint, treeSize });
  const methods: Partial<Log> = {
    published,
    untilPublished: (leafIndex, { signal }) =>
      new Promise((resolve, reject) => {
        expect(leafIndex).toBe(treeSize);
        waits.push({ resolve: () => resolve(published()), reject, signal });
        signal.addEventListener("abort", () => reject(new TlogError("ABORTED", "aborted")), { once: true });
      }),
    receiptBytes: async (leafIndex) => Uint8Array.of(leafIndex),
  };
  const publish = (size: number) => {
    treeSize = size;
    waits.at(-1)?.resolve();
  };
  return { log: replaced(log, methods), waits, publish };
}

function exchangeOf(signal = new AbortController().signal, more: Partial<Exchange> = {}): Exchange {
  return { signal, closing: undefined, outgoing: undefined, ...more };
}

function answerOf(): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()));
}

const LONG = 60_000;

describe("a waiter for receipts", () => {
  it("asks the log once for all, and answers each when its leaf is covered", async () => {
    const { log, waits, publish } = await manualLog();
    const waiter = new ReceiptWaiter(log, { maxWaiting: 10 });
    const wait = (leafIndex: number) =>
      waiter.receiptWithin({ leafIndex, waitMs: LONG, exchange: exchangeOf() });
    const all = [wait(5), wait(1), wait(2)];
    expect(waits).toHaveLength(1);
    publish(3);
    expect(await Promise.all(all.slice(1))).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(waits).toHaveLength(2);
    all.push(wait(3));
    publish(6);
    expect(await all[0]).toEqual(Uint8Array.of(5));
    expect(await all[3]).toEqual(Uint8Array.of(3));
    expect(waits).toHaveLength(2);
    expect(await wait(4)).toEqual(Uint8Array.of(4));
    const later = wait(6);
    expect(waits).toHaveLength(3);
    publish(7);
    expect(await later).toEqual(Uint8Array.of(6));
  });

  it("ends the wait of whoever leaves, and the log's when nobody is left", async () => {
    const { log, waits, publish } = await manualLog();
    const waiter = new ReceiptWaiter(log, { maxWaiting: 2 });
    const outgoing = answerOf();
    const caller = new AbortController();
    const both = [exchangeOf(undefined, { outgoing }), exchangeOf(caller.signal)].map((exchange) =>
      waiter.receiptWithin({ leafIndex: 0, waitMs: LONG, exchange }),
    );
    const late = () => waiter.receiptWithin({ leafIndex: 0, waitMs: LONG, exchange: exchangeOf() });
    expect(await late()).toBeUndefined(); // no room
    outgoing.emit("close");
    expect(await both[0]).toBeUndefined();
    expect(waits[0]?.signal.aborted).toBe(false);
    caller.abort();
    const next = late(); // comes before the log has noticed
    expect(await both[1]).toBeUndefined();
    expect(waits[0]?.signal.aborted).toBe(true);
    await expect.poll(() => waits.length).toBe(2);
    publish(1);
    expect(await next).toEqual(Uint8Array.of(0));
  });

  it("does not wait for who is gone already, nor when the listener closes", async () => {
    const { log, waits } = await manualLog();
    const waiter = new ReceiptWaiter(log, { maxWaiting: 10 });
    const closing = new AbortController();
    const wait = (exchange: Exchange) => waiter.receiptWithin({ leafIndex: 0, waitMs: LONG, exchange });
    const gone = Object.defineProperty(answerOf(), "closed", { value: true });
    expect(await wait(exchangeOf(undefined, { outgoing: gone }))).toBeUndefined();
    expect(await wait(exchangeOf(AbortSignal.abort()))).toBeUndefined();
    expect(waits).toHaveLength(0);
    const ofOther = wait(exchangeOf());
    const waiting = [1, 2].map(() => wait(exchangeOf(undefined, { closing: closing.signal })));
    closing.abort();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    expect(await wait(exchangeOf(undefined, { closing: closing.signal }))).toBeUndefined();
    expect(waits[0]?.signal.aborted).toBe(false);
    waits[0]?.reject(new TlogError("LOG_CLOSING", "closing"));
    expect(await ofOther).toBeUndefined();
  });

  it("waits as long as each asked for, whoever came first", async () => {
    const { log, publish } = await manualLog();
    const waiter = new ReceiptWaiter(log, { maxWaiting: 10 });
    const wait = (waitMs: number) => waiter.receiptWithin({ leafIndex: 0, waitMs, exchange: exchangeOf() });
    const long = wait(2 ** 40);
    expect(await Promise.all([wait(20), wait(5), wait(10), wait(0)])).toEqual(Array(4).fill(undefined));
    publish(1);
    expect(await long).toEqual(Uint8Array.of(0));
  });

  it("fails the request, and no later one, when the log fails in a way that has no code", async () => {
    const { log, waits, publish } = await manualLog();
    const waiter = new ReceiptWaiter(log, { maxWaiting: 10 });
    const wait = () => waiter.receiptWithin({ leafIndex: 0, waitMs: LONG, exchange: exchangeOf() });
    const failing = expect(wait()).rejects.toThrow(TypeError);
    waits[0]?.reject(new TypeError("a bug"));
    await failing;
    const next = wait();
    publish(1);
    expect(await next).toEqual(Uint8Array.of(0));
  });
});
