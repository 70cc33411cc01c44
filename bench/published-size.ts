/** How much of a log is published. */
import { setTimeout as pause } from "node:timers/promises";

const PUBLISH_WITHIN_MS = 60_000;

/** @returns the size in a log's checkpoint. c2sp.org/tlog-checkpoint: its second line */
export async function publishedSize(url: string): Promise<number> {
  const answer = await fetch(`${url}/checkpoint`, { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`${url}/checkpoint answered ${answer.status}`);
  const size = /^[^\n]+\n(0|[1-9]\d{0,15})\n/.exec(await answer.text())?.[1];
  if (size === undefined) throw new Error(`${url}/checkpoint: no size in its second line`);
  return Number(size);
}

/** Waits for a checkpoint of at least `atLeast` entries. @returns its size. */
export async function untilPublished(url: string, atLeast: number): Promise<number> {
  const endMs = performance.now() + PUBLISH_WITHIN_MS;
  while (performance.now() < endMs) {
    const size = await publishedSize(url);
    if (size >= atLeast) return size;
    await pause(50);
  }
  throw new Error(`${url}: no checkpoint of ${atLeast} entries within ${PUBLISH_WITHIN_MS / 1000} s`);
}
