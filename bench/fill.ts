/** Logs with something in them. */
import { batchBytes, type EntryPlan, entrySource, writeBatch } from "./load/entries.ts";
import { untilPublished } from "./published-size.ts";

const BATCH_ENTRIES = 4096;

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
  return await untilPublished(url, fill.entries);
}
