/** Logs with something in them. */
import { setTimeout as pause } from "node:timers/promises";
import { batchBytes, type EntryPlan, entrySource, writeBatch } from "./load/entries.ts";

const BATCH_ENTRIES = 4096;
const PUBLISH_WITHIN_MS = 60_000;

/**
 * Adds entries by POST /add-batch, and waits until a checkpoint covers them.
 * @returns the size of the published tree.
 */
export async function fillLog(
  url: string,
  fill: {
    readonly entries: number;
    readonly plan: EntryPlan;
    readonly seed: number;
    readonly signal?: AbortSignal;
  },
): Promise<number> {
  const source = entrySource(fill.seed, fill.plan);
  for (let added = 0; added < fill.entries; added += BATCH_ENTRIES) {
    fill.signal?.throwIfAborted();
    const numbers = Array.from({ length: Math.min(BATCH_ENTRIES, fill.entries - added) }, () =>
      source.next(),
    );
    const body = Buffer.alloc(batchBytes(source, numbers));
    writeBatch(source, numbers, body, 0);
    const answer = await fetch(`${url}/add-batch`, { method: "POST", body });
    if (!answer.ok) throw new Error(`/add-batch answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
  return await publishedSize(url, fill.entries);
}

/** Waits for a checkpoint of at least `atLeast` entries. @returns its size. */
export async function publishedSize(url: string, atLeast = 0): Promise<number> {
  const endMs = performance.now() + PUBLISH_WITHIN_MS;
  while (performance.now() < endMs) {
    const text = await (await fetch(`${url}/checkpoint`)).text();
    const size = Number(text.split("\n")[1]);
    if (size >= atLeast) return size;
    await pause(50);
  }
  throw new Error(`${url}: no checkpoint of ${atLeast} entries within ${PUBLISH_WITHIN_MS / 1000} s`);
}
