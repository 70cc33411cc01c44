/** A log of ours, durable on disk and served over HTTP. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLog, serveLog } from "../../../src/server.ts";
import { encodeUtf8 } from "../../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  openSigner,
} from "../../../src/tlog/key.ts";

const ORIGIN = "own.test/log";
const BATCH = 1000;

export interface OwnLog {
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly url: string;
  stop(): Promise<void>;
}

/** @param options.types - of its keys, in their order. */
export async function startOwnLog({
  types,
  entries,
}: {
  readonly types: readonly (1 | 6)[];
  readonly entries: number;
}): Promise<OwnLog> {
  const directory = await mkdtemp(join(tmpdir(), "bristlecone-log-"));
  const keys = await Promise.all(types.map((type) => generateSigningKey({ name: ORIGIN, type })));
  const signers = await Promise.all(keys.map((key) => openSigner(formatSigningKey(key))));
  const log = await openLog({ directory: join(directory, "data"), signers });
  for (let start = 0; start < entries; start += BATCH) {
    const count = Math.min(BATCH, entries - start);
    await log.addBatch(Array.from({ length: count }, (_, index) => encodeUtf8(`entry ${start + index}`)));
  }
  if (entries > 0) await log.untilPublished(entries - 1, { signal: AbortSignal.timeout(30_000) });
  const server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  return {
    origin: ORIGIN,
    vkeys: signers.map(({ verifierKey }) => formatVerifierKey(verifierKey)),
    url: server.url,
    async stop() {
      await server.close({ deadlineMs: 0 });
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
}
