import { describe, expect, it } from "vitest";
import { judgeAnswer, showExpectation } from "../../src/conformance/log/answers.ts";
import type { AnswerExpectation } from "../../src/conformance/log/cases.ts";
import { decodeContent } from "../../src/conformance/log/content-encoding.ts";
import { fillPath } from "../../src/conformance/log/places.ts";
import { openWriter } from "../../src/conformance/log/writer.ts";
import type { ProbeAnswer } from "../../src/conformance/probe.ts";
import { TlogError } from "../../src/errors.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { expectCode } from "../expect-code.ts";
import { runCases, serveLogOfSize } from "./log-under-test.ts";

function answer(headers: Readonly<Record<string, string>>, status = 200): ProbeAnswer {
  return { status, headers: new Map(Object.entries(headers)), body: new Uint8Array(0) };
}

function isMet(headers: Readonly<Record<string, string>>, expect: Partial<AnswerExpectation>): boolean {
  return judgeAnswer(answer(headers), { status: ["2xx"], ...expect }).outcome === "met";
}

describe("judgeAnswer", () => {
  it.each([
    ["seconds", "no-store", true],
    ["seconds", "no-cache", true],
    ["seconds", "public, max-age=5", true],
    ["seconds", "max-age=5, s-maxage=3600", false],
    ["seconds", "max-age=60", false],
    ["seconds", "public", false],
    ["seconds", "", false],
    ["long", "public, max-age=31536000, immutable", true],
    ["long", 'Max-Age="604800"', true],
    ["long", "max-age=3600", false],
    ["long", "no-cache, max-age=604800", false],
    ["long", "immutable", false],
    ["long", "", false],
    ["not-long", "", true],
    ["not-long", "no-store", true],
    ["not-long", "max-age=60", true],
    ["not-long", "max-age=86400", false],
    ["not-long", "immutable", false],
  ] as const)("for caching %s takes %j: %s", (cache, value, met) => {
    expect(isMet(value === "" ? {} : { "cache-control": value }, { cache })).toBe(met);
  });

  it.each([
    ["seconds", { expires: "0" }, true],
    ["seconds", { expires: "Sat, 01 Jan 2000 00:00:05 GMT", date: "Sat, 01 Jan 2000 00:00:00 GMT" }, true],
    ["seconds", { expires: "Sun, 02 Jan 2000 00:00:00 GMT", date: "Sat, 01 Jan 2000 00:00:00 GMT" }, false],
    ["long", { expires: "Sun, 02 Jan 2000 00:00:00 GMT", date: "Sat, 01 Jan 2000 00:00:00 GMT" }, true],
    ["long", { expires: "0" }, false],
    ["long", { expires: "0", "cache-control": "max-age=604800" }, true],
  ] as const)(
    "for caching %s without an age in Cache-Control takes Expires %j: %s",
    (cache, headers, met) => {
      expect(isMet(headers, { cache })).toBe(met);
    },
  );

  it("takes x-gzip for gzip, as HTTP does", () => {
    expect(isMet({ "content-encoding": "X-Gzip" }, { encodings: ["gzip"] })).toBe(true);
  });

  it.each([
    ["text/plain; charset=utf-8", true],
    ["text/plain;charset=UTF-8", true],
    ['Text/Plain; Charset="utf-8"', true],
    ["text/plain", false],
    ["text/plain; charset=us-ascii", false],
    ["text/plain; charset=utf-8; format=flowed", false],
  ])("compares types as RFC 9110 does: %s", (value, met) => {
    expect(isMet({ "content-type": value }, { contentType: "text/plain; charset=utf-8" })).toBe(met);
  });

  it("says in a few words what is asked for", () => {
    const expected = {
      status: ["200"],
      cache: "long",
      encodings: ["", "gzip"],
    } as const;
    const words = "200, cached for long, vary: *, no encoding or gzip";
    const headers = { vary: ["*"] };
    expect(showExpectation({ ...expected, status: ["200"], headers, encodings: ["", "gzip"] })).toBe(words);
  });
});

describe("fillPath", () => {
  it.each([
    [0, "tile/0/{end}.p/0", "tile/0/000.p/0"],
    [0, "tile/{above}/000", "tile/2/000"],
    [0, "tile/0/{ahead}", "tile/0/000.p/255"],
    [1, "tile/0/{some}", "tile/0/000.p/1"],
    [127, "tile/0/{ahead}", "tile/0/000.p/255"],
    [128, "tile/0/{ahead}", "tile/0/001.p/255"],
    [255, "tile/0/{edge}.p/{width}", "tile/0/000.p/255"],
    [256, "tile/0/{some}", "tile/0/000"],
    [70_000, "tile/0/{some}", "tile/0/273.p/112"],
    [70_000, "tile/0/{large}", "tile/0/272"],
    [13, "tile/0/{large}", "tile/0/000.p/13"],
    [70_000, "tile/0/0{suffix}", "tile/0/0"],
    [256, "tile/0/{full}{suffix}", "tile/0/000"],
    [256, "tile/0/{ahead}", "tile/0/001.p/255"],
    [256 * 1_234_068, "tile/0/{full}", "tile/0/x001/x234/067"],
    [65_536, "tile/{above}/000", "tile/3/000"],
    [2 ** 53 - 1, "tile/{above}/000", "tile/7/000"],
    [2 ** 53 - 1, "tile/0/{far}", "tile/0/x035/x184/x373/x088/831"],
  ])("in a tree of %i entries makes %s %s", (treeSize, template, path) => {
    expect(fillPath(template, treeSize)).toEqual({ path });
  });

  it("says what the tree lacks", () => {
    const missing = (template: string, size: number) => fillPath(template, size);
    expect(missing("tile/0/{full}", 13)).toEqual({ missing: "needs a full tile: the tree has 13 entries" });
    expect(missing("tile/0/{some}", 0)).toEqual({ missing: "needs an entry: the tree has 0 entries" });
    expectCode(() => missing("{nowhere}", 1), "CASES_MALFORMED");
  });
});

describe("decodeContent", () => {
  const bytes = encodeUtf8("entry ".repeat(1000));

  it("undoes gzip, and only what is gzip", async () => {
    const zipped = new Uint8Array(
      await new Response(
        new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
    expect(await decodeContent(zipped, "gzip")).toEqual(bytes);
    expect(await decodeContent(bytes, "")).toEqual(bytes);
    expect(await decodeContent(bytes, "identity")).toEqual(bytes);
    expect(await decodeContent(bytes, "gzip")).toBeUndefined();
    expect(await decodeContent(zipped.subarray(0, -9), "gzip")).toBeUndefined();
    expect(await decodeContent(zipped, "br")).toBeUndefined();
  });
});

describe("the writer", () => {
  it("comes again as late as it is asked to, and no more than five times", async () => {
    const waits: number[] = [];
    const answers = [
      answer({ "retry-after": "3" }, 429),
      answer({}, 503),
      answer({ "retry-after": "900" }, 503),
    ];
    const writer = openWriter(
      { url: "http://log.test/", requests: () => 0, exchange: async () => answers.shift() ?? answer({}) },
      { random: () => 0.5, pause: async (ms) => void waits.push(ms) },
    );
    expect(await writer.add(writer.newEntry())).toMatchObject({ status: 200 });
    expect(waits).toEqual([3000, 1000, 30_000]);
    expect(writer.retryAfters).toEqual(["3", "", "900"]);
  });
});

describe("runLogConformance", () => {
  it("fails the case that gets no answer, and goes on", async () => {
    const served = await serveLogOfSize(3);
    const { results } = await runCases(served, {
      names: ["path-dots", "path-listing"],
      spoil: async (request, exchange) => {
        if (request.path.includes(".."))
          throw new TlogError("REMOTE_UNREACHABLE", "the connection was closed");
        return await exchange(request);
      },
    });
    expect(results.map(({ verdict }) => verdict)).toEqual(["warn", "pass"]);
    expect(results[0]?.got).toBe("REMOTE_UNREACHABLE: the connection was closed");
    await served.close();
  });

  it("does not run what is left when the log is gone, or the allowance used", async () => {
    const served = await serveLogOfSize(3);
    let left = 1;
    const { results } = await runCases(served, {
      names: ["checkpoint-is-served", "checkpoint-slash", "note-text", "path-listing"],
      spoil: async (request, exchange) => {
        if (left-- <= 0) throw new TlogError("PROBE_EXHAUSTED", "all 1 requests of this run are used");
        return await exchange(request);
      },
    });
    expect(results.map(({ verdict }) => verdict)).toEqual(["pass", "not-run", "not-run", "not-run"]);
    expect(results[3]?.note).toBe("PROBE_EXHAUSTED: all 1 requests of this run are used");
    await served.close();
  });

  it("stops with ABORTED", async () => {
    const served = await serveLogOfSize(0);
    await expect(runCases(served, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await served.close();
  });
});
