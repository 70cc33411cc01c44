import { describe, expect, test } from "vitest";
import { TlogError } from "../../src/errors.ts";
import { singleKeyPolicy } from "../../src/tlog/policy.ts";
import { verifyTlogProof } from "../../src/tlog/proof.ts";
import { openTestLog, replaced, testApp } from "./test-log.ts";

const RECEIPT = "text/x.tlog.proof";

function post(
  app: ReturnType<typeof testApp>,
  body: NonNullable<RequestInit["body"]>,
  headers: Record<string, string> = {},
) {
  return app.request("/add", { method: "POST", body, headers });
}

describe("POST /add with Prefer: wait", () => {
  test("answers with a receipt that verifies", async () => {
    const log = await openTestLog();
    const response = await post(testApp(log), "entry", { Accept: RECEIPT, Prefer: "respond-async, wait=10" });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe(RECEIPT);
    expect(response.headers.get("Preference-Applied")).toBe("wait=10");
    const verified = await verifyTlogProof({
      receipt: await response.text(),
      entry: new TextEncoder().encode("entry"),
      policy: singleKeyPolicy(log.vkeys[0]!),
    });
    expect(verified).toMatchObject({ origin: log.origin, leafIndex: 0 });
  });

  test("when the wait runs out the entry is durable all the same: 202, its index and where the receipt will be", async () => {
    const log = await openTestLog();
    const never = replaced(log, {
      untilPublished: (_leafIndex, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new TlogError("ABORTED", "aborted")), { once: true });
        }),
      published: () => ({ ...log.published(), treeSize: 0 }),
    });
    const app = testApp(never, { limits: { maxWaitMs: 20 } });
    for (const [prefer, applied] of [
      ["wait=0", "wait=0"],
      ["wait=999999999", "wait=1"],
      ["wait=never", null],
    ] as const) {
      const response = await post(app, "entry", { Accept: RECEIPT, Prefer: prefer });
      expect(response.status).toBe(202);
      expect(await response.text()).toBe("0");
      expect(response.headers.get("Location")).toBe("/receipt/0");
      expect(response.headers.get("Retry-After")).toBe("1");
      expect(response.headers.get("Preference-Applied")).toBe(applied);
    }
  });

  test("without room for another waiter, and when the log closes meanwhile, answers 202 at once", async () => {
    const log = await openTestLog();
    const published = () => ({ ...log.published(), treeSize: 0 });
    const headers = { Accept: RECEIPT, Prefer: "wait=60" };
    const full = testApp(replaced(log, { published }), { limits: { maxWaiting: 0 } });
    expect((await post(full, "entry", headers)).status).toBe(202);
    const untilPublished = () => Promise.reject(new TlogError("LOG_CLOSING", "closing"));
    const closing = testApp(replaced(log, { published, untilPublished }));
    expect((await post(closing, "entry", headers)).status).toBe(202);
  });

  test("a client that goes away ends its wait", async () => {
    const log = await openTestLog();
    const client = new AbortController();
    let seen: AbortSignal | undefined;
    const app = testApp(
      replaced(log, {
        published: () => ({ ...log.published(), treeSize: 0 }),
        untilPublished: (_leafIndex, { signal }) =>
          new Promise((_resolve, reject) => {
            seen = signal;
            signal.addEventListener("abort", () => reject(new TlogError("ABORTED", "aborted")), {
              once: true,
            });
            client.abort();
          }),
      }),
    );
    const init = { method: "POST", body: "x", headers: { Accept: RECEIPT, Prefer: "wait=60" } };
    await app.request(new Request("http://localhost/add", { ...init, signal: client.signal }));
    expect(seen?.aborted).toBe(true);
  });
});
