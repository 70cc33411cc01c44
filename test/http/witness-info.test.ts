import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createWitnessAdminApp } from "../../src/http/witness-admin.ts";
import { witnessOpenApiDocument } from "../../src/http/witness-openapi.ts";
import {
  fakeWitness,
  hashOf,
  headOfSize,
  LOG_VKEY,
  WITNESS_NAME,
  witnessApp,
  witnessedLog,
} from "./fake-witness.ts";
import { problemOf } from "./test-log.ts";

const Page = z.looseObject({
  logCount: z.int(),
  logs: z.array(z.looseObject({ origin: z.string(), originHash: z.string() })),
  next: z.string().optional(),
});

describe("GET /witness.json", () => {
  test("MON-4 tells name, keys, limits, and how far the witness is with each log", async () => {
    const logs = [
      witnessedLog("log.test/a", { urls: ["https://log.test/a/"], queriesPerDay: 1000 }),
      witnessedLog("log.test/b", { isDisabled: true }),
    ];
    const id = "cd".repeat(32);
    const evidence = [
      {
        id,
        origin: "log.test/a",
        kind: "same-size",
        convictsLog: true,
        evidence: new Uint8Array(),
        receivedAtSeconds: 1,
      },
    ];
    const witness = fakeWitness({ logs, evidence, heads: { "log.test/a": headOfSize(9) } });
    const response = await witnessApp(witness).request("/witness.json");
    expect(response.headers.get("Cache-Control")).toBe("public, max-age=5");
    const info: unknown = await response.json();
    expect(info).toMatchObject({
      name: WITNESS_NAME,
      vkeys: [LOG_VKEY],
      version: "0.0.0-test",
      limits: { maxRequestBytes: 131_072, maxEvidenceBytes: 524_288 },
      logCount: 2,
    });
    const a = hashOf("log.test/a");
    expect(Page.parse(info).logs.find(({ origin }) => origin === "log.test/a")).toEqual({
      origin: "log.test/a",
      originHash: a,
      vkeys: [LOG_VKEY],
      urls: ["https://log.test/a/"],
      queriesPerDay: 1000,
      treeSize: 9,
      rootHash: "07".repeat(32),
      timestampSeconds: 1_700_000_000,
      checkpoint: `${a}/checkpoint`,
      frozenBy: { id, evidence: `${a}/evidence/${id}` },
    });
    expect(Page.parse(info).logs.find(({ origin }) => origin === "log.test/b")).toEqual({
      origin: "log.test/b",
      originHash: hashOf("log.test/b"),
      vkeys: [LOG_VKEY],
      urls: [],
      disabled: true,
    });
  });

  test("comes in pages that hold each log once", async () => {
    const logs = Array.from({ length: 1000 }, (_, index) => witnessedLog(`log.test/${index}`));
    const app = witnessApp(fakeWitness({ logs }), { limits: { maxLogsPerPage: 300 } });
    const seen: string[] = [];
    let url = "http://witness.test/prefix/witness.json";
    const sizes: number[] = [];
    for (;;) {
      const page = Page.parse(
        await (await app.request(new URL(url).pathname.slice(7) + new URL(url).search)).json(),
      );
      sizes.push(page.logs.length);
      seen.push(...page.logs.map(({ origin }) => origin));
      expect(page.logCount).toBe(1000);
      if (page.next === undefined) break;
      url = new URL(page.next, url).href;
    }
    expect(sizes).toEqual([300, 300, 300, 100]);
    expect(new Set(seen)).toEqual(new Set(logs.map(({ origin }) => origin)));
    for (const query of ["?after=x", "?from=1", `?after=${"A".repeat(64)}`]) {
      expect((await problemOf(await app.request(`/witness.json${query}`))).status).toBe(400);
    }
  });

  test("reads the logs of the page that is asked for, and no others", async () => {
    const logs = Array.from({ length: 1000 }, (_, index) => witnessedLog(`log.test/${index}`));
    const witness = fakeWitness({ logs });
    const read: string[] = [];
    const counting = {
      ...witness,
      logs: () => expect.unreachable("every log was read"),
      logState: (origin: string) => {
        read.push(origin);
        return witness.logState(origin);
      },
    };
    const app = witnessApp(counting);
    for (const after of ["0".repeat(64), "7f".repeat(32), "f".repeat(64)]) {
      const page = Page.parse(await (await app.request(`/witness.json?after=${after}`)).json());
      const hashes = logs.map(({ origin }) => hashOf(origin)).filter((hash) => hash > after);
      expect(page.logs.map((one) => one.originHash)).toEqual([...hashes].sort().slice(0, 250));
      expect(read.splice(0)).toEqual(page.logs.map(({ origin }) => origin));
    }
  });

  test("follows a roster that changes", async () => {
    let logs = [witnessedLog("log.test/a")];
    const witness = fakeWitness();
    const following = {
      ...witness,
      roster: { ...witness.roster, logs: () => logs },
      logState: (origin: string) =>
        Promise.resolve({ log: witnessedLog(origin), head: undefined, frozenBy: undefined }),
    };
    const app = witnessApp(following);
    const origins = async () => {
      const { logCount, logs: shown } = Page.parse(await (await app.request("/witness.json")).json());
      expect(logCount).toBe(shown.length);
      return shown.map(({ origin }) => origin);
    };
    expect(await origins()).toEqual(["log.test/a"]);
    logs = [...logs, witnessedLog("log.test/b")];
    expect(new Set(await origins())).toEqual(new Set(["log.test/a", "log.test/b"]));
  });

  test("reads a log once in 5 seconds for everybody, and again after a failure", async () => {
    let reads = 0;
    let nowMs = 0;
    let isBroken = false;
    const witness = fakeWitness();
    const counting = {
      ...witness,
      logState: async (origin: string) => {
        reads += 1;
        if (isBroken) throw new TypeError("broken");
        return await witness.logState(origin);
      },
    };
    const app = witnessApp(counting, { now: () => nowMs });
    const statuses = async (count: number) =>
      (await Promise.all(Array.from({ length: count }, () => app.request("/witness.json")))).map(
        ({ status }) => status,
      );
    expect(new Set(await statuses(20))).toEqual(new Set([200]));
    expect(reads).toBe(1);
    nowMs = 4999;
    expect(await statuses(1)).toEqual([200]);
    expect(reads).toBe(1);
    nowMs = 5000;
    isBroken = true;
    expect(await statuses(1)).toEqual([500]);
    isBroken = false;
    expect(await statuses(1)).toEqual([200]);
    expect(reads).toBe(3);
  });
});

describe("the OpenAPI document of a witness", () => {
  const nameOf = (method: string, path: string) =>
    `${method.toUpperCase()} ${path.replaceAll(/:(\w+)(\{[^/]*\})?(?=\/|$)/g, "{$1}")}`;

  test("has exactly the routes the apps have", () => {
    const witness = fakeWitness();
    const metrics = { page: async () => ({ contentType: "text/plain", body: "" }) };
    const served = [...witnessApp(witness).routes, ...createWitnessAdminApp({ witness, metrics }).routes]
      .filter(({ method }) => method !== "OPTIONS")
      .map(({ method, path }) => nameOf(method, path));
    const { paths } = z
      .looseObject({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(witnessOpenApiDocument());
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => nameOf(method, path)),
    );
    expect(new Set(described)).toEqual(new Set(served));
  });

  test("is served, and is the one in spec/", async () => {
    const file = readFileSync(new URL("../../spec/openapi-witness.json", import.meta.url), "utf8");
    expect(file).toBe(`${JSON.stringify(witnessOpenApiDocument(), undefined, 2)}\n`);
    const response = await witnessApp(fakeWitness()).request("/openapi.json");
    expect(await response.json()).toEqual(JSON.parse(file));
  });
});
