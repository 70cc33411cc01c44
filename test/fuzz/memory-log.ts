import type { Log } from "../../src/log/log.ts";
import { openLog } from "../../src/server.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { bytesOf } from "./target.ts";

const ORIGIN = "log.example/fuzz";

/** A log of the real engine in memory, with so many published entries: "entry 0", "entry 1", … */
export async function memoryLog(size: number): Promise<{ readonly log: Log; readonly vkey: string }> {
  const key = await generateSigningKey({ name: ORIGIN, seed: new Uint8Array(32).fill(7) });
  const signer = await openSigner(formatSigningKey(key));
  const log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer, checkpointIntervalMs: 1 });
  await log.addBatch(Array.from({ length: size }, (_, index) => entryAt(index)));
  await log.untilPublished(size - 1, { signal: AbortSignal.timeout(10_000) });
  return { log, vkey: formatVerifierKey(signer.verifierKey) };
}

export function entryAt(index: number): Uint8Array {
  return bytesOf(`entry ${index}`);
}
