import { describe, expect, test } from "vitest";
import { RateBucket } from "../../src/http/rate-bucket.ts";
import {
  MAX_WRITE_TOKENS,
  newWriteToken,
  type Permit,
  TokenLimitedError,
  type WriteToken,
  WriteTokens,
} from "../../src/http/write-tokens.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { expectCode } from "../expect-code.ts";
import { entry, openTestLog, problemOf, testApp } from "./test-log.ts";

const { token, tokenHash } = newWriteToken();
const second = newWriteToken();

function tokensWith(limits: Partial<WriteToken>) {
  const clock = { ms: 0, seconds: 1_700_000_000 };
  const time = { nowMs: () => clock.ms, nowSeconds: () => clock.seconds };
  return { clock, tokens: new WriteTokens([{ hash: tokenHash, ...limits }], time) };
}

function write(permit: Permit, { entries, bytes }: { readonly entries: number; readonly bytes: number }) {
  permit.receive(bytes);
  permit.charge(entries);
}

describe("a bucket", () => {
  test("gives a second's worth at once, and the rate in the long run, however it is asked", () => {
    for (const amount of [1, 3, 50, 5000]) {
      const bucket = new RateBucket(10);
      let taken = 0;
      for (let nowMs = 0; nowMs <= 10_000_000; nowMs += 500) {
        while (bucket.waitMs(nowMs) === 0) {
          bucket.take(amount, nowMs);
          taken += amount;
        }
      }
      expect(taken).toBeGreaterThanOrEqual(10 * 10_000 - 5);
      expect(taken).toBeLessThanOrEqual(10 * 10_000 + 10 + amount);
    }
  });

  test("says how long to wait: then there is something to take, and not before", () => {
    const bucket = new RateBucket(10);
    bucket.take(25, 0);
    const waitMs = bucket.waitMs(0);
    expect(bucket.waitMs(waitMs - 2)).toBeGreaterThan(0);
    expect(bucket.waitMs(waitMs)).toBe(0);
  });
});

describe("limits of a token", () => {
  test("hold entries and bytes, each by itself, and give the time after which to try again", () => {
    for (const limits of [{ entriesPerSecond: 2 }, { bytesPerSecond: 20 }]) {
      const { tokens, clock } = tokensWith(limits);
      const once = () => write(tokens.permit(token), { entries: 1, bytes: 10 });
      once();
      once();
      const refused = expectCode(once, "TOKEN_LIMITED");
      expect(refused).toBeInstanceOf(TokenLimitedError);
      expect(refused).toMatchObject({ retryAfterSeconds: 1 });
      clock.ms += 1001;
      once();
    }
  });

  test("a batch larger than a second's worth is taken, and paid off before the next", () => {
    const { tokens, clock } = tokensWith({ entriesPerSecond: 100 });
    write(tokens.permit(token), { entries: 10_000, bytes: 1 });
    expect(expectCode(() => tokens.permit(token), "TOKEN_LIMITED")).toMatchObject({ retryAfterSeconds: 100 });
    clock.ms += 98_000;
    expectCode(() => tokens.permit(token), "TOKEN_LIMITED");
    clock.ms += 2000;
    tokens.permit(token);
  });

  test("permits that were given at the same time share what there is", () => {
    const { tokens } = tokensWith({ entriesPerSecond: 2 });
    const permits = Array.from({ length: 5 }, () => tokens.permit(token));
    const outcomes = permits.map((permit) => {
      try {
        write(permit, { entries: 1, bytes: 1 });
        return "taken";
      } catch {
        return "refused";
      }
    });
    expect(outcomes).toEqual(["taken", "taken", "refused", "refused", "refused"]);
  });

  test("what a token has written goes on to count when the list is read again, also at another rate", () => {
    const { tokens, clock } = tokensWith({ entriesPerSecond: 10 });
    write(tokens.permit(token), { entries: 1010, bytes: 1 });
    tokens.replace([{ hash: tokenHash, name: "renamed", entriesPerSecond: 10 }]);
    expectCode(() => tokens.permit(token), "TOKEN_LIMITED");
    tokens.replace([{ hash: tokenHash, entriesPerSecond: 5 }]);
    expect(expectCode(() => tokens.permit(token), "TOKEN_LIMITED")).toMatchObject({ retryAfterSeconds: 201 });
    clock.ms += 200_001;
    tokens.permit(token);
  });

  test("an expired token is refused, to the second", () => {
    const { tokens, clock } = tokensWith({ expiresAtSeconds: 1_700_000_010 });
    tokens.permit(token);
    clock.seconds = 1_700_000_009.9;
    tokens.permit(token);
    clock.seconds = 1_700_000_010;
    expectCode(() => tokens.permit(token), "TOKEN_INVALID");
  });
});

describe("a list of tokens", () => {
  test("is replaced at once: the old one is refused, the new one writes, and who listens is told", () => {
    const tokens = new WriteTokens([{ hash: tokenHash }]);
    let told = 0;
    const end = tokens.onReplaced(() => {
      told += 1;
    });
    tokens.replace([{ hash: second.tokenHash }]);
    expectCode(() => tokens.permit(token), "TOKEN_INVALID");
    tokens.permit(second.token);
    end();
    tokens.replace([]);
    expect(told).toBe(1);
  });

  test("one that is wrong changes nothing", () => {
    const tokens = new WriteTokens([{ hash: tokenHash }]);
    const many = Array.from({ length: MAX_WRITE_TOKENS + 1 }, (_, at) => ({
      hash: at.toString(16).padStart(64, "0"),
    }));
    expectCode(() => tokens.replace(many), "ARGUMENT_INVALID");
    expectCode(() => tokens.replace([{ hash: tokenHash }, { hash: tokenHash }]), "ARGUMENT_INVALID");
    expectCode(() => tokens.replace([{ hash: "ab" }]), "HEX_MALFORMED");
    expect(tokens.current).toEqual([{ hash: tokenHash }]);
    tokens.permit(token);
  });
});

describe("over HTTP a limited token", () => {
  async function limitedApp(limits: Partial<WriteToken>) {
    const log = await openTestLog();
    const { tokens } = tokensWith({ name: "build", ...limits });
    return { log, app: testApp(log, { writeAccess: { mode: "token", tokens } }) };
  }
  const authorization = { Authorization: `Bearer ${token}` };
  const post = (body: Uint8Array) => ({ method: "POST", headers: authorization, body: new Uint8Array(body) });

  test("that wrote enough gets 429 with the time to wait, and what it sent is not added", async () => {
    const { log, app } = await limitedApp({ entriesPerSecond: 3 });
    const batch = post(encodeBundle(Array.from({ length: 40 }, (_, at) => entry(at))));
    expect((await app.request("/add-batch", batch)).status).toBe(200);
    for (const path of ["/add", "/add-batch"]) {
      const refused = await app.request(path, post(entry(99)));
      expect(Number(refused.headers.get("Retry-After"))).toBe(13);
      expect(await problemOf(refused)).toEqual({ status: 429, code: "TOKEN_LIMITED" });
    }
    expect(log.integratedSize()).toBe(40);
  });

  test("pays for every byte it sends, also of what is refused, and not for entries that the log turned away", async () => {
    const refusing = await limitedApp({ bytesPerSecond: 100 });
    expect((await refusing.app.request("/add-batch", post(new Uint8Array(1000).fill(255)))).status).toBe(400);
    expect((await refusing.app.request("/add", post(entry(1)))).status).toBe(429);
    const ended = await limitedApp({ entriesPerSecond: 2 });
    await ended.log.close();
    const batch = post(encodeBundle(Array.from({ length: 40 }, (_, at) => entry(at))));
    for (const _ of [1, 2, 3]) expect((await ended.app.request("/add-batch", batch)).status).toBe(503);
  });

  test("with a largest entry is held to it, alone and in a batch", async () => {
    const { log, app } = await limitedApp({ maxEntryBytes: 7 });
    expect((await app.request("/add", post(entry(1)))).status).toBe(200);
    expect(await problemOf(await app.request("/add", post(entry(10))))).toEqual({
      status: 413,
      code: "BODY_TOO_LARGE",
    });
    const batch = await app.request("/add-batch", post(encodeBundle([entry(2), entry(10)])));
    expect(await problemOf(batch)).toEqual({ status: 413, code: "ENTRY_TOO_LARGE" });
    expect(log.integratedSize()).toBe(1);
  });
});
