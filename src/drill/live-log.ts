/** A log of the stage, opened in this process, with what was added to it. */
import { TlogError } from "../errors.ts";
import { type Guard, type Log, type OpenLogOptions, openGuardFile, openLog, serveLog } from "../server.ts";
import { bytesEqual } from "../tlog/encoding.ts";
import type { Entries } from "./load.ts";
import { pause } from "./load.ts";
import type { Place, Stage } from "./stage.ts";

/** How often what is added is published, in milliseconds. */
const CHECKPOINT_INTERVAL_MS = 100;
const PUBLISHED_WITHIN_MS = 60_000;

type Further = Pick<OpenLogOptions, "witnesses" | "served" | "recreateGuard" | "keyChange" | "signers"> & {
  readonly guard?: Guard;
};

/** Opens the log of a place with the drill's key. @throws {TlogError} as `openLog` */
export async function openAt(
  { signer }: Pick<Stage, "signer">,
  { data, guard }: Place,
  further: Further = {},
): Promise<Log> {
  return await openLog({
    directory: data,
    signers: [signer],
    guard: await openGuardFile(guard),
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    minFreeBytes: 0,
    ...further,
  });
}

/** On loopback, on a free port. */
export async function serveHere(log: Log) {
  return await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
}

/** Opens, works, closes, whatever comes of it. */
export async function withLog<T>(opening: Promise<Log>, work: (log: Log) => Promise<T>): Promise<T> {
  const log = await opening;
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** Opens, serves on loopback, works, and ends both. */
export async function withServed<T>(
  opening: Promise<Log>,
  work: (served: { readonly log: Log; readonly url: string }) => Promise<T>,
): Promise<T> {
  return await withLog(opening, async (log) => {
    const server = await serveHere(log);
    try {
      return await work({ log, url: server.url });
    } finally {
      await server.close();
    }
  });
}

export type Added = ReadonlyMap<number, Uint8Array>;

/** Adds so many entries, and waits until readers see them. @throws {TlogError} INCOMPLETE (not published within a minute) */
export async function addPublished(
  log: Log,
  {
    entries,
    count,
    signal,
  }: { readonly entries: Entries; readonly count: number; readonly signal: AbortSignal },
): Promise<Added> {
  const batch = Array.from({ length: count }, () => entries.next());
  const added = await log.addBatch(batch);
  const last = Math.max(...added.map(({ leafIndex }) => leafIndex));
  await published(log, last, signal);
  return new Map(added.map(({ leafIndex }, at) => [leafIndex, batch[at] ?? new Uint8Array()]));
}

export async function published(log: Log, leafIndex: number, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(PUBLISHED_WITHIN_MS);
  try {
    await log.untilPublished(leafIndex, { signal: AbortSignal.any([signal, late]) });
  } catch (cause) {
    if (!late.aborted || signal.aborted) throw cause;
    throw new TlogError("INCOMPLETE", `leaf ${leafIndex} was not published within a minute`, { cause });
  }
}

/** @returns how many of these are not there as they were added. */
export async function missingIn(log: Log, added: Added): Promise<number> {
  let missing = 0;
  for (const [leafIndex, entry] of added) {
    const held = await log.readEntry(leafIndex);
    if (held === undefined || !bytesEqual(held, entry)) missing += 1;
  }
  return missing;
}

/** @throws {TlogError} INCOMPLETE when it does not come about in time */
export async function until(
  what: string,
  isSo: () => boolean,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > deadline) {
      throw new TlogError("INCOMPLETE", `${what}: not within ${withinMs / 1000} s`);
    }
    await pause(20, signal);
  }
}
