import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ProbeAnswer } from "../../src/conformance/probe.ts";
import type { CaseResult } from "../../src/conformance/result.ts";
import { TlogError } from "../../src/errors.ts";
import { entry, publishEntries } from "../http/test-log.ts";
import { IS_FULL, some } from "../runs.ts";
import {
  amiss,
  LOG_CASES,
  resultOf,
  runCases,
  type ServedLog,
  type Spoil,
  serveLogOfSize,
} from "./log-under-test.ts";

/** Requests at which something happens: from the first to the last ones of a run on 300 entries. */
const MOMENTS = [0, 1, 4, 12, 16, 17, 25, 33, 44, 60, 72];
/** Of {@link MOMENTS}, those of the trouble at this place: in npm test each moment has one of the four. */
const momentsOf = (place: number) => (IS_FULL ? MOMENTS : MOMENTS.filter((_, at) => at % 4 === place));

function answerOf(status: number, headers: Readonly<Record<string, string>> = {}): ProbeAnswer {
  return { status, headers: new Map(Object.entries(headers)), body: new Uint8Array(0) };
}

/** Counts requests from 0. */
function atRequest(moment: number, happens: () => Promise<ProbeAnswer>): Spoil {
  let count = 0;
  return async (request, exchange) => (count++ === moment ? await happens() : await exchange(request));
}

function namesOf(results: readonly CaseResult[], verdict: string): readonly string[] {
  return results.filter((one) => one.verdict === verdict).map(({ name }) => name);
}

describe("a good log is not accused", () => {
  let served: ServedLog;

  beforeAll(async () => {
    served = await serveLogOfSize(300);
  });

  afterAll(async () => {
    await served.close();
  });

  it.each([
    ["loses one request", 0, async () => Promise.reject(new TlogError("REMOTE_UNREACHABLE", "closed"))],
    ["is late once", 1, async () => Promise.reject(new TlogError("REMOTE_TIMEOUT", "no answer in 30 s"))],
    ["answers 503 once", 2, async () => answerOf(503)],
    ["answers 429 once", 3, async () => answerOf(429, { "retry-after": "1" })],
  ] as const)("that %s, whenever", async (_, place, happens) => {
    for (const moment of momentsOf(place)) {
      const { results } = await runCases(served, { spoil: atRequest(moment, happens) });
      expect({ moment, amiss: amiss(results) }).toEqual({ moment, amiss: [] });
    }
  });

  it.each(some([429, 502, 503, 504]))(
    "that answers %i from some request on, nor acquitted",
    async (status) => {
      let count = 0;
      const { results } = await runCases(served, {
        spoil: async (request, exchange) => (count++ < 20 ? await exchange(request) : answerOf(status)),
      });
      expect(amiss(results)).toEqual([]);
      expect(results.filter(({ got }) => got.startsWith(`${status}`))).toEqual([]);
      expect(resultOf(results, "path-dots").note).toBe(`SERVER_BUSY: the server answered ${status}`);
    },
  );

  it("whose replica is some entries behind", async () => {
    for (const moment of some([1, 10, 40, 60])) {
      const small = await serveLogOfSize(290);
      const old = await checkpointOf(small);
      await publishEntries(
        small.log,
        Array.from({ length: 10 }, (_, at) => entry(5000 + at)),
      );
      let count = 0;
      const { results } = await runCases(small, {
        spoil: async (request, exchange) =>
          count++ >= moment && request.path === "checkpoint" && request.method === "GET"
            ? old
            : await exchange(request),
      });
      expect({ moment, amiss: amiss(results) }).toEqual({ moment, amiss: [] });
      expect(resultOf(results, "later-not-smaller").got).toBe("300, later 290");
      expect(resultOf(results, "later-consistent")).toMatchObject({ verdict: "pass", got: "290 to 300" });
      await small.close();
    }
  });

  // In npm test each moment has one of the two answers.
  it.each([404, 403])("that grows at any moment and answers %i for what is then full", async (status) => {
    const moments = some([4, 12, 16, 17, 25, 33, 44]);
    for (const moment of IS_FULL ? moments : moments.filter((_, at) => at % 2 === status - 403)) {
      const growing = await serveLogOfSize(moment % 2 === 0 ? 200 : 300);
      const partial = moment % 2 === 0 ? /000\.p\/200$/ : /001\.p\/44$/;
      let count = 0;
      const { results } = await runCases(growing, {
        spoil: async (request, exchange) => {
          if (count++ === moment)
            await publishEntries(
              growing.log,
              Array.from({ length: 300 }, (_, at) => entry(5000 + at)),
            );
          return count > moment && partial.test(request.path) ? answerOf(status) : await exchange(request);
        },
      });
      expect({ moment, amiss: amiss(results) }).toEqual({ moment, amiss: [] });
      await growing.close();
    }
  });

  it("that is pruned up to the last boundary before its size", async () => {
    const { results } = await runCases(served, {
      spoil: async (request, exchange) =>
        /^tile\/(0|entries)\/000$/.test(request.path) ? answerOf(403) : await exchange(request),
    });
    expect(amiss(results)).toEqual([]);
    const full = results.filter(({ name }) =>
      ["full-is-served", "first-full", "bundle-exact"].includes(name),
    );
    expect(full.map(({ verdict }) => verdict)).toEqual(["open", "open", "open"]);
  });

  it.runIf(IS_FULL)("that prunes all full tiles of level 0, and none of level 1", async () => {
    const large = await serveLogOfSize(70_000);
    const { results } = await runCases(large, {
      names: ["full-is-served", "first-full", "full-hashes"],
      spoil: async (request, exchange) =>
        /^tile\/0\/[x0-9/]+$/.test(request.path) ? answerOf(403) : await exchange(request),
    });
    expect(results.map(({ verdict }) => verdict).sort()).toEqual(["open", "open", "pass"]);
    await large.close();
  });

  it("whose tiles go up before its checkpoint", async () => {
    const growing = await serveLogOfSize(300);
    const old = await checkpointOf(growing);
    await publishEntries(
      growing.log,
      Array.from({ length: 600 }, (_, at) => entry(5000 + at)),
    );
    const { results } = await runCases(growing, {
      spoil: async (request, exchange) =>
        request.path === "checkpoint" && request.method === "GET" ? old : await exchange(request),
    });
    expect(amiss(results)).toEqual([]);
    await growing.close();
  });

  it("that answers 500 for a partial tile no checkpoint implied", async () => {
    const { results } = await runCases(served, {
      names: ["partial-of-full"],
      spoil: async (request, exchange) =>
        request.path.endsWith(".p/255") ? answerOf(500) : await exchange(request),
    });
    expect(amiss(results)).toEqual([]);
  });

  it("that is elsewhere: nothing is run, and the report says where", async () => {
    const { results, requests } = await runCases(served, {
      spoil: async ({ path }) => answerOf(301, { location: `https://log.example/${path}` }),
    });
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(["not-run"]));
    expect(results[0]?.note).toBe(
      "the checkpoint redirects to https://log.example/checkpoint: test that URL",
    );
    expect(requests).toBe(0);
  });

  it("whose tiles are elsewhere", async () => {
    const { results } = await runCases(served, {
      spoil: async (request, exchange) =>
        request.path === "checkpoint"
          ? await exchange(request)
          : answerOf(302, { location: "https://cdn.example/" }),
    });
    expect(namesOf(results, "fail")).toEqual([]);
    expect(resultOf(results, "edge-is-served")).toMatchObject({
      verdict: "not-run",
      note: "redirects to https://cdn.example/: test that URL",
    });
  });

  it("that cannot be read at all: one oversize answer is not a hundred faults", async () => {
    const { results } = await runCases(served, {
      spoil: async () => Promise.reject(new TlogError("REMOTE_TOO_LARGE", "more than 16777216 bytes")),
    });
    expect(namesOf(results, "not-run").length).toBe(LOG_CASES.cases.length);
  });
});

describe("a log that takes entries is not accused", () => {
  it.each([
    [
      "takes entries of its own form only",
      answerOf(400),
      "needs a log that takes entries: POST add was answered 400",
    ],
    ["pushes back without end", answerOf(429, { "retry-after": "1" }), "POST add was answered 429 5 times"],
    [
      "gives an index anew",
      { ...answerOf(200), body: Uint8Array.of(0x33) },
      "needs a log that counts on: index 3 for a new entry, after 3",
    ],
  ])("of a broken MUST when it %s", async (_, answer, note) => {
    const served = await serveLogOfSize(3);
    const { results } = await runCases(served, {
      writes: true,
      pause: async () => {},
      spoil: async (request, exchange) =>
        request.path === "add" && request.method === "POST" ? answer : await exchange(request),
    });
    expect(namesOf(results, "fail")).toEqual([]);
    expect(resultOf(results, "add-growth").note).toContain(note);
    await served.close();
  });

  it.each([
    ["a request is lost", async () => Promise.reject(new TlogError("REMOTE_UNREACHABLE", "closed"))],
    ["it answers 503 once", async () => answerOf(503, { "retry-after": "1" })],
  ])("when %s, whenever", async (_, happens) => {
    for (const moment of some([0, 20, 22, 23, 26, 30, 33, 37, 41])) {
      const served = await serveLogOfSize(250);
      const spoil = atRequest(moment, happens);
      const { results } = await runCases(served, { writes: true, spoil });
      expect({ moment, amiss: amiss(results) }).toEqual({ moment, amiss: [] });
      await served.close();
    }
  });

  it("when a replica is behind while entries are added", async () => {
    const served = await serveLogOfSize(240);
    const old = await checkpointOf(served);
    let count = 0;
    const { results } = await runCases(served, {
      writes: true,
      spoil: async (request, exchange) =>
        request.path === "checkpoint" && ++count % 7 === 0 ? old : await exchange(request),
    });
    expect(namesOf(results, "fail")).toEqual([]);
    const sizes = resultOf(results, "add-growth").got.split(" ").slice(1).map(Number);
    expect(sizes.slice(-4)).toEqual([255, 256, 257, 258]);
    expect(sizes).toEqual([...new Set(sizes)].sort((one, other) => one - other));
    expect(resultOf(results, "add-consistent")).toMatchObject({ verdict: "pass" });
    await served.close();
  });
});

/** The checkpoint as it is now. */
async function checkpointOf(served: ServedLog): Promise<ProbeAnswer> {
  let answer: ProbeAnswer | undefined;
  await runCases(served, {
    names: ["checkpoint-is-served"],
    spoil: async (request, exchange) => {
      answer = await exchange(request);
      return answer;
    },
  });
  if (answer === undefined) throw new TypeError("not asked");
  return answer;
}
