import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOG_CHECKS, parseLogCases } from "../../src/conformance/log/cases.ts";
import type { CaseResult } from "../../src/conformance/result.ts";
import { expectCode } from "../expect-code.ts";
import { entry, publishEntries } from "../http/test-log.ts";
import { LENIENT, SPOILERS } from "./log-spoilers.ts";
import { LOG_CASES, runCases, type ServedLog, serveLogOfSize } from "./log-under-test.ts";

const MAX_REQUESTS = 120;
const DEFAULT_SIZE = 300;

const judged = LOG_CASES.cases.filter((one) => "expect" in one);

describe("our log", () => {
  it.each([0, 1, 255, 256, 257, 70_000])(
    "of size %i passes every case that its tree allows",
    async (size) => {
      const served = await serveLogOfSize(size);
      const { results, requests } = await runCases(served);
      expect(amiss(results)).toEqual([]);
      expect(results.length).toBe(LOG_CASES.cases.length);
      expect(reasons(results)).toEqual([]);
      expect(requests).toBeLessThanOrEqual(MAX_REQUESTS);
      await served.close();
    },
  );

  it("that grows during the run still serves the partial tiles of the first checkpoint", async () => {
    const served = await serveLogOfSize(255);
    let isGrown = false;
    const { results } = await runCases(served, {
      spoil: async (request, exchange) => {
        if (request.headers?.["cache-control"] !== undefined && !isGrown) {
          isGrown = true;
          await publishEntries(served.log, [entry(1000), entry(1001), entry(1002)]);
        }
        return await exchange(request);
      },
    });
    expect(amiss(results)).toEqual([]);
    expect(resultOf(results, "older-partials")).toMatchObject({ verdict: "pass" });
    expect(resultOf(results, "later-consistent")).toMatchObject({ verdict: "pass", got: "255 to 258" });
    await served.close();
  });

  it("passes the cases that add entries, across the first boundary of tiles", async () => {
    const served = await serveLogOfSize(240);
    const { results } = await runCases(served, { writes: true });
    expect(amiss(results)).toEqual([]);
    expect(resultOf(results, "add-growth").got).toMatch(/ 255 256 257 258$/);
    expect(results.filter(({ name, verdict }) => name.startsWith("add-") && verdict === "not-run")).toEqual(
      [],
    );
    await served.close();
  });
});

describe("a log spoiled for a case", () => {
  const shared = new Map<number, ServedLog>();

  beforeAll(async () => {
    for (const size of [0, DEFAULT_SIZE]) shared.set(size, await serveLogOfSize(size));
  });

  afterAll(async () => {
    for (const served of shared.values()) await served.close();
  });

  it.each(judged.map((one) => [one.name, one.level] as const))("does not pass %s", async (name, level) => {
    const spoiler = name.startsWith("path-") ? LENIENT : SPOILERS[name];
    if (spoiler === undefined) throw new TypeError(`${name} has no spoiler: it may be unable to fail`);
    const { size = DEFAULT_SIZE, after = [], spoil } = spoiler;
    const isWriting = LOG_CASES.cases.find((one) => one.name === name)?.writes === true;
    const served = shared.get(size) ?? (await serveLogOfSize(size));
    const run = { names: [...after, name], writes: isWriting, spoil };
    const { results } = await runCases(served, run);
    expect(resultOf(results, name)).toMatchObject({ verdict: level === "MUST" ? "fail" : "warn" });
    if (!shared.has(size)) await served.close();
  });

  it("passes them all while nothing is spoiled", async () => {
    const [empty, served] = [shared.get(0), shared.get(DEFAULT_SIZE)];
    if (empty === undefined || served === undefined) throw new TypeError("not served");
    const results = [
      ...(await runCases(served)).results.filter(({ name }) => name !== "empty-root"),
      ...(await runCases(empty, { names: ["empty-root"] })).results,
    ];
    const judgedNames = judged.filter(({ writes }) => writes !== true).map(({ name }) => name);
    const passed = results.filter(({ verdict }) => verdict === "pass").map(({ name }) => name);
    // Tested above: it needs a log that grows.
    expect(judgedNames.filter((name) => !passed.includes(name))).toEqual(["older-partials"]);
  });

  it("does not pass add-growth when new entries get old indices", async () => {
    const served = await serveLogOfSize(3);
    const { results } = await runCases(served, {
      names: ["add-growth"],
      writes: true,
      spoil: async (request, exchange) => {
        const answer = await exchange(request);
        return request.path === "add" ? { ...answer, body: Uint8Array.of(0x33) } : answer;
      },
    });
    expect(resultOf(results, "add-growth").got).toBe("index 3 for a new entry, after index 3");
    await served.close();
  });

  it("has no spoiler without a case", () => {
    expect(Object.keys(SPOILERS).filter((name) => !judged.some((one) => one.name === name))).toEqual([]);
  });
});

describe("the cases", () => {
  const text = readFileSync(new URL("../../spec/vectors/conformance-log.json", import.meta.url), "utf8");

  it("are described in the file itself: every check, every place, nothing else", () => {
    expect(Object.keys(LOG_CASES.checks).sort()).toEqual([...LOG_CHECKS].sort());
    const used = LOG_CASES.cases.flatMap(({ ask }) => [...(ask?.path.matchAll(/\{([a-z]+)\}/g) ?? [])]);
    const names = new Set(used.map(([, name = ""]) => name));
    expect(Object.keys(LOG_CASES.places).sort()).toEqual([...names].sort());
  });

  it.each([
    ["no JSON", "{"],
    ["no cases", '{"cases":[]}'],
    ["a check nobody knows", text.replace('"check": "edge-root"', '"check": "edge-roof"')],
    ["two cases of one name", text.replace('"name": "edge-root"', '"name": "full-hashes"')],
    ["neither expect nor open", text.replace('"open": "queries', '"opens": "queries')],
    ["a place nobody knows", text.replace("{edge}", "{ridge}")],
    ["a path with a blank", text.replace('"path": "checkpoint"', '"path": "check point"')],
  ])("are refused with %s", (_, spoiled) => {
    expectCode(() => parseLogCases(spoiled), "CASES_MALFORMED");
  });
});

function amiss(results: readonly CaseResult[]): readonly CaseResult[] {
  return results.filter(({ verdict }) => verdict === "fail" || verdict === "warn");
}

/** Why cases were not run, but for what a tree of another size, growth or writing would allow. */
function reasons(results: readonly CaseResult[]): readonly (string | undefined)[] {
  return results
    .filter(
      ({ verdict, note = "" }) =>
        verdict === "not-run" && !/^needs .*: the tree has |^needs a log that grows|^adds entries/.test(note),
    )
    .map(({ name, note }) => `${name}: ${note}`);
}

function resultOf(results: readonly CaseResult[], name: string): CaseResult {
  const result = results.find((one) => one.name === name);
  if (result === undefined) throw new TypeError(`${name} was not run`);
  return result;
}
