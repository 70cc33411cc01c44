import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  type Asked,
  accessFrom,
  accessRecord,
  type WriteAccess,
  writeAccessFor,
  writeCheck,
} from "../../src/http/access.ts";
import { newWriteToken } from "../../src/http/write-tokens.ts";
import { expectCode } from "../expect-code.ts";
import { openTestLog, problemOf, testApp } from "./test-log.ts";

const { token, tokenHash } = newWriteToken();
const second = newWriteToken();

function post(url: string, values: Record<string, string> = {}, httpVersion?: string): Asked {
  const headers = new Headers(values);
  return { site: new URL(url), header: (name) => headers.get(name) ?? undefined, httpVersion };
}

const LOCAL = "http://127.0.0.1:6962/add";

/** Access by token, and the hashes it knows. */
function withHashes(...hashes: readonly string[]): WriteAccess {
  return accessFrom({ mode: "token", tokens: hashes.map((hash) => ({ hash })) });
}

describe("writeAccessFor", () => {
  test("opens loopback listeners, and closes others unless told otherwise", () => {
    for (const host of ["127.0.0.1", "127.8.8.8", "::1", "localhost"]) {
      expect(writeAccessFor({ host })).toEqual({ mode: "loopback" });
    }
    for (const host of [
      "0.0.0.0",
      "::",
      "192.168.1.1",
      "example.com",
      "127.0.0.1.example.com",
      "localhost.example",
    ]) {
      expect(accessRecord(writeAccessFor({ host })), host).toEqual({ mode: "token", tokens: [] });
      expect(writeAccessFor({ host, openWrites: true })).toEqual({ mode: "open" });
    }
  });

  test("tokens count wherever they are configured", () => {
    const access = { mode: "token", tokens: [{ hash: tokenHash }] };
    const tokenHashes = [tokenHash];
    expect(accessRecord(writeAccessFor({ host: "127.0.0.1", tokenHashes }))).toEqual(access);
    expect(accessRecord(writeAccessFor({ host: "0.0.0.0", tokenHashes, openWrites: true }))).toEqual(access);
  });
});

test("configured and empty means nobody: who revoked the last token did not open the log", () => {
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    for (const openWrites of [false, true]) {
      const access = writeAccessFor({ host, tokenHashes: [], openWrites });
      expect(accessRecord(access)).toEqual({ mode: "token", tokens: [] });
    }
  }
});

describe("tokens", () => {
  const check = writeCheck(withHashes(second.tokenHash, tokenHash));

  test("are random, and stored as their SHA-256", () => {
    expect(tokenHash).toBe(createHash("sha256").update(token).digest("hex"));
    expect(token).toMatch(/^bristlecone_[A-Za-z0-9_-]{43}$/);
    expect(token).not.toBe(second.token);
  });

  test("each known one opens, with any spelling of Bearer, from anywhere", () => {
    for (const known of [token, second.token])
      check(post("https://example.com/add", { Authorization: `Bearer ${known}` }));
    check(post(LOCAL, { Authorization: `bearer  ${token}`, Origin: "https://evil.example" }));
  });

  test("an unknown one is refused, none is asked for, and a hash is no token", () => {
    for (const wrong of [`${token}x`, token.slice(0, -1), tokenHash, "x"]) {
      expectCode(() => check(post(LOCAL, { Authorization: `Bearer ${wrong}` })), "TOKEN_INVALID");
    }
    for (const header of [
      "",
      "Bearer",
      "Bearer ",
      `Basic ${token}`,
      token,
      `Bearer ${token} ${token}`,
      "Bearer ü",
    ]) {
      expectCode(() => check(post(LOCAL, { Authorization: header })), "TOKEN_MISSING");
    }
    expectCode(() => check(post(LOCAL)), "TOKEN_MISSING");
  });

  test("with none configured nobody writes", () => {
    const closed = writeCheck(withHashes());
    expectCode(() => closed(post(LOCAL)), "TOKEN_MISSING");
    expectCode(() => closed(post(LOCAL, { Authorization: `Bearer ${token}` })), "TOKEN_INVALID");
  });

  test("a malformed hash is refused before anything is checked", () => {
    for (const hash of ["", "ab", tokenHash.toUpperCase(), `${tokenHash}00`, token]) {
      expectCode(() => withHashes(hash), "HEX_MALFORMED");
    }
  });

  test("over HTTP: 401 with WWW-Authenticate, then 403, then 200; the body is not read before", async () => {
    const log = await openTestLog();
    const app = testApp(log, { writeAccess: withHashes(tokenHash) });
    for (const path of ["/add", "/add-batch"]) {
      const missing = await app.request(path, { method: "POST", body: new Uint8Array(9_000_000) });
      expect(missing.headers.get("WWW-Authenticate")).toBe('Bearer realm="bristlecone"');
      expect(await problemOf(missing)).toEqual({ status: 401, code: "TOKEN_MISSING" });
      const authorization = { Authorization: `Bearer ${second.token}` };
      const wrong = await app.request(path, { method: "POST", headers: authorization });
      expect(await wrong.clone().text()).not.toContain(second.token);
      expect(await problemOf(wrong)).toEqual({ status: 403, code: "TOKEN_INVALID" });
      const right = await app.request(path, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
      });
      expect(right.status).toBe(200);
    }
  });

  test("reading needs none", async () => {
    const app = testApp(await openTestLog(), { writeAccess: withHashes() });
    expect((await app.request("/checkpoint")).status).toBe(200);
  });
});

describe("a loopback log", () => {
  const check = writeCheck({ mode: "loopback" });

  test("takes writes from programs on this machine, and from pages it serves itself", () => {
    for (const host of ["127.0.0.1:6962", "localhost:6962", "[::1]:6962"]) {
      check(post(`http://${host}/add`));
      check(post(`http://${host}/add`, { Origin: `http://${host}`, "Sec-Fetch-Site": "same-origin" }));
    }
    check(post(LOCAL, { "Sec-Fetch-Site": "none" }));
  });

  test("refuses pages of other origins, also from this machine", () => {
    for (const origin of [
      "https://evil.example",
      "http://localhost:3000",
      "https://127.0.0.1:6962",
      "null",
    ]) {
      expectCode(() => check(post(LOCAL, { Origin: origin })), "WRITE_FORBIDDEN");
    }
    for (const site of ["cross-site", "same-site"]) {
      expectCode(() => check(post(LOCAL, { "Sec-Fetch-Site": site })), "WRITE_FORBIDDEN");
    }
  });

  test("refuses a name that was rebound to loopback, however same-origin it looks", () => {
    const headers = { Origin: "http://evil.example:6962", "Sec-Fetch-Site": "same-origin" };
    expectCode(() => check(post("http://evil.example:6962/add", headers)), "WRITE_FORBIDDEN");
    for (const host of ["127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0"]) {
      expectCode(() => check(post(`http://${host}/add`)), "WRITE_FORBIDDEN");
    }
  });

  test("refuses what a proxy passed on", () => {
    for (const name of [
      "Forwarded",
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "X-Real-IP",
      "Via",
    ]) {
      expectCode(() => check(post(LOCAL, { [name]: "1.2.3.4" })), "WRITE_FORBIDDEN");
    }
    expectCode(() => check(post(LOCAL, {}, "1.0")), "WRITE_FORBIDDEN");
    check(post(LOCAL, {}, "1.1"));
  });

  test("answers 403 over HTTP", async () => {
    const app = testApp(await openTestLog());
    const response = await app.request("/add", {
      method: "POST",
      headers: { Origin: "https://evil.example" },
    });
    expect(await problemOf(response)).toEqual({ status: 403, code: "WRITE_FORBIDDEN" });
  });
});

test("an open log takes writes from everywhere but from pages of other origins", () => {
  const check = writeCheck({ mode: "open" });
  check(post("https://log.example/add", { "X-Forwarded-For": "1.2.3.4" }));
  expectCode(
    () => check(post("https://log.example/add", { Origin: "https://evil.example" })),
    "WRITE_FORBIDDEN",
  );
});
