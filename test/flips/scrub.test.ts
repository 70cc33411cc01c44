import cluster from "node:cluster";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEvents } from "../../src/events.ts";
import { serveLogWithReaders } from "../../src/readers/serve-with-readers.ts";
import { openLog } from "../../src/server.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { changeRow, copyOf, entryAt, flipped, makeLog } from "../fsck/store-log.ts";
import { testSigner } from "../log/harness.ts";
import { ask } from "../readers/serve-readers.ts";

const FAST = { bytesPerSecond: 1e9, startAfterMs: 0 };
/** Bundle 0 of one value, bundle 1 in parts, and an open one. */
const SIZE = 700;

type Told<Name extends keyof LogEvents> = Parameters<Required<LogEvents>[Name]>[0];

/** Opens a log with a scrub; waits for the end of a whole pass. */
async function scrubbed(directory: string) {
  const found: Told<"scrubFound">[] = [];
  const progress: Told<"scrubProgressed">[] = [];
  const passes: Told<"scrubPassed">[] = [];
  const events: LogEvents = {
    scrubFound: (event) => found.push(event),
    scrubProgressed: (event) => progress.push(event),
    scrubPassed: (event) => passes.push(event),
  };
  const log = await openLog({ directory, signer: await testSigner(), scrub: FAST, events });
  const foundBefore = found.length;
  await expect.poll(() => passes, { timeout: 100_000 }).toHaveLength(1);
  return { log, found, foundBefore, progress, passes };
}

describe("a scrub", () => {
  let sound = "";
  const flags = process.execArgv;
  beforeAll(async () => {
    // The process of the scrub runs from the sources, as this one does.
    process.execArgv = ["--import", "tsx", "--conditions=bristlecone-source"];
    sound = await makeLog(SIZE);
  });
  afterAll(() => {
    process.execArgv = flags;
  });

  it("goes through a sound log in service, and says when", async () => {
    const { log, found, progress, passes } = await scrubbed(copyOf(sound));
    expect(found).toEqual([]);
    expect(passes).toMatchObject([{ treeSize: SIZE, findings: 0 }]);
    expect(progress.reduce((sum, { entries }) => sum + entries, 0)).toBe(SIZE);
    expect(progress.at(-1)).toMatchObject({ atEntry: SIZE, lastPassedAtMs: passes[0]?.endedAtMs });
    const { endedAtMs = 0, elapsedMs = 0 } = passes[0] ?? {};
    expect(log.scrubbing?.()).toEqual({
      findings: 0,
      first: undefined,
      beganAtMs: endedAtMs - elapsedMs,
      lastPassedAtMs: endedAtMs,
    });
    await log.close();
  });

  it("names what is wrong, withholds it, serves and signs the rest, also after a restart, until it is mended", async () => {
    const directory = copyOf(sound);
    const bundle = "0000000000000000";
    await changeRow(directory, "bundles", bundle, flipped(30 * 22 + 5));
    const { log, found, passes } = await scrubbed(directory);
    expect(found).toMatchObject([
      { kind: "entry", where: expect.stringContaining("entry 30, bytes 662 to 681") },
    ]);
    expect(passes).toMatchObject([{ findings: 1 }]);
    expect(log.scrubbing?.()).toMatchObject({ findings: 1, lastPassedAtMs: undefined });
    await expectCodeAsync(log.readEntry(30), "STORE_DAMAGED");
    await expectCodeAsync(log.readEntries({ start: 0, end: 256 }), "STORE_DAMAGED");
    expect(await log.readEntry(300)).toEqual(entryAt(300));
    // Its hash is right, so it can be proved, and the log goes on.
    await log.proveInclusion({ leafIndex: 30, treeSize: SIZE });
    await log.addBatch([entryAt(SIZE)]);
    await log.untilPublished(SIZE, { signal: AbortSignal.timeout(5000) });
    expect(log.state()).toEqual({ status: "writable" });
    await log.close();

    // What was found is known at once, and withheld; and looked at again, though no pass is due.
    const told: string[] = [];
    const again = await openLog({
      directory,
      signer: await testSigner(),
      scrub: FAST,
      events: { scrubFound: ({ where }) => told.push(where) },
    });
    expect(told).toHaveLength(1);
    await expectCodeAsync(again.readEntry(30), "STORE_DAMAGED");
    await again.close();

    await changeRow(directory, "bundles", bundle, flipped(30 * 22 + 5));
    const mended = await scrubbed(directory);
    expect(mended.foundBefore).toBe(1);
    expect(mended.passes).toMatchObject([{ findings: 0 }]);
    expect(await mended.log.readEntry(30)).toEqual(entryAt(30));
    await mended.log.close();
  });

  it("has readers in processes of their own withhold it, from their start and from when it is found, until it is mended", async () => {
    const directory = copyOf(sound);
    await changeRow(directory, "bundles", "0000000000000000", flipped(30 * 22 + 5));
    const { log } = await scrubbed(directory);
    expect(log.withheld?.ranges).toEqual([{ level: "entries", from: 0, to: 1 }]);
    const at = { host: "127.0.0.1", port: 0 };
    const served = await serveLogWithReaders({
      ...{ log, directory, count: 2, listen: at, adminListen: at, witnesses: [], events: {} },
    });
    /** Of both readers: each connection goes to another. */
    const answers = (path: string) =>
      Promise.all(Array.from({ length: 6 }, () => ask(`${served.url}${path}`))).then((all) => [
        ...new Set(all.map(({ status }) => status)),
      ]);
    expect(await answers("/tile/entries/000")).toEqual([500]);
    expect((await ask(`${served.url}/tile/entries/000`)).text).toContain("STORE_DAMAGED");
    expect(await answers("/entry/30")).toEqual([500]);
    expect(await answers("/tile/entries/001")).toEqual([200]);
    expect(await answers("/tile/0/000")).toEqual([200]);
    const ready = await ask(`${served.adminUrl}/readyz`);
    expect(ready.status).toBe(200);
    // Who takes the place of one that crashed knows it too.
    const pids = () => Object.values(cluster.workers ?? {}).map((worker) => worker?.process.pid);
    const killed = pids();
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
    const isReplaced = async () =>
      !pids().some((pid) => killed.includes(pid)) &&
      (await ask(`${served.adminUrl}/readyz`)).text.includes('"up":2');
    await expect.poll(isReplaced, { timeout: 60_000 }).toBe(true);
    expect(await answers("/tile/entries/000")).toEqual([500]);
    expect(await answers("/entry/300")).toEqual([200]);
    expect(JSON.parse(ready.text)).toMatchObject({ scrub: { findings: 1 } });
    // As a pass does that finds something else: readers that run hear it.
    log.withheld?.replace([{ level: 0, from: 0, to: 1 }]);
    await expect.poll(() => answers("/tile/0/000")).toEqual([500]);
    await expect.poll(() => answers("/tile/entries/000")).toEqual([200]);
    await served.close();
    await log.close();
  });

  it("withholds a tile that is wrong, and what would be made of it", async () => {
    const directory = copyOf(sound);
    await changeRow(directory, "tiles", "000000000000000000", flipped(256 * 32 + 5));
    const { log, found } = await scrubbed(directory);
    expect(found).toMatchObject([{ kind: "tile", where: expect.stringContaining("tile/0/001: hash 0") }]);
    await expectCodeAsync(log.readTile({ level: 0, index: 1, width: 256 }), "STORE_DAMAGED");
    await expectCodeAsync(log.receipt(300), "STORE_DAMAGED");
    expect(await log.readEntry(300)).toEqual(entryAt(300));
    await log.close();
  });

  it("begins anew with a state that is damaged, or of another copy", async () => {
    const directory = copyOf(sound);
    writeFileSync(join(directory, "scrub.state"), "{}\n");
    const warnings: string[] = [];
    const log = await openLog({
      directory,
      signer: await testSigner(),
      scrub: { ...FAST, startAfterMs: 60_000 },
      events: { warning: ({ code }) => warnings.push(code) },
    });
    expect(warnings).toContain("SCRUB_FAILED");
    await log.close();
  });

  it("leaves nothing behind that ended before it began", async () => {
    const directory = copyOf(sound);
    const log = await openLog({ directory, signer: await testSigner(), scrub: { bytesPerSecond: 1 } });
    await log.close();
    expect(existsSync(join(directory, "scrub.state"))).toBe(false);
    await expectCodeAsync(
      openLog({ directory, signer: await testSigner(), scrub: { bytesPerSecond: 0 } }),
      "ARGUMENT_INVALID",
    );
  });
});
