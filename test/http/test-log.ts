import { expect } from "vitest";
import { createLogApp, type LogAppOptions } from "../../src/http/app.ts";
import { Problem } from "../../src/http/schemas.ts";
import { memoryGuard } from "../../src/keys/guard.ts";
import type { Log } from "../../src/log/log.ts";
import { openLogEngine } from "../../src/log/open-log.ts";
import { DEFAULT_LIMITS, type LogOptions } from "../../src/log/options.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { formatSigningKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";

export const ORIGIN = "log.test/http";

/** The real engine, in memory. */
export async function openTestLog(options: Partial<LogOptions> = {}): Promise<Log> {
  const signer = await openSigner(formatSigningKey(await generateSigningKey({ name: ORIGIN })));
  return await openLogEngine({
    store: openMemoryStore({ origin: ORIGIN }),
    guard: memoryGuard(),
    signers: [signer],
    duplicates: "first",
    checkpointIntervalMs: 1,
    limits: DEFAULT_LIMITS,
    events: {},
    now: () => performance.now(),
    randomToken: () => encodeHex(crypto.getRandomValues(new Uint8Array(16))),
    hasReaders: false,
    recreateGuard: false,
    ...options,
  });
}

/** The app over it, with writes open to this machine. */
export function testApp(log: Log, options: Partial<LogAppOptions> = {}) {
  return createLogApp({ log, writeAccess: { mode: "loopback" }, version: "0.0.0-test", ...options });
}

/** A log in which `size` entries are published, each as `entry` makes it, and the app over it. */
export async function openLogOfSize(size: number): Promise<{ log: Log; app: ReturnType<typeof testApp> }> {
  const log = await openTestLog();
  await publishEntries(
    log,
    Array.from({ length: size }, (_, index) => entry(index)),
  );
  return { log, app: testApp(log) };
}

/** Appends and waits until readers see it. */
export async function publishEntries(log: Log, entries: readonly Uint8Array[]): Promise<void> {
  for (let start = 0; start < entries.length; start += 10_000) {
    const appended = await log.addBatch(entries.slice(start, start + 10_000));
    const last = Math.max(...appended.map(({ leafIndex }) => leafIndex));
    await log.untilPublished(last, { signal: AbortSignal.timeout(10_000) });
  }
}

export function entry(number: number): Uint8Array {
  return new TextEncoder().encode(`entry ${number}`);
}

/** Status and code of a problem answer. */
export async function problemOf(response: Response): Promise<{ status: number; code: string }> {
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  const { type, code, status } = Problem.parse(await response.json());
  expect(type).toBe(`urn:bristlecone:problem:${code}`);
  expect(status).toBe(response.status);
  return { status, code };
}

/** The same log, some of it replaced: for outcomes the engine has no reason to give in a test. */
export function replaced(log: Log, methods: Partial<Log>): Log {
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = Reflect.get(name in methods ? methods : target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
