import { type Guard, type GuardRecord, memoryGuard } from "../../src/keys/guard.ts";
import type { Log } from "../../src/log/log.ts";
import { openLogEngine } from "../../src/log/open-log.ts";
import { DEFAULT_LIMITS, type LogOptions } from "../../src/log/options.ts";
import { createMemoryDisk, type MemoryDisk, openMemoryStore } from "../../src/store/memory.ts";
import type { LogStore } from "../../src/store/store.ts";
import { encodeHex, encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatSigningKey, generateSigningKey, type NoteSigner, openSigner } from "../../src/tlog/key.ts";

export const ORIGIN = "example.com/test-log";

/** A log's two disks: what a crash leaves behind, and a backup copies. */
export interface Disks {
  readonly store: MemoryDisk;
  guard: GuardRecord | undefined;
}

export function emptyDisks(): Disks {
  return { store: createMemoryDisk(), guard: undefined };
}

export function copyOf(disks: Disks): Disks {
  return structuredClone(disks);
}

export async function testSigner(seed = 7, name = ORIGIN): Promise<NoteSigner> {
  return await openSigner(
    formatSigningKey(await generateSigningKey({ name, seed: new Uint8Array(32).fill(seed) })),
  );
}

/** A guard that outlives its log, on `disks`. */
export function guardOn(disks: Disks): Guard {
  const guard = memoryGuard(disks.guard);
  return {
    ...guard,
    async write(record) {
      await guard.write(record);
      disks.guard = record;
    },
  };
}

let tokens = 0;

/** Opens the engine on `disks`; `wrap` stands between it and the store. */
export async function openOn(
  disks: Disks,
  options: Partial<LogOptions> & { readonly wrap?: (store: LogStore) => LogStore } = {},
): Promise<Log> {
  const store = openMemoryStore({ origin: ORIGIN, disk: disks.store });
  return await openLogEngine({
    store: options.wrap?.(store) ?? store,
    guard: guardOn(disks),
    signers: [await testSigner()],
    duplicates: "first",
    checkpointIntervalMs: 0,
    limits: DEFAULT_LIMITS,
    events: {},
    now: () => performance.now(),
    randomToken: () => encodeHex(encodeUtf8(String(++tokens).padStart(16, "0"))),
    hasReaders: false,
    recreateGuard: false,
    ...options,
  });
}

/** A door that is shut until it is opened: whoever waits at it goes on then. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

export function entry(text: string | number): Uint8Array {
  return encodeUtf8(`entry ${text}`);
}

export async function published(log: Log, leafIndex: number): Promise<void> {
  await log.untilPublished(leafIndex, { signal: AbortSignal.timeout(5000) });
}
