import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { TlogError } from "../../src/errors.ts";
import { createAdminApp } from "../../src/http/app.ts";
import { PROBLEM_KINDS } from "../../src/http/status.ts";
import type { Log } from "../../src/log/log.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import {
  entry,
  openLogOfSize,
  openTestLog,
  problemOf,
  publishEntries,
  replaced,
  testApp,
} from "./test-log.ts";

const READS = [
  "/checkpoint",
  "/tile/0/000.p/3",
  "/tile/entries/000.p/3",
  "/entry/0",
  "/receipt/0",
  "/proof/inclusion?leafIndex=0&treeSize=3",
  "/proof/consistency?from=1&to=3",
  "/log.json",
  "/openapi.json",
];
const WRITES = ["/add", "/add-batch"];
let log: Log;
let app: ReturnType<typeof testApp>;

beforeAll(async () => {
  ({ log, app } = await openLogOfSize(3));
});

describe("methods", () => {
  test("TILE-15 HEAD answers as GET does, without a body", async () => {
    for (const path of READS) {
      const head = await app.request(path, { method: "HEAD" });
      const get = await app.request(path);
      expect(get.status, path).toBe(200);
      expect(head.status).toBe(200);
      expect(Object.fromEntries(head.headers), path).toEqual(Object.fromEntries(get.headers));
      expect(await head.text()).toBe("");
    }
    expect((await app.request("/tile/0/00", { method: "HEAD" })).status).toBe(404);
  });

  test("TILE-15 other methods are 405 and say what is allowed", async () => {
    for (const path of READS) {
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "QUERY"]) {
        const response = await app.request(path, { method });
        expect(response.headers.get("Allow"), `${method} ${path}`).toBe("GET, HEAD, OPTIONS");
        expect(await problemOf(response)).toEqual({ status: 405, code: "METHOD_NOT_ALLOWED" });
      }
    }
    for (const path of WRITES) {
      for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
        const response = await app.request(path, { method });
        expect(response.headers.get("Allow"), `${method} ${path}`).toBe("POST");
        expect(await problemOf(response)).toEqual({ status: 405, code: "METHOD_NOT_ALLOWED" });
      }
    }
  });

  test("TILE-15 what is no resource is 404 for every method; there are no listings", async () => {
    const paths = [
      "/",
      "/tile",
      "/tile/",
      "/tile/0",
      "/tile/0/",
      "/tile/entries",
      "/tile/entries/",
      "/entry",
      "/proof",
    ];
    for (const path of [
      ...paths,
      "/checkpoint/",
      "//checkpoint",
      "/Checkpoint",
      "/receipt",
      "/healthz",
      "/metrics",
    ]) {
      expect((await app.request(new Request(`http://localhost${path}`))).status, path).toBe(404);
    }
    expect((await app.request("/nowhere", { method: "POST" })).status).toBe(404);
    expect((await app.request("/nowhere", { method: "OPTIONS" })).status).toBe(404);
    for (const path of ["/tile", "/tile/0/00", "/entry/abc", "/receipt/abc", "/lookup/abc"]) {
      expect((await app.request(path)).status, path).toBe(path.startsWith("/lookup/") ? 400 : 404);
      expect((await app.request(path, { method: "POST" })).status, path).toBe(405);
      expect((await app.request(path, { method: "OPTIONS" })).status, path).toBe(204);
    }
  });
});

describe("other origins", () => {
  test("TILE-15 may read everything, errors included", async () => {
    for (const path of [...READS, "/entry/9", "/nowhere"]) {
      const response = await app.request(path, { headers: { Origin: "https://explorer.example" } });
      expect(response.headers.get("Access-Control-Allow-Origin"), path).toBe("*");
    }
    for (const path of READS) {
      const preflight = await app.request(path, { method: "OPTIONS" });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(preflight.headers.get("Access-Control-Allow-Methods")).toBe("GET, HEAD");
    }
  });

  test("may not write: no answer of a write names an origin", async () => {
    for (const path of WRITES) {
      for (const method of ["POST", "OPTIONS"]) {
        const response = await app.request(path, { method });
        expect(response.headers.get("Access-Control-Allow-Origin")).toBeNull();
      }
    }
  });
});

describe("errors", () => {
  test("every row of the table has a 4xx or 5xx status and a title, and an outcome with that code gets it", async () => {
    for (const [code, kind] of Object.entries(PROBLEM_KINDS)) {
      expect(kind.status).toBeGreaterThanOrEqual(400);
      expect(kind.title).toMatch(/\.$/);
      const failing = replaced(log, {
        add: () => Promise.reject(Object.assign(new TlogError("INTERNAL", "secret path"), { code })),
      });
      const response = await testApp(failing).request("/add", { method: "POST", body: "x" });
      const text = await response.clone().text();
      expect(text.includes("secret path")).toBe(kind.status < 500);
      expect(await problemOf(response)).toEqual({ status: kind.status, code });
    }
  });

  test("spec/http-api.md lists every code with its status and Retry-After, and no other", () => {
    const text = readFileSync(new URL("../../spec/http-api.md", import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d{3})(?:, `Retry-After: (\d+)`)?/gm)];
    const listed = rows.map(([, code, status, retryAfter]) => [code, Number(status), retryAfter]);
    const known = Object.entries(PROBLEM_KINDS).map(([code, { status, retryAfterSeconds }]) => [
      code,
      status,
      retryAfterSeconds?.toString(),
    ]);
    expect(listed.sort()).toEqual(known.sort());
  });

  test("what nobody expected is INTERNAL without a word about it, and the operator is told", async () => {
    const failures: unknown[] = [];
    const unexpected = new TypeError("secret");
    const failing = replaced(log, {
      readEntry: () => Promise.reject(unexpected),
      published: () => {
        throw new TlogError("GUARD_FAILED", "/secret/path");
      },
    });
    const failingApp = testApp(failing, { onError: (failure) => failures.push(failure) });
    for (const path of ["/entry/0", "/checkpoint"]) {
      const response = await failingApp.request(path);
      expect(await response.clone().text()).not.toMatch(/secret|GUARD|stack|src/);
      expect(await problemOf(response)).toEqual({ status: 500, code: "INTERNAL" });
    }
    expect(failures).toMatchObject([
      { error: unexpected, method: "GET", path: "/entry/0" },
      { error: { code: "GUARD_FAILED" }, method: "GET", path: "/checkpoint" },
    ]);
  });

  test("outcomes that are the client's, and states in which this side refuses, are not reported", async () => {
    const failures: unknown[] = [];
    const readEntry = () => Promise.reject(new TlogError("SERVER_BUSY", "busy"));
    const busy = testApp(replaced(log, { readEntry }), { onError: (failure) => failures.push(failure) });
    expect((await busy.request("/receipt/77")).status).toBe(404);
    expect((await busy.request("/entry/0")).status).toBe(503);
    expect(failures).toEqual([]);
  });

  test("a signed tile that is not stored is damage, not absence", async () => {
    const nothing = () => Promise.resolve(undefined);
    const damaged = testApp(replaced(log, { readTile: nothing, readEntries: nothing }));
    for (const path of ["/tile/0/000.p/3", "/tile/entries/000.p/3"]) {
      expect(await problemOf(await damaged.request(path))).toEqual({ status: 500, code: "STORE_DAMAGED" });
    }
  });
});

test("no two routes overlap, which would cost every request hono's fast router", () => {
  expect(app.router.name).toBe("SmartRouter + RegExpRouter");
});

test("every answer forbids guessing its type", async () => {
  for (const path of [...READS, "/nowhere", "/add"]) {
    expect((await app.request(path)).headers.get("X-Content-Type-Options")).toBe("nosniff");
  }
});

test("GET /log.json names the log, its keys, limits and a policy that parses", async () => {
  const response = await app.request("/log.json");
  const Info = z.looseObject({ policy: z.string() });
  const info = Info.parse(await response.json());
  expect(info).toMatchObject({
    origin: log.origin,
    vkeys: log.vkeys,
    witnesses: [],
    duplicates: "first",
    limits: {
      maxEntryBytes: 65_535,
      maxBatchEntries: log.limits.maxBatchEntries,
      maxBatchBytes: 8 * 1024 * 1024,
    },
    version: "0.0.0-test",
  });
  const policy = parsePolicy(info.policy);
  expect(policy.logs.map(({ key }) => key.name)).toEqual([log.origin]);
  expect(policy.quorum).toBe("none");
});

describe("the admin app", () => {
  test("has health and readiness, and nothing of the log", async () => {
    const fresh = await openTestLog();
    await publishEntries(fresh, [entry(0)]);
    const admin = createAdminApp({ log: fresh });
    expect(await (await admin.request("/healthz")).json()).toEqual({ status: "ok" });
    const ready = await admin.request("/readyz");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: "writable", integratedSize: 1, publishedSize: 1 });
    for (const path of ["/checkpoint", "/add", "/"]) expect((await admin.request(path)).status).toBe(404);
  });

  test("is not ready when the log is closing or read-only, and says why", async () => {
    const closed = await openTestLog();
    await closed.close();
    expect((await createAdminApp({ log: closed }).request("/readyz")).status).toBe(503);
    const readOnly = { status: "read-only", code: "STORE_FULL", message: "no space" } as const;
    const response = await createAdminApp({ log: replaced(log, { state: () => readOnly }) }).request(
      "/readyz",
    );
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject(readOnly);
  });
});
