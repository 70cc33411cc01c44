/** What a witness may do, and is not blamed for; and what it must not, and is not acquitted of. */
import { describe, expect, test } from "vitest";
import type { Probe, ProbeAnswer, ProbeRequest } from "../../src/conformance/probe.ts";
import { NumberTree } from "../../src/conformance/witness/number-tree.ts";
import { buildRequest } from "../../src/conformance/witness/request.ts";
import type { WitnessConformanceOptions } from "../../src/conformance/witness/run.ts";
import { LogStanding } from "../../src/conformance/witness/standing.ts";
import { openTestLogs } from "../../src/conformance/witness/test-logs.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { CASES, probeOf, testOwn, witnessUnderTest } from "./witness-under-test.ts";

const NOW_MS = 1_700_000_000_000;
type Answer = (request: ProbeRequest, inner: Probe) => Promise<ProbeAnswer>;

function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ""): ProbeAnswer {
  return { status: code, headers: new Map(Object.entries(headers)), body: encodeUtf8(body) };
}

function answering(inner: Probe, answer: Answer): Probe {
  return { ...inner, exchange: (request) => answer(request, inner) };
}

/** Runs the cases of these names, or all of them. */
async function run(options: Partial<WitnessConformanceOptions>, names?: readonly string[]) {
  const chosen = CASES.cases.filter(({ name }) => names?.includes(name) ?? true);
  const { results } = await testOwn({ cases: { ...CASES, cases: chosen }, ...options });
  return results;
}

async function verdictsOf(options: Partial<WitnessConformanceOptions>, names?: readonly string[]) {
  const results = await run(options, names);
  return Object.fromEntries(results.map(({ name, verdict }) => [name, verdict]));
}

/** What is about lines of the witness, not met. */
async function blamedBy(options: Partial<WitnessConformanceOptions>): Promise<readonly string[]> {
  const names = CASES.cases.map(({ name }) => name);
  const results = await run(
    options,
    names.filter((name) => /^(?:first|growth|answer|monitors|subtree)-/.test(name)),
  );
  return results.flatMap(({ name, verdict, got, note }) =>
    verdict === "fail" || verdict === "warn" ? [`${name}: ${got}, ${note}`] : [],
  );
}

async function ownProbe(): Promise<Probe> {
  return probeOf((await witnessUnderTest()).witness);
}

const MONITORS = ["monitors-are-served", "monitors-see-the-log", "monitors-see-the-cosignatures"];

describe("monitoring", () => {
  test("may be as old as before this run, and may not be there yet", async () => {
    const probe = await ownProbe();
    const { logs } = await witnessUnderTest();
    const none = answering(probe, () => Promise.resolve(status(404)));
    const first = await run({ probe, monitoring: none }, MONITORS);
    expect(new Set(first.map(({ verdict }) => verdict))).toEqual(new Set(["not-run"]));
    const cached = new Map<string, ProbeAnswer>();
    for (const { originHash } of logs.all) {
      const path = `${originHash}/checkpoint`;
      cached.set(path, await probe.exchange({ method: "GET", path }));
    }
    const old = answering(
      probe,
      async (request) => cached.get(request.path) ?? (await probe.exchange(request)),
    );
    expect(await blamedBy({ probe, monitoring: old, now: () => NOW_MS + 60_000 })).toEqual([]);
  });

  test("behind a redirect is another URL's", async () => {
    const probe = await ownProbe();
    const elsewhere = status(302, { location: "https://cdn.example/" });
    const results = await run(
      { probe, monitoring: answering(probe, () => Promise.resolve(elsewhere)) },
      MONITORS,
    );
    expect(results.filter(({ verdict }) => verdict === "fail" || verdict === "warn")).toEqual([]);
    expect(results.find(({ name }) => name === "monitors-are-served")?.note).toContain(
      "https://cdn.example/",
    );
  });
});

test.each([400, 403, 500])("sign-subtree is not offered where %i is the answer to any path", async (code) => {
  const probe = answering(await ownProbe(), (request, inner) =>
    ["sign-subtree", "bristlecone-conformance-no-such-path"].includes(request.path)
      ? Promise.resolve(status(code))
      : inner.exchange(request),
  );
  const names = CASES.cases.flatMap(({ name }) => (name.startsWith("subtree-") ? [name] : []));
  expect(new Set(Object.values(await verdictsOf({ probe }, names)))).toEqual(new Set(["not-run"]));
});

test.each([0, 1])("a witness that trusts key %i of two is not asked about both", async (index) => {
  const all = await openTestLogs({ definitions: CASES.logs });
  const oneKey = all.configured.map((log) => ({ ...log, signers: log.signers.slice(index).slice(0, 1) }));
  const { witness } = await witnessUnderTest({
    ...all,
    configured: oneKey.filter(({ signers }) => signers.length > 0),
  });
  const names = ["first-of-two-keys-is-enough", "second-of-two-keys-is-enough", "both-keys-are-good"];
  const verdicts = await verdictsOf({ probe: probeOf(witness) }, names);
  expect(new Set(Object.values(verdicts))).toEqual(new Set(["not-run"]));
});

test("keys of the witness that were not given are not taken for strangers", async () => {
  const { witness, keys } = await witnessUnderTest();
  for (const key of keys) expect(await blamedBy({ probe: probeOf(witness), witnessKeys: [key] })).toEqual([]);
});

test("a size that is left from before is not blamed on the witness of now", async () => {
  const { witness, logs } = await witnessUnderTest();
  const probe = probeOf(witness);
  const log = logs.get("fresh");
  const state = new LogStanding({ log, tree: new NumberTree(), witnessKeys: [] }).recipeState();
  const recipe = { ...log.first.request, lines: ["old 0"], text: ["{origin}", "1", "{root 1}"] };
  await probe.exchange((await buildRequest(recipe, state)).request);
  const names = ["never-cosigned-old-size-is-409", "never-cosigned-larger-old-size-is-409"];
  expect(new Set(Object.values(await verdictsOf({ probe }, names)))).toEqual(new Set(["not-run"]));
});

test("the Content-Type of a size may be written in any case, and others rely on the usual one", async () => {
  const probe = answering(await ownProbe(), async (request, inner) => {
    const answer = await inner.exchange(request);
    if (answer.status !== 409) return answer;
    return { ...answer, headers: new Map([["content-type", "Text/X.Tlog.Size; charset=utf-8"]]) };
  });
  expect(await verdictsOf({ probe }, ["old-size-zero-tells-the-size", "conflict-has-just-the-type"])).toEqual(
    {
      "old-size-zero-tells-the-size": "pass",
      "conflict-has-just-the-type": "warn",
    },
  );
});

test("a witness that takes a note of any size is warned", async () => {
  const probe = answering(await ownProbe(), async (request, inner) => {
    if ((request.body?.length ?? 0) < 500_000) return await inner.exchange(request);
    return status(200, {}, "— w.test AAAAAAAAAA==\n");
  });
  expect(await verdictsOf({ probe }, ["one-mib-is-refused"])).toEqual({ "one-mib-is-refused": "warn" });
});

test("one wrong size in 409 is not many failures", async () => {
  const probe = answering(await ownProbe(), async (request, inner) => {
    const answer = await inner.exchange(request);
    if (answer.status !== 409) return answer;
    const size = Number(new TextDecoder().decode(answer.body));
    return { ...answer, body: encodeUtf8(`${size + 1}\n`) };
  });
  const failed = (await run({ probe })).filter(({ verdict }) => verdict === "fail");
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBeLessThan(10);
});
