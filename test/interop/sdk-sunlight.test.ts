import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { memoryCheckpoints } from "../../client/index.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type Log,
  type NoteSigner,
  openLog,
  openMemoryStore,
  openSigner,
  type RunningServer,
  serveLog,
} from "../../src/server.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entry } from "../log/harness.ts";
import { isFull, lacks } from "./programs.ts";
import { BROKEN, clientOf, readAll, readWhole, type ServedLog } from "./sdk-reads.ts";
import { SUNLIGHT_MIRROR_PROGRAMS, type SunlightMirror, startSunlightMirror } from "./sunlight-mirror.ts";

const ORIGIN = "mirrored.test/log";
const COUNT = isFull ? 70_000 : 700;
const skipped = lacks(...SUNLIGHT_MIRROR_PROGRAMS);

let log: Log;
let server: RunningServer;
let mirror: SunlightMirror;
/** The log as the mirror has it; whoever reads it wants the mirror's word too. */
let mirrored: ServedLog;
let mlDsaVkey: string;

beforeAll(async () => {
  if (skipped) return;
  const signers = await Promise.all([signerOf(1), signerOf(6)]);
  const vkeys = signers.map(({ verifierKey }) => formatVerifierKey(verifierKey));
  mlDsaVkey = vkeys[1] ?? "";
  log = await openLog({ store: openMemoryStore({ origin: ORIGIN }), signers });
  server = await serveLog({ log, listen: { host: "127.0.0.1", port: 0 } });
  const entries = Array.from({ length: COUNT }, (_, index) => entry(index));
  for (let start = 0; start < COUNT; start += 10_000)
    await log.addBatch(entries.slice(start, start + 10_000));
  await log.untilPublished(COUNT - 1, { signal: AbortSignal.timeout(30_000) });
  mirror = await startSunlightMirror({ origin: ORIGIN, vkey: mlDsaVkey, url: server.url });
  mirrored = { url: mirror.url, trust: { policy: policyOf(mlDsaVkey, mirror.vkey) }, entries };
  await mirrorHas(COUNT);
});

afterAll(async () => {
  if (skipped) return;
  await mirror.stop();
  await server.close({ deadlineMs: 0 });
  await log.close();
});

async function signerOf(type: 1 | 6): Promise<NoteSigner> {
  return await openSigner(formatSigningKey(await generateSigningKey({ name: ORIGIN, type })));
}

function policyOf(logVkey: string, mirrorVkey: string): string {
  return `log ${logVkey}\nwitness mirror ${mirrorVkey}\nquorum mirror\n`;
}

async function mirrorHas(treeSize: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const text = await (await fetch(`${mirror.url}/checkpoint`)).text();
      expect(text.split("\n")[1], mirror.output()).toBe(String(treeSize));
    },
    { timeout: 60_000, interval: 100 },
  );
}

describe.skipIf(skipped)("our client and Sunlight's mirror of our log, served by Skylight", () => {
  it("reads every entry, follows, proves and keeps receipts that the mirror cosigned", async () => {
    await readWhole(mirrored);
  });

  it("knows the log and its mirror for one history, whichever it sees first", async () => {
    const checkpoints = memoryCheckpoints();
    const trust = { vkey: mlDsaVkey };
    await log.add(entry(COUNT));
    await log.untilPublished(COUNT, { signal: AbortSignal.timeout(30_000) });
    expect((await clientOf({ url: server.url, trust }, { checkpoints }).checkpoint()).progress).toBe("first");
    await mirrorHas(COUNT + 1);
    expect((await clientOf({ url: mirror.url, trust }, { checkpoints }).checkpoint()).progress).toBe("same");
  });

  it("does not take the log's own word for the mirror's", async () => {
    const own = clientOf({ url: server.url, trust: mirrored.trust });
    await expectCodeAsync(own.checkpoint(), "QUORUM_NOT_MET");
  });

  it.each(BROKEN)("notices $what that was changed on the way", async ({ fetch, code }) => {
    await expectCodeAsync(readAll(clientOf(mirrored, { fetch })), code);
  });
});
