import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import { RemoteRefusedError } from "../../client/errors.ts";
import { type FetcherOptions, type FetchFunction, openFetcher } from "../../client/fetcher.ts";
import { expectCode, expectCodeAsync } from "../expect-code.ts";
import { fakeTime } from "./fake-time.ts";

const timeoutMs = 30_000;
const url = "https://log.example/prefix";
const small = { path: "checkpoint", maxBytes: 100 };

/** Answers from a script, the last one again and again. */
function scripted(...answers: readonly (() => Response | Promise<Response>)[]) {
  const requests: { url: string; init: Parameters<FetchFunction>[1] }[] = [];
  const fetch: FetchFunction = async (target, init) => {
    requests.push({ url: target, init });
    const answer = answers[Math.min(requests.length, answers.length) - 1]!;
    return answer();
  };
  return { fetch, requests };
}

function open(fetch: FetchFunction, options: FetcherOptions & { readonly expire?: boolean } = {}) {
  const time = fakeTime({ timeoutMs, expire: options.expire ?? false });
  const fetcher = openFetcher(url, { ...time, timeoutMs, random: () => 1, ...options, fetch });
  return { fetcher, time };
}

const ok = (body: string) => () => new Response(body);
const status =
  (code: number, headers: Record<string, string> = {}) =>
  () =>
    new Response("no", { status: code, headers });
const networkError = () => Promise.reject(new TypeError("fetch failed"));

function endless(chunk: Uint8Array): {
  response: () => Response;
  pulled: () => number;
  cancelled: () => boolean;
} {
  let pulled = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled += chunk.length;
      controller.enqueue(chunk);
    },
    cancel: () => {
      cancelled = true;
    },
  });
  return {
    response: () => new Response(body, { headers: { "content-length": "10" } }),
    pulled: () => pulled,
    cancelled: () => cancelled,
  };
}

describe("one request", () => {
  test("joins the path to the log's URL, with or without a trailing slash", async () => {
    const { fetch, requests } = scripted(ok("x"));
    for (const base of [url, `${url}/`]) await openFetcher(base, { fetch }).request(small);
    expect(requests.map((request) => request.url)).toEqual([`${url}/checkpoint`, `${url}/checkpoint`]);
    expect(requests[0]?.init.redirect).toBe("manual");
  });

  test.each(["log.example", "ftp://log.example", "https://user@log.example", "https://log.example/?a=1"])(
    "refuses %s as the URL of a log",
    (bad) => {
      expectCode(() => openFetcher(bad), "ARGUMENT_INVALID");
    },
  );

  test("posts a copy of the body", async () => {
    const { fetch, requests } = scripted(ok("0"));
    const body = new Uint8Array([1, 2, 3]);
    await open(fetch).fetcher.request({ ...small, body });
    expect(requests[0]?.init.method).toBe("POST");
    expect(requests[0]?.init.body).toEqual(body);
    expect(requests[0]?.init.body).not.toBe(body);
  });

  test("accepts a body of exactly the limit and none that is larger", async () => {
    const { fetch } = scripted(ok("a".repeat(100)));
    expect((await open(fetch).fetcher.request(small)).body.length).toBe(100);
    await expectCodeAsync(open(fetch).fetcher.request({ ...small, maxBytes: 99 }), "REMOTE_TOO_LARGE");
  });

  test("stops reading an endless body at the limit, whatever its Content-Length claims", async () => {
    const body = endless(new Uint8Array(64));
    const { fetcher } = open(async () => body.response());
    await expectCodeAsync(fetcher.request({ ...small, maxBytes: 1000 }), "REMOTE_TOO_LARGE");
    expect(body.pulled()).toBeLessThan(2000);
    expect(body.cancelled()).toBe(true);
  });

  test("takes a Content-Length larger than the body for the claim it is", async () => {
    const { fetch } = scripted(() => new Response("abc", { headers: { "content-length": "90" } }));
    expect((await open(fetch).fetcher.request(small)).body.length).toBe(3);
  });

  test("gives up on a body that never ends and never delivers", async () => {
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
    const { fetcher } = open(async () => new Response(silent), { expire: true, retry: { maxAttempts: 1 } });
    await expectCodeAsync(fetcher.request(small), "REMOTE_TIMEOUT");
  });

  test("gives up on a fetch that ignores its signal", async () => {
    const { fetcher } = open(() => new Promise(() => {}), { expire: true, retry: { maxAttempts: 2 } });
    await expectCodeAsync(fetcher.request(small), "REMOTE_TIMEOUT");
  });

  test("aborts with the caller's signal, before and during a request", async () => {
    const before = open(scripted(ok("x")).fetch).fetcher;
    await expectCodeAsync(before.request({ ...small, signal: AbortSignal.abort() }), "ABORTED");
    const controller = new AbortController();
    const during = open(() => new Promise(() => {})).fetcher;
    const pending = during.request({ ...small, signal: controller.signal });
    controller.abort();
    await expectCodeAsync(pending, "ABORTED");
  });

  test.each([301, 302, 307, 308])("does not follow a redirect (%i)", async (code) => {
    const { fetch, requests } = scripted(status(code, { location: "http://169.254.169.254/" }));
    const error = await expectCodeAsync(open(fetch).fetcher.request(small), "REMOTE_REFUSED");
    expect(error.message).toContain("redirect");
    expect(requests.length).toBe(1);
  });

  test("refuses an answer that a handed-in fetch was redirected to", async () => {
    const redirected = Object.defineProperty(new Response("x"), "redirected", { value: true });
    await expectCodeAsync(open(async () => redirected).fetcher.request(small), "REMOTE_REFUSED");
  });

  test("follows no redirect of a real server", async () => {
    const server = createServer((_, response) => response.writeHead(302, { location: "/elsewhere" }).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      await expectCodeAsync(openFetcher(`http://127.0.0.1:${port}`).request(small), "REMOTE_REFUSED");
    } finally {
      server.close();
    }
  });
});

describe("refusals", () => {
  test("carry the status and the code of a problem body", async () => {
    const problem = JSON.stringify({ type: "about:blank", code: "ENTRY_UNKNOWN" });
    const headers = { "content-type": "application/problem+json; charset=utf-8" };
    const { fetch } = scripted(() => new Response(problem, { status: 404, headers }));
    const error = await expectCodeAsync(open(fetch).fetcher.request(small), "REMOTE_REFUSED");
    expect(error).toBeInstanceOf(RemoteRefusedError);
    expect(error).toMatchObject({ status: 404, problemCode: "ENTRY_UNKNOWN" });
  });

  test.each([
    ["log.example is cosigned no more", " (log.example is cosigned no more)"],
    ["a\nsecond line", ""],
    ["\u001b[31mred", ""],
    ["x".repeat(301), ""],
  ])("say in a line what the problem body says, when it is one: %j", async (detail, said) => {
    const headers = { "content-type": "application/problem+json" };
    const problem = JSON.stringify({ code: "LOG_FROZEN", detail });
    const { fetch } = scripted(() => new Response(problem, { status: 403, headers }));
    const error = await expectCodeAsync(open(fetch).fetcher.request(small), "REMOTE_REFUSED");
    expect(error.message).toBe(`${small.path}: the server answered 403 LOG_FROZEN${said}`);
  });

  test.each([
    ["is not JSON", "<html>"],
    ["has no code", "{}"],
    ["has a code that is no code", '{"code":"\\u001b[31m"}'],
    ["is endless", `{"code":"A${" ".repeat(100_000)}"}`],
  ])("have no problem code when the problem body %s", async (_, body) => {
    const headers = { "content-type": "application/problem+json" };
    const { fetch } = scripted(() => new Response(body, { status: 400, headers }));
    const error = await expectCodeAsync(open(fetch).fetcher.request(small), "REMOTE_REFUSED");
    expect(error).toMatchObject({ status: 400, problemCode: undefined });
  });

  test.each([400, 403, 404, 500])("with status %i are final", async (code) => {
    const { fetch, requests } = scripted(status(code));
    await expectCodeAsync(open(fetch).fetcher.request(small), "REMOTE_REFUSED");
    expect(requests.length).toBe(1);
  });
});

describe("repeating", () => {
  test.each([429, 502, 503, 504])("asks again after status %i", async (code) => {
    const { fetch, requests } = scripted(status(code), ok("x"));
    await open(fetch).fetcher.request(small);
    expect(requests.length).toBe(2);
  });

  test("waits exponentially longer, with jitter, then reports the last failure", async () => {
    const { fetch, requests } = scripted(networkError);
    const retry = { maxAttempts: 5, firstDelayMs: 100, maxDelayMs: 500 };
    const full = open(fetch, { retry });
    await expectCodeAsync(full.fetcher.request(small), "REMOTE_UNREACHABLE");
    expect(requests.length).toBe(5);
    expect(full.time.pauses).toEqual([100, 200, 400, 500]);
    const half = open(fetch, { retry, random: () => 0.5 });
    await expectCodeAsync(half.fetcher.request(small), "REMOTE_UNREACHABLE");
    expect(half.time.pauses).toEqual([50, 100, 200, 250]);
  });

  test("repeats an append the network interrupted, with the same bytes", async () => {
    const { fetch, requests } = scripted(networkError, ok("7"));
    await open(fetch).fetcher.request({ ...small, body: new Uint8Array([9]) });
    expect(requests.map((request) => request.init.body)).toEqual([new Uint8Array([9]), new Uint8Array([9])]);
  });

  test("honours Retry-After in seconds and as a date", async () => {
    const date = new Date(1_700_000_000_000 + 4_000).toUTCString();
    for (const [value, waitMs] of [
      ["3", 3_250],
      [date, 4_250],
      ["soon", 250],
    ] as const) {
      const { fetch } = scripted(status(503, { "retry-after": value }), ok("x"));
      const { fetcher, time } = open(fetch);
      await fetcher.request(small);
      expect(time.pauses).toEqual([waitMs]);
    }
  });

  test("reports a huge Retry-After instead of waiting for it", async () => {
    for (const value of ["86400", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]) {
      const { fetch, requests } = scripted(status(503, { "retry-after": value }));
      const { fetcher, time } = open(fetch);
      await expectCodeAsync(fetcher.request(small), "REMOTE_REFUSED");
      expect(requests.length).toBe(1);
      expect(time.pauses).toEqual([]);
    }
  });

  test("stops waiting when the caller aborts", async () => {
    const controller = new AbortController();
    const fetch: FetchFunction = async () => {
      setImmediate(() => controller.abort());
      return new Response("", { status: 503, headers: { "retry-after": "10" } });
    };
    const fetcher = openFetcher(url, { fetch });
    await expectCodeAsync(fetcher.request({ ...small, signal: controller.signal }), "ABORTED");
  });
});
