import { describe, expect, test } from "vitest";
import type { Probe, ProbeAnswer } from "../../src/conformance/probe.ts";
import { runWitnessConformance } from "../../src/conformance/witness/run.ts";
import { openTestLogs } from "../../src/conformance/witness/test-logs.ts";
import { TlogError } from "../../src/errors.ts";
import { openHttpProbe } from "../../src/node/http-probe.ts";
import { serveWitness } from "../../src/server.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { sha256 } from "../reference/merkle.ts";
import { IS_FULL, someBelow } from "../runs.ts";
import { spoilersOf } from "./witness-spoilers.ts";
import { CASES, testOwn, witnessUnderTest } from "./witness-under-test.ts";

const NOW_MS = 1_700_000_000_000;

/** Answers everything the same way. */
function stubborn(answer: Partial<ProbeAnswer>): Probe {
  const whole = { status: 500, headers: new Map<string, string>(), body: new Uint8Array(0), ...answer };
  return { url: "http://stub.test/", requests: () => 0, exchange: () => Promise.resolve(whole) };
}

async function resultsOf(probe: Probe, signal = new AbortController().signal) {
  return await runWitnessConformance({
    cases: CASES,
    probe,
    monitoring: undefined,
    logs: await openTestLogs({ definitions: CASES.logs }),
    witnessKeys: [],
    now: () => NOW_MS,
    onResult: () => undefined,
    signal,
  });
}

describe("bristlecone's witness under its own tester", () => {
  test("meets every case, over HTTP, and again in a second run", async () => {
    const { witness, keys, logs } = await witnessUnderTest();
    const server = await serveWitness({ witness, listen: { host: "127.0.0.1", port: 0 } });
    const { signal } = new AbortController();
    const limits = { ratePerSecond: 1e6, timeoutMs: 10_000, maxRequests: 1000, maxBytes: 1e8 };
    const probe = openHttpProbe({ url: server.url, ...limits, maxAnswerBytes: 1e6, signal });
    const run = async () =>
      await runWitnessConformance({
        cases: CASES,
        probe,
        monitoring: probe,
        logs,
        witnessKeys: keys,
        now: () => NOW_MS,
        onResult: () => undefined,
        signal,
      });
    try {
      const first = await run();
      expect(first.filter(({ verdict }) => verdict !== "pass" && verdict !== "open")).toEqual([]);
      expect(probe.requests()).toBeLessThan(200);
      if (!IS_FULL) return;
      // What needs a log that was never cosigned, or not forked yet, can be tried once.
      const second = await run();
      const notRun = second.filter(({ verdict }) => verdict === "not-run").map(({ name }) => name);
      expect(second.filter(({ verdict }) => verdict === "fail" || verdict === "warn")).toEqual([]);
      // Whether a hash has a character that the other alphabet lacks depends on the size.
      expect(notRun.filter((name) => !name.includes("url-alphabet"))).toEqual([
        "first-checkpoint-is-cosigned",
        "other-root-of-the-same-size-is-422",
        "growth-of-another-tree-is-422",
        "empty-tree-with-another-root-is-422",
      ]);
    } finally {
      await server.close({ deadlineMs: 0 });
      await probe.close();
    }
  });

  test("is sent what the case file says", async () => {
    const { exchanges } = await testOwn();
    // An ML-DSA-44 signature of the log is another one each time, and what is open may have moved the witness on.
    const judged = CASES.cases.filter(({ open, log }) => open === undefined && log !== "ml-dsa");
    const sent = new Map(
      exchanges.flatMap(({ caseName, purpose, request }) =>
        purpose === "case" ? [[caseName, request]] : [],
      ),
    );
    const compared = judged.filter(({ name, example }) => {
      const body = sent.get(name)?.body ?? new Uint8Array(0);
      const { body: text, bodyHex, bodyLength, bodySha256 } = example;
      if (text !== undefined)
        expect({ name, body: new TextDecoder().decode(body) }).toEqual({ name, body: text });
      if (bodyHex !== undefined) expect({ name, body: encodeHex(body) }).toEqual({ name, body: bodyHex });
      if (bodySha256 !== undefined)
        expect([name, body.length, encodeHex(sha256(body))]).toEqual([name, bodyLength, bodySha256]);
      return text !== undefined || bodyHex !== undefined || bodySha256 !== undefined;
    });
    expect(compared.length).toBeGreaterThan(100);
  });
});

describe("each case notices", () => {
  const judged = CASES.cases.filter(({ expect: wanted }) => wanted !== undefined);
  const rounds = Math.max(...judged.map((one) => spoilersOf(one).length));

  test("has a spoiler for everything it asks for", () => {
    for (const one of judged)
      expect({ name: one.name, spoilers: spoilersOf(one).length > 0 }).toMatchObject({ spoilers: true });
  });

  // All cases are spoiled at once: one wrong answer makes no other case wrong, so this shows that too.
  test.each(someBelow(rounds))("spoiler %i of each case", async (index) => {
    const spoiled = new Map(
      judged.flatMap((one) => {
        const spoil = spoilersOf(one)[index];
        return spoil === undefined ? [] : [[one.name, spoil] as const];
      }),
    );
    const { results } = await testOwn({}, (answer, name) => spoiled.get(name)?.(answer) ?? answer);
    const wrong = results.filter(({ name, verdict }) => {
      const wanted = spoiled.has(name) ? ["fail", "warn"] : ["pass", "open"];
      return !wanted.includes(verdict);
    });
    expect(wrong.map(({ name, verdict, got }) => ({ name, verdict, got }))).toEqual([]);
  });
});

describe("a witness that cannot be tested", () => {
  test.each([429, 503])("fails nothing by answering %i", async (status) => {
    const results = await resultsOf(stubborn({ status }));
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(["not-run"]));
  });

  test("that knows none of the logs is asked only about unknown ones", async () => {
    const results = await resultsOf(stubborn({ status: 404 }));
    const tried = results.filter(({ verdict }) => verdict !== "not-run").map(({ name }) => name);
    expect(tried).toContain("unknown-origin-is-404");
    expect(results.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  });

  test("that closes every connection fails, and the run ends where the probe gives up", async () => {
    const closing = stubborn({});
    let left = 5;
    const exchange = () => {
      left -= 1;
      return Promise.reject(new TlogError(left > 0 ? "REMOTE_UNREACHABLE" : "PROBE_EXHAUSTED", "closed"));
    };
    await expect(resultsOf({ ...closing, exchange })).rejects.toMatchObject({ code: "PROBE_EXHAUSTED" });
  });

  test("is left alone once the run is interrupted", async () => {
    await expect(resultsOf(stubborn({}), AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
  });
});
