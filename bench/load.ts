import { randomFillSync } from "node:crypto";
import autocannon from "autocannon";
import type { Round } from "./measure.ts";

const ENTRY_BYTES = 256;
const BATCH_ENTRIES = 1024;

/** Posts entries of 256 random bytes, each a new one. */
export function postEntries(
  url: string,
  options: { readonly connections: number; readonly seconds: number },
): Promise<Round> {
  return load(options, {
    url: `${url}/add`,
    method: "POST",
    requests: [
      { setupRequest: (request) => ({ ...request, body: randomFillSync(Buffer.allocUnsafe(ENTRY_BYTES)) }) },
    ],
  });
}

/** Reads paths in turn. */
export function getPaths(
  url: string,
  nextPath: () => string,
  options: { readonly connections: number; readonly seconds: number },
): Promise<Round> {
  return load(options, {
    url,
    method: "GET",
    requests: [{ setupRequest: (request) => ({ ...request, path: nextPath() }) }],
  });
}

/** Posts batches of 1,024 entries of 256 random bytes, two in flight; counts entries, not requests. */
export async function postBatches(url: string, seconds: number): Promise<Round> {
  const startedAt = performance.now();
  const latencies: number[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() - startedAt < seconds * 1000) {
      const sentAt = performance.now();
      const response = await fetch(`${url}/add-batch`, { method: "POST", body: randomBatch() });
      if (!response.ok) throw new Error(`/add-batch answered ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all([lane(), lane()]);
  latencies.sort((a, b) => a - b);
  return {
    perSecond: (latencies.length * BATCH_ENTRIES * 1000) / (performance.now() - startedAt),
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

function randomBatch(): Uint8Array<ArrayBuffer> {
  const batch = randomFillSync(new Uint8Array(BATCH_ENTRIES * (2 + ENTRY_BYTES)));
  for (let entry = 0; entry < BATCH_ENTRIES; entry += 1) {
    const start = entry * (2 + ENTRY_BYTES);
    batch[start] = Math.floor(ENTRY_BYTES / 256);
    batch[start + 1] = ENTRY_BYTES % 256;
  }
  return batch;
}

async function load(
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
  options: autocannon.Options,
): Promise<Round> {
  const result = await autocannon({ ...options, connections, duration: seconds });
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${options.url}: ${result.errors} errors, ${result.non2xx} answers that are not 2xx`);
  }
  return { perSecond: result.requests.average, p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
}
