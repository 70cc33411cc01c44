/** A log of ours for other people's readers, with a proxy in front that can break what they are shown. */
import { createHash } from "node:crypto";
import { type Log, openLog, openMemoryStore, type RunningServer, serveLog } from "../../src/server.ts";
import { signCheckpoint } from "../../src/tlog/checkpoint.ts";
import { encodeBundle } from "../../src/tlog/entry-bundle.ts";
import { entry, ORIGIN, testSigner } from "../log/harness.ts";
import {
  anotherCheckpoint,
  type Breakage,
  type BreakingProxy,
  startBreakingProxy,
} from "./breaking-proxy.ts";

/** 273 full tiles of level 0 and a partial one, one and a partial one of level 1, one of level 2. */
export const READ_SIZE = 70_000;

const BATCH = 10_000;

export interface ReaderLog {
  readonly log: Log;
  readonly vkey: string;
  /** Of the log itself. */
  readonly url: string;
  readonly proxy: BreakingProxy;
  /** Appends entries "entry 0", "entry 1", … up to this size, and waits until they are published. */
  growTo(size: number): Promise<void>;
  /** A checkpoint that the log's own key signs, of its size, with another root. */
  lie(): Promise<Breakage>;
  stop(): Promise<void>;
}

/** Starts one of this size. */
export async function startReaderLog(size: number): Promise<ReaderLog> {
  const signer = await testSigner();
  const log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signer });
  const server: RunningServer = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  const proxy = await startBreakingProxy(server.url);
  let end = 0; // owned by growTo
  const growTo = async (next: number): Promise<void> => {
    for (; end < next; end = Math.min(end + BATCH, next)) {
      await log.addBatch(entriesOf(end, Math.min(end + BATCH, next)));
    }
    if (next > 0) await log.untilPublished(next - 1, { signal: AbortSignal.timeout(60_000) });
  };
  await growTo(size);
  return {
    log,
    vkey: log.vkeys[0] ?? "",
    url: server.url,
    proxy,
    growTo,
    async lie() {
      const { treeSize } = log.published();
      const rootHash = new Uint8Array(32).fill(7);
      return anotherCheckpoint(
        await signCheckpoint({ origin: ORIGIN, treeSize, rootHash, extensions: [] }, [signer]),
      );
    },
    async stop() {
      await proxy.close();
      await server.close();
      await log.close();
    },
  };
}

/** SHA-256, in hex, of all entries as the bundles hold them: each behind its length. */
export function digestOfEntries(size: number): string {
  return createHash("sha256")
    .update(encodeBundle(entriesOf(0, size)))
    .digest("hex");
}

function entriesOf(start: number, end: number): Uint8Array[] {
  return Array.from({ length: end - start }, (_, index) => entry(start + index));
}
