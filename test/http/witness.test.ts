import { describe, expect, onTestFinished, test } from "vitest";
import { type ErrorCode, TlogError } from "../../src/errors.ts";
import { listen, type ServedApp } from "../../src/http/listen.ts";
import { createWitnessApp } from "../../src/http/witness.ts";
import { createWitnessAdminApp } from "../../src/http/witness-admin.ts";
import { decodeUtf8, encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  LogFrozenError,
  RateLimitedError,
  SizeConflictError,
  type Witness,
} from "../../src/witness/witness.ts";
import {
  fakeWitness,
  hashOf,
  headOfSize,
  post,
  WITNESS_NAME,
  witnessApp,
  witnessedLog,
} from "./fake-witness.ts";
import { RawClient, statusesIn } from "./raw-client.ts";
import { serve } from "./served-log.ts";
import { openTestLog, problemOf, testApp } from "./test-log.ts";

const WRITES = ["/add-checkpoint", "/sign-subtree"] as const;
const ORIGIN = "log.test/a";
const HASH = hashOf(ORIGIN);

/** An app whose witness answers every cosigning request with this error. */
function refusing(error: Error) {
  const refuse = () => Promise.reject(error);
  return witnessApp(fakeWitness({}, { addCheckpoint: refuse, signSubtree: refuse }));
}

function refusingWith(code: ErrorCode) {
  return refusing(new TlogError(code, "as the test wants"));
}

describe("add-checkpoint and sign-subtree", () => {
  test("WIT-1 SUB-1 take a POST of any or no Content-Type, as it is", async () => {
    const bodies: Uint8Array[] = [];
    const take: Witness["addCheckpoint"] = (body) => {
      bodies.push(body);
      return Promise.resolve(encodeUtf8("— x y\n"));
    };
    const app = witnessApp(fakeWitness({}, { addCheckpoint: take, signSubtree: take }));
    const body = Uint8Array.of(0, 1, 0xff);
    for (const path of WRITES) {
      for (const type of [undefined, "text/plain", "application/json", "nonsense", "multipart/form-data"]) {
        const response = await app.request(
          path,
          post(body, type === undefined ? {} : { "Content-Type": type }),
        );
        expect(response.status, `${path} ${type}`).toBe(200);
      }
    }
    expect(bodies).toEqual(Array.from({ length: 10 }, () => body));
  });

  test("WIT-1 SUB-1 are 405 for other methods", async () => {
    const app = witnessApp(fakeWitness());
    for (const path of [...WRITES, "/evidence"]) {
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
        const response = await app.request(path, { method });
        expect(response.status, `${method} ${path}`).toBe(405);
        expect(response.headers.get("Allow")).toBe("OPTIONS, POST");
      }
    }
  });

  test("WIT-12 WIT-24 answer 200 with the lines and nothing else, as text", async () => {
    const app = witnessApp(fakeWitness());
    for (const path of WRITES) {
      const response = await app.request(path, post());
      expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(await response.text()).toBe(`— ${WITNESS_NAME} AAAAAAAA\n`);
    }
  });

  test("answer plain requests on a socket as the framework does, and without it", async () => {
    const cosign: Witness["addCheckpoint"] = (body) => {
      const text = decodeUtf8(body);
      if (text === "conflict") return Promise.reject(new SizeConflictError(17, 3));
      if (text === "limited") return Promise.reject(new RateLimitedError(ORIGIN, 9));
      if (text === "unknown") return Promise.reject(new TlogError("LOG_UNKNOWN", "no such log"));
      if (text === "bug") return Promise.reject(new Error("a bug"));
      return Promise.resolve(encodeUtf8("— x y\n"));
    };
    const failures: string[] = [];
    const app = createWitnessApp({
      witness: fakeWitness({}, { addCheckpoint: cosign, signSubtree: cosign }),
      version: "0.0.0-test",
      onError: ({ method, path }) => failures.push(`${method} ${path}`),
    });
    const fetch: ServedApp["fetch"] = (request, env) => {
      framed += 1;
      return app.fetch(request, env);
    };
    let framed = 0;
    const address = { host: "127.0.0.1", port: 0 };
    const straight = await listen({ app: { fetch, hotRoutes: app.hotRoutes }, ...address });
    const through = await listen({ app: { fetch }, ...address });
    onTestFinished(async () => {
      await straight.close({ deadlineMs: 0 });
      await through.close({ deadlineMs: 0 });
    });
    const asked = WRITES.flatMap((path) => [
      ...["fine", "conflict", "limited", "unknown", "bug"].map((body) => ({ path, body, head: "" })),
      { path, body: "coded", head: "Content-Encoding: gzip\r\n" },
      { path, body: "x".repeat(140_000), head: "" },
    ]);
    for (const { path, body, head } of asked) {
      const request = `POST ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Request-Id: asked-twice\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
      const answers: string[][] = [];
      for (const { url } of [straight, through]) {
        const client = await RawClient.open(url);
        client.send(request);
        const lines = (await client.untilClosed()).split("\r\n");
        answers.push(lines.map((line) => line.replace(/^[\w-]+:/, (name) => name.toLowerCase())).sort());
      }
      const [one, other] = answers.map((lines) => lines.filter((line) => !line.startsWith("date:")));
      expect(one, `${path} ${body.slice(0, 10)}`).toEqual(other);
    }
    expect(framed).toBe(asked.length);
    expect(failures).toEqual(WRITES.flatMap((path) => Array(2).fill(`POST ${path}`)));
  });

  test.each<[string, ErrorCode, number]>([
    ["WIT-2 WIT-3 WIT-4 WIT-7 SUB-2 a malformed request", "REQUEST_MALFORMED", 400],
    ["WIT-5 SUB-3 an unknown origin", "LOG_UNKNOWN", 404],
    ["WIT-6 SUB-3 SUB-4 no signature of a trusted key", "SIGNATURE_MISSING", 403],
    ["WIT-6 SUB-3 a trusted key's signature that fails", "SIGNATURE_INVALID", 403],
    ["WIT-9 WIT-11 another root", "ROOT_MISMATCH", 422],
    ["WIT-10 WIT-11 SUB-3 a proof that fails", "PROOF_INVALID", 422],
    ["a log that was stopped", "LOG_DISABLED", 403],
    ["sign-subtree without a key for it", "SUBTREE_UNSUPPORTED", 404],
  ])("%s: %s is %i", async (_what, code, status) => {
    for (const path of WRITES) {
      expect(await problemOf(await refusingWith(code).request(path, post()))).toEqual({ status, code });
    }
  });

  test("WIT-8 WIT-14 a size conflict is 409, exactly text/x.tlog.size, and the size with a newline", async () => {
    const { url } = await serve(refusing(new SizeConflictError(20_852_163, 7)));
    const response = await fetch(`${url}/add-checkpoint`, post());
    expect(response.status).toBe(409);
    expect(response.headers.get("Content-Type")).toBe("text/x.tlog.size");
    expect(await response.text()).toBe("20852163\n");
    const never = await refusing(new SizeConflictError(0, 7)).request("/add-checkpoint", post());
    expect(await never.text()).toBe("0\n");
  });

  test("WIT-16 keep the connection open", async () => {
    const { url } = await serve(witnessApp(fakeWitness()));
    const client = await RawClient.open(url);
    for (const answers of [1, 2, 3]) {
      client.send("POST /add-checkpoint HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx");
      const text = await client.until(new RegExp(`(HTTP/1.1 200[\\s\\S]*AAAAAAAA\n){${answers}}`));
      expect(statusesIn(text)).toEqual(Array.from({ length: answers }, () => 200));
    }
    client.destroy();
  });

  test("WIT-17 take 128 KiB, and answer 413 above, however it is sent", async () => {
    const lengths: number[] = [];
    const take: Witness["addCheckpoint"] = (body) => {
      lengths.push(body.length);
      return Promise.resolve(encodeUtf8("— x y\n"));
    };
    const { url } = await serve(witnessApp(fakeWitness({}, { addCheckpoint: take, signSubtree: take })));
    const chunked = (length: number) => ({
      method: "POST",
      body: new Blob([new Uint8Array(length)]).stream(),
      duplex: "half" as const,
    });
    for (const path of WRITES) {
      expect((await fetch(url + path, post(new Uint8Array(131_072)))).status).toBe(200);
      expect((await fetch(url + path, chunked(131_072))).status).toBe(200);
      const declared = await fetch(url + path, post(new Uint8Array(131_073)));
      expect(await problemOf(declared)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
      const streamed = await fetch(url + path, chunked(131_073));
      expect(await problemOf(streamed)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    }
    expect(lengths).toEqual([131_072, 131_072, 131_072, 131_072]);
  });

  test("WIT-22 more than agreed is 429, with how long to wait", async () => {
    const response = await refusing(new RateLimitedError(ORIGIN, 17)).request("/add-checkpoint", post());
    expect(response.headers.get("Retry-After")).toBe("17");
    expect(await problemOf(response)).toEqual({ status: 429, code: "RATE_LIMITED" });
  });

  test.each(["CLOCK_BEHIND", "WITNESS_READ_ONLY", "WITNESS_CLOSING", "CRYPTO_BUSY"] as const)(
    "%s is 503 with Retry-After, and nobody is told that the server failed",
    async (code) => {
      const refuse = () => Promise.reject(new TlogError(code, "state"));
      const failures: unknown[] = [];
      const app = witnessApp(fakeWitness({}, { addCheckpoint: refuse }), {
        onError: (failure) => failures.push(failure),
      });
      const response = await app.request("/add-checkpoint", post());
      expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(0);
      expect(await problemOf(response)).toEqual({ status: 503, code });
      expect(failures).toEqual([]);
    },
  );

  test("a log that forked is 403, with the reason and where the evidence is, relative to the request", async () => {
    const evidenceId = "ab".repeat(32);
    const frozen = new LogFrozenError({ origin: ORIGIN, originHash: HASH, evidenceId, kind: "same-size" });
    const response = await refusing(frozen).request("/add-checkpoint", post());
    const problem: unknown = await response.clone().json();
    expect(problem).toMatchObject({ evidence: `${HASH}/evidence/${evidenceId}` });
    expect(problem).toMatchObject({ detail: expect.stringContaining("same-size") });
    expect(await problemOf(response)).toEqual({ status: 403, code: "LOG_FROZEN" });
  });

  test("what nobody expected is 500 without a word about it, and the operator is told", async () => {
    const unexpected = new TypeError("secret");
    const failures: unknown[] = [];
    const app = witnessApp(fakeWitness({}, { addCheckpoint: () => Promise.reject(unexpected) }), {
      onError: (failure) => failures.push(failure),
    });
    const response = await app.request("/add-checkpoint", post());
    expect(await response.clone().text()).not.toContain("secret");
    expect(await problemOf(response)).toEqual({ status: 500, code: "INTERNAL" });
    expect(failures).toMatchObject([{ error: unexpected, method: "POST", path: "/add-checkpoint" }]);
  });

  test("so many at a time, and 503 at once beyond", async () => {
    const waiting: (() => void)[] = [];
    const addCheckpoint = () =>
      new Promise<Uint8Array>((resolve) => waiting.push(() => resolve(encodeUtf8("— x y\n"))));
    const app = witnessApp(fakeWitness({}, { addCheckpoint }), { limits: { maxConcurrentRequests: 2 } });
    const first = [app.request("/add-checkpoint", post()), app.request("/add-checkpoint", post())];
    await expect.poll(() => waiting.length).toBe(2);
    const third = await app.request("/add-checkpoint", post());
    expect(third.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(third)).toEqual({ status: 503, code: "SERVER_BUSY" });
    for (const go of waiting) go();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    const later = app.request("/add-checkpoint", post());
    await expect.poll(() => waiting.length).toBe(3);
    waiting.at(-1)?.();
    expect((await later).status).toBe(200);
  });

  test("so many bytes of large bodies at a time, and 503 beyond", async () => {
    const app = witnessApp(fakeWitness(), { limits: { maxIncomingBytes: 100_000 } });
    const large = await app.request("/add-checkpoint", post(new Uint8Array(100_001)));
    expect(await problemOf(large)).toEqual({ status: 503, code: "SERVER_BUSY" });
    // What was refused was given back.
    expect((await app.request("/add-checkpoint", post(new Uint8Array(100_000)))).status).toBe(200);
    expect((await app.request("/add-checkpoint", post(new Uint8Array(100_000)))).status).toBe(200);
  });
});

describe("other origins", () => {
  test("WIT-23 may read and write: CORS on every answer, 204 to a preflight", async () => {
    const heads = { [ORIGIN]: headOfSize(3) };
    const app = witnessApp(fakeWitness({ heads }));
    const writes = [...WRITES, "/evidence"];
    const reads = [`/${HASH}/checkpoint`, `/${HASH}/evidence`, "/witness.json", "/openapi.json"];
    for (const path of [...writes, ...reads]) {
      const preflight = await app.request(path, { method: "OPTIONS" });
      expect(preflight.status, path).toBe(204);
      expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(preflight.headers.get("Access-Control-Allow-Headers")).toBe("*");
      const methods = writes.includes(path) ? "POST" : "GET, HEAD";
      expect(preflight.headers.get("Access-Control-Allow-Methods")).toBe(methods);
    }
    for (const path of reads) {
      expect((await app.request(path)).headers.get("Access-Control-Allow-Origin"), path).toBe("*");
    }
    for (const error of [new SizeConflictError(3, 0), new TlogError("LOG_UNKNOWN", "no")]) {
      const response = await refusing(error).request("/add-checkpoint", post());
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    }
    expect((await app.request("/add-checkpoint", post())).headers.get("Access-Control-Allow-Origin")).toBe(
      "*",
    );
  });
});

describe("GET /<origin hash>/checkpoint", () => {
  const app = witnessApp(
    fakeWitness({
      heads: { [ORIGIN]: headOfSize(3) },
      logs: [witnessedLog(ORIGIN), witnessedLog("log.test/b")],
    }),
  );

  test("MON-1 MON-2 is the note the witness keeps, by the SHA-256 of the origin", async () => {
    const response = await app.request(`/${HASH}/checkpoint`);
    expect(response.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toBe("note of size 3\n");
    const head = await app.request(`/${HASH}/checkpoint`, { method: "HEAD" });
    expect([head.status, await head.text(), head.headers.get("Content-Length")]).toEqual([200, "", "15"]);
  });

  test("MON-2 is 404 for a log that was never cosigned, an unknown one, another spelling or hash", async () => {
    const paths = [
      [hashOf("log.test/b"), "NOT_PUBLISHED"],
      [hashOf("log.test/c"), "LOG_UNKNOWN"],
      [hashOf(`o:${ORIGIN}`), "LOG_UNKNOWN"],
      [HASH.toUpperCase(), "NOT_FOUND"],
      [HASH.slice(1), "NOT_FOUND"],
      [encodeURIComponent(ORIGIN), "NOT_FOUND"],
    ];
    for (const [hash, code] of paths) {
      expect(await problemOf(await app.request(`/${hash}/checkpoint`)), code).toEqual({ status: 404, code });
    }
  });

  test("MON-3 may be cached, for seconds, and is revalidated by its tag", async () => {
    const response = await app.request(`/${HASH}/checkpoint`);
    expect(response.headers.get("Cache-Control")).toBe("public, max-age=5");
    const tag = response.headers.get("ETag") ?? "";
    const again = await app.request(`/${HASH}/checkpoint`, { headers: { "If-None-Match": tag } });
    expect(again.status).toBe(304);
  });
});

describe("a witness on a log's listener", () => {
  test("has its routes below /witness/<path>/, and its own answers to what is none", async () => {
    const heads = { [ORIGIN]: headOfSize(3) };
    const witnesses = [{ path: "w1", witness: fakeWitness({ heads }) }];
    const app = testApp(await openTestLog(), { witnesses });
    expect((await app.request("/witness/w1/add-checkpoint", post())).status).toBe(200);
    expect(await (await app.request(`/witness/w1/${HASH}/checkpoint`)).text()).toBe("note of size 3\n");
    const head = await app.request(`/witness/w1/${HASH}/checkpoint`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await app.request("/witness/w1/add-checkpoint")).status).toBe(405);
    expect((await app.request("/witness/w1/evidence", { method: "OPTIONS" })).status).toBe(204);
    for (const path of ["/witness", "/witness/", "/witness/w2/witness.json", "/witness/w1", "/witness/w1/"]) {
      expect(await problemOf(await app.request(path)), path).toEqual({ status: 404, code: "NOT_FOUND" });
    }
    expect((await app.request("/checkpoint")).status).toBe(200);
  });
});

describe("the admin app of a witness", () => {
  test("is ready while it cosigns, and not when it closes or turned read-only", async () => {
    const ready = createWitnessAdminApp({ witness: fakeWitness() });
    expect((await ready.request("/healthz")).status).toBe(200);
    const answer = await ready.request("/readyz");
    expect([answer.status, await answer.json()]).toEqual([200, { status: "ok", logCount: 1 }]);
    const closing = createWitnessAdminApp({ witness: fakeWitness(), isClosing: () => true });
    expect((await closing.request("/readyz")).status).toBe(503);
    const state = () => ({ status: "read-only", code: "STORE_FULL", message: "full" }) as const;
    const broken = await createWitnessAdminApp({ witness: fakeWitness({}, { state }) }).request("/readyz");
    expect([broken.status, await broken.json()]).toMatchObject([503, { code: "STORE_FULL" }]);
  });

  test("is not part of the public one", async () => {
    expect((await witnessApp(fakeWitness()).request("/readyz")).status).toBe(404);
  });
});
