/** A good witness over a bad network, or behind a gateway: what is lost there is not its failure. */
import { describe, expect, test } from "vitest";
import type { Probe, ProbeAnswer, ProbeRequest } from "../../src/conformance/probe.ts";
import { TlogError } from "../../src/errors.ts";
import { IS_FULL } from "../runs.ts";
import { CASES, probeOf, testOwn, witnessUnderTest } from "./witness-under-test.ts";

type Trouble = (request: ProbeRequest, inner: Probe) => Promise<ProbeAnswer>;

const lost = () => new TlogError("REMOTE_TIMEOUT", "nothing came in time");
const status = (code: number): ProbeAnswer => ({ status: code, headers: new Map(), body: new Uint8Array(0) });

async function stored(request: ProbeRequest, inner: Probe, answer: ProbeAnswer): Promise<ProbeAnswer> {
  await inner.exchange(request);
  return answer;
}

const TROUBLES: readonly Trouble[] = [
  () => Promise.reject(lost()),
  async (request, inner) => {
    await inner.exchange(request);
    throw lost();
  },
  () => Promise.resolve(status(503)),
  (request, inner) => stored(request, inner, status(503)),
  () => Promise.resolve(status(429)),
  (request, inner) => stored(request, inner, status(502)),
];

const EVERY = 7;

/** Every seventh request has a trouble, each another one, and never the one that repeats it. */
async function troubledRun(from: number) {
  const { witness } = await witnessUnderTest();
  const inner = probeOf(witness);
  let asked = 0;
  const probe: Probe = {
    ...inner,
    exchange: (request) => {
      asked += 1;
      const trouble = TROUBLES[Math.floor(asked / EVERY) % TROUBLES.length];
      return asked % EVERY === from && trouble !== undefined
        ? trouble(request, inner)
        : inner.exchange(request);
    },
  };
  const { results } = await testOwn({ probe });
  return results;
}

describe("lost requests, lost answers, and gateways that are busy", () => {
  test.each(IS_FULL ? [0, 2, 5] : [2])("fail no case, when it is every seventh, from %i", async (from) => {
    const results = await troubledRun(from);
    expect(results.filter(({ verdict }) => verdict === "fail" || verdict === "warn")).toEqual([]);
    expect(results.filter(({ verdict }) => verdict === "pass").length).toBeGreaterThan(50);
  });
});

test("a case whose every answer is lost fails, when the requests around it are answered", async () => {
  const { witness } = await witnessUnderTest();
  const inner = probeOf(witness);
  const name = "proof-too-long-is-422";
  let isCase = false;
  const probe: Probe = {
    ...inner,
    exchange: (request) => (isCase ? Promise.reject(lost()) : inner.exchange(request)),
  };
  const { results } = await testOwn({
    cases: { ...CASES, cases: CASES.cases.filter((one) => one.name === name) },
    probe,
    onExchange: ({ purpose }) => {
      isCase = purpose === "case";
    },
  });
  expect(results.map(({ verdict, got }) => ({ verdict, got }))).toEqual([
    { verdict: "fail", got: "no answer: REMOTE_TIMEOUT" },
  ]);
});
