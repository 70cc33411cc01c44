import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOG_CHECKS, parseLogCases } from "../../src/conformance/log/cases.ts";
import type { CaseResult } from "../../src/conformance/result.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import type { LogOptions } from "../../src/log/options.ts";
import { createMemoryDisk, openMemoryStore } from "../../src/store/memory.ts";
import { expectCode } from "../expect-code.ts";
import { entry, openTestLog, publishEntries, testApp } from "../http/test-log.ts";
import { testSigner } from "../log/harness.ts";
import { IS_FULL } from "../runs.ts";
import { LENIENT, SPOILERS } from "./log-spoilers.ts";
import {
  amiss,
  LOG_CASES,
  resultOf,
  runCases,
  type ServedLog,
  serveLog,
  serveLogOfSize,
} from "./log-under-test.ts";

const MAX_REQUESTS = 120;
const DEFAULT_SIZE = 300;

const judged = LOG_CASES.cases.filter((one) => "expect" in one);

describe("our log", () => {
  it.each([0, 1, 255, 256, 257, ...(IS_FULL ? [70_000] : [])])(
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

  it("whose key was replaced is verified with the old one, which its signed history leads on from", async () => {
    const [disk, guard] = [createMemoryDisk(), memoryGuard()];
    const [first, second] = [await testSigner(), await testSigner(21)];
    const open = async (options: Partial<LogOptions>) =>
      await openTestLog({
        ...options,
        store: openMemoryStore({ origin: first.verifierKey.name, disk }),
        guard,
      });
    const before = await open({ signers: [first] });
    await publishEntries(before, [entry(0)]);
    await before.close();
    const keyChange = { atSeconds: 1_795_320_000, signers: [second] };
    await (await open({ signers: [first], keyChange })).close();
    const log = await open({ signers: [second] });
    await publishEntries(log, [entry(1)]);
    const served = await serveLog(log, testApp(log));
    const names = ["signed-by-key", "signed-ed25519"];
    const { results } = await runCases(served, { names, logKeys: [first.verifierKey] });
    expect(results.map(({ verdict }) => verdict)).toEqual(["pass", "pass"]);
    const strangers = { names, logKeys: [(await testSigner(22)).verifierKey] };
    const { results: refused } = await runCases(served, strangers);
    expect(refused.map(({ verdict }) => verdict)).toEqual(["fail", "fail"]);
    await served.close();
  });

  it.each([0, 240])("of size %i is tested whole in one run when entries may be added", async (size) => {
    const served = await serveLogOfSize(size);
    const { results } = await runCases(served, { writes: true });
    expect(amiss(results)).toEqual([]);
    expect(resultOf(results, "add-growth").got).toMatch(/ 255 256 257 258$/);
    const left = results.filter(({ verdict }) => verdict === "not-run").map(({ name }) => name);
    expect(left).toEqual(size === 0 ? ["push-back"] : ["empty-root", "push-back"]);
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

  it("does not pass signed-by-key for a line that fails behind one that verifies", async () => {
    const served = await serveLogOfSize(3);
    const { results } = await runCases(served, {
      names: ["signed-by-key"],
      spoil: async (request, exchange) => {
        const answer = await exchange(request);
        const note = new TextDecoder().decode(answer.body);
        const bad = note.slice(note.indexOf("\n\n— ") + 2).replace(/.{8}=\n$/, "AAAAAAAA=\n");
        return { ...answer, body: new TextEncoder().encode(note + bad) };
      },
    });
    expect(resultOf(results, "signed-by-key")).toMatchObject({ verdict: "fail" });
    await served.close();
  });

  it("does not pass full-hashes for a wrong first tile, whichever tile is drawn", async () => {
    const served = await serveLogOfSize(600);
    const { results } = await runCases(served, {
      ...{ names: ["full-hashes"], random: () => 0.99 },
      spoil: async (request, exchange) => {
        const answer = await exchange(request);
        return request.path === "tile/0/000"
          ? { ...answer, body: answer.body.map((byte, at) => (at === 40 ? 255 - byte : byte)) }
          : answer;
      },
    });
    expect(resultOf(results, "full-hashes")).toMatchObject({ verdict: "fail" });
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

/** Why cases were not run, but for what a tree of another size, growth or writing would allow. */
function reasons(results: readonly CaseResult[]): readonly (string | undefined)[] {
  return results
    .filter(
      ({ verdict, note = "" }) =>
        verdict === "not-run" && !/^needs .*: the tree has |^needs a log that grows|^adds entries/.test(note),
    )
    .map(({ name, note }) => `${name}: ${note}`);
}
