import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LogHead, memoryCheckpoints } from "../../client/index.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey, openSigner } from "../../src/tlog/key.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entry } from "../log/harness.ts";
import { freePort, isFull, lacks, programPath, type RunningProgram, start } from "./programs.ts";
import { BROKEN, bent, clientOf, readAll, readWhole, type ServedLog } from "./sdk-reads.ts";

const ORIGIN = "tessera.test/conformance";
/** Of one batch of the log, which then waits no second for more. */
const BATCH = 256;
const COUNT = isFull ? 20_000 : 600;
const skipped = lacks("tessera-posix");

let folder: string;
let log: ServedLog & { readonly program: RunningProgram };
/** The same key over another directory. */
let reborn: ServedLog & { readonly program: RunningProgram };

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-sdk-"));
  const key = formatSigningKey(await generateSigningKey({ name: ORIGIN }));
  await writeFile(join(folder, "key"), key);
  const vkey = formatVerifierKey((await openSigner(key)).verifierKey);
  [log, reborn] = await Promise.all([startLog("first", vkey, COUNT), startLog("second", vkey, COUNT + 50)]);
});

afterAll(async () => {
  if (skipped) return;
  await log.program.stop();
  await reborn.program.stop();
  await rm(folder, { recursive: true });
});

/** Tessera's conformance server over a directory of its own, with entries that our client appended to it. */
async function startLog(name: string, vkey: string, count: number): Promise<typeof log> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [`--storage_dir=${join(folder, name)}`, `--private_key=${join(folder, "key")}`];
  const program = await start(programPath("tessera-posix"), [...flags, `--listen=127.0.0.1:${port}`], {
    url,
  });
  const client = clientOf({ url, trust: { vkey } });
  const entries: Uint8Array[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - start) }, (_, index) =>
      entry(`${name} ${start + index}`),
    );
    const appended = await Promise.all(batch.map((bytes) => client.append(bytes)));
    // Its order, not ours: they were on their way side by side.
    for (const [index, { leafIndex }] of appended.entries()) entries[leafIndex] = batch[index] ?? entry("");
  }
  await client.waitForReceipt(count - 1);
  return { url, trust: { vkey }, entries, program };
}

describe.skipIf(skipped)("our client and a log that Tessera serves", () => {
  it("appends, reads every entry, follows, proves and keeps receipts", async () => {
    expect(log.entries.length).toBe(COUNT);
    await readWhole(log);
  });

  it("gets the receipt of an entry that it just appended", async () => {
    const { receipt, leafIndex } = await clientOf(log).append(entry("one more"), {
      waitForReceiptMs: 20_000,
    });
    expect(leafIndex).toBe(COUNT);
    expect(receipt).toMatchObject({ leafIndex: COUNT });
  });

  it.each(BROKEN)("notices $what that was changed on the way", async ({ fetch, code }) => {
    await expectCodeAsync(readAll(clientOf(log, { fetch })), code);
  });

  it("says that a checkpoint is older than the one it remembers, and forgets nothing", async () => {
    const shown: Uint8Array<ArrayBuffer>[] = [];
    const replayed = bent(/\/checkpoint$/, (body) => shown[0] ?? Uint8Array.from(body));
    const client = clientOf(log, { fetch: replayed });
    const newest = await client.checkpoint();
    shown.push(Uint8Array.from(newest.signedNote));
    await clientOf(log).append(entry("later"), { waitForReceiptMs: 20_000 });
    expect(await progress(client)).toBe("same");
    const old = shown.splice(0);
    expect(await progress(client)).toBe("grew");
    shown.push(...old);
    expect(await progress(client)).toBe("behind");
  });

  it("convicts a log that began anew under its key and outgrew what was seen of it", async () => {
    const checkpoints = memoryCheckpoints();
    await clientOf(log, { checkpoints }).checkpoint();
    await expectCodeAsync(clientOf(reborn, { checkpoints }).checkpoint(), "LOG_FORKED");
  });
});

async function progress(client: ReturnType<typeof clientOf>): Promise<LogHead["progress"]> {
  return (await client.checkpoint()).progress;
}
