import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { TlogError } from "../../src/errors.ts";
import type { AppendedBlock, Log, LogLimits } from "../../src/log/log.ts";
import { DEFAULT_LIMITS } from "../../src/log/options.ts";
import type { FrameLink } from "../../src/readers/frame-link.ts";
import { takeFrames } from "../../src/readers/take-frames.ts";
import { type EntryBlock, entryCount, entryOf } from "../../src/tlog/entry-bundle.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { entry, openTestLog } from "../http/test-log.ts";
import { linkTo, newSocketPath } from "./reader-here.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function linksTo(
  log: Pick<Log, "addBlock" | "limits">,
  count: number,
): Promise<{ links: readonly FrameLink[] }> {
  const socketPath = newSocketPath();
  const frames = await takeFrames({ log, socketPath });
  open.push(() => frames.close());
  return { links: Array.from({ length: count }, () => linkTo(socketPath, log.limits).link) };
}

/** A log that keeps blocks until it is told what becomes of them. */
function heldLog(limits: LogLimits = DEFAULT_LIMITS) {
  const blocks: {
    readonly block: EntryBlock;
    resolve(added: AppendedBlock): void;
    reject(error: unknown): void;
  }[] = [];
  let heard = () => {};
  return {
    limits,
    blocks,
    addBlock: (block: EntryBlock) =>
      new Promise<AppendedBlock>((resolve, reject) => {
        blocks.push({ block, resolve, reject });
        heard();
      }),
    /** Until so many blocks came, in all. */
    until: async (count: number) => {
      while (blocks.length < count) {
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
    },
  };
}

function added(count: number, from: number): AppendedBlock {
  const leafIndices = Array.from({ length: count }, (_, at) => from + at);
  return { leafIndices, duplicates: [], leafHashes: new Uint8Array(count * 32) };
}

describe("FrameLink", () => {
  it("gives each of thousands of entries of two readers an index of its own, at which its bytes are", async () => {
    const log = await openTestLog();
    open.push(() => log.close());
    const { links } = await linksTo(log, 2);
    const all = links.flatMap((link, reader) =>
      Array.from({ length: 2500 }, (_, at) => ({ link, bytes: entry(reader * 10_000 + at) })),
    );
    const places = await Promise.all(
      all.map(async ({ link, bytes }) => ({ bytes, at: await link.add(bytes) })),
    );
    expect(new Set(places.map(({ at }) => at?.leafIndex)).size).toBe(5000);
    await log.untilPublished(4999, { signal: AbortSignal.timeout(10_000) });
    for (const { bytes, at } of places) {
      expect(at?.duplicate).toBe(false);
      expect(Buffer.compare((await log.readEntry(at?.leafIndex ?? -1)) ?? new Uint8Array(), bytes)).toBe(0);
      expect(await log.lookup(at?.leafHash ?? new Uint8Array())).toBe(at?.leafIndex);
    }
  });

  it("gives the same bytes one index, from two readers and in one frame, and says once that they are new", async () => {
    const log = await openTestLog();
    open.push(() => log.close());
    const { links } = await linksTo(log, 2);
    const same = await Promise.all(
      links.flatMap((link) => Array.from({ length: 20 }, () => link.add(entry(7)))),
    );
    expect(new Set(same.map((at) => at?.leafIndex))).toEqual(new Set([0]));
    expect(same.filter((at) => at?.duplicate === false)).toHaveLength(1);
    expect(log.integratedSize()).toBe(1);
  });

  it("keeps two frames under way, and gathers all that comes meanwhile for the next", async () => {
    const log = heldLog();
    const { links } = await linksTo(log, 1);
    const [link] = links;
    const answers = [link?.add(entry(0))];
    await log.until(1);
    answers.push(link?.add(entry(1)));
    await log.until(2);
    for (let at = 2; at < 100; at++) answers.push(link?.add(entry(at)));
    // A turn of the loop and more: were the next frame sent, it would come before the answer to the first.
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.blocks).toHaveLength(2);
    log.blocks[1]?.resolve(added(1, 1));
    expect((await answers[1])?.leafIndex).toBe(1);
    await log.until(3);
    expect(log.blocks.map(({ block }) => entryCount(block))).toEqual([1, 1, 98]);
    log.blocks[2]?.resolve(added(98, 2));
    log.blocks[0]?.resolve(added(1, 0));
    expect((await Promise.all(answers)).map((at) => at?.leafIndex)).toEqual(
      Array.from({ length: 100 }, (_, at) => at),
    );
  });

  it("sends no frame that is more than the log takes in one block", async () => {
    const limits = { maxEntryBytes: 100, maxBatchEntries: 7, maxPendingEntries: 1000, maxPendingBytes: 250 };
    const frames: EntryBlock[] = [];
    const addBlock = async (block: EntryBlock) => {
      frames.push({ ...block, bytes: block.bytes.slice() });
      return added(entryCount(block), 0);
    };
    const { links } = await linksTo({ limits, addBlock }, 1);
    const small = Array.from({ length: 30 }, (_, at) => links[0]?.add(new Uint8Array(1).fill(at)));
    await Promise.all(small);
    const large = [links[0]?.add(new Uint8Array(100)), links[0]?.add(new Uint8Array(100))];
    await Promise.all(large);
    expect(Math.max(...frames.map(entryCount))).toBe(7);
    expect(Math.max(...frames.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(250);
    expect(
      frames
        .flatMap((block) => Array.from({ length: entryCount(block) }, (_, at) => entryOf(block, at)[0]))
        .slice(0, 30),
    ).toEqual(Array.from({ length: 30 }, (_, at) => at));
  });

  it("turns away what is more than the log lets wait, and takes more once there is room", async () => {
    const limits = { ...DEFAULT_LIMITS, maxPendingEntries: 3, maxBatchEntries: 3 };
    const log = heldLog(limits);
    const socketPath = newSocketPath();
    const frames = await takeFrames({ log, socketPath });
    open.push(() => frames.close());
    const { link, turnedAway } = linkTo(socketPath, limits);
    const taken = [link.add(entry(0)), link.add(entry(1)), link.add(entry(2))];
    await expectCodeAsync(link.add(entry(3)), "POOL_FULL");
    expect(turnedAway).toEqual([{ pendingEntries: 3, pendingBytes: 21 }]);
    await log.until(1);
    log.blocks[0]?.resolve(added(3, 0));
    await Promise.all(taken);
    const next = link.add(entry(4));
    await log.until(2);
    log.blocks[1]?.resolve(added(1, 3));
    expect((await next)?.leafIndex).toBe(3);
  });

  it("refuses all entries of a frame that the log refuses", async () => {
    let entries = 0;
    const addBlock = (block: EntryBlock): Promise<AppendedBlock> => {
      entries += entryCount(block);
      return Promise.reject(new TlogError("POOL_FULL", "the log has all it can hold"));
    };
    const { links } = await linksTo({ limits: DEFAULT_LIMITS, addBlock }, 1);
    const five = Array.from({ length: 5 }, (_, at) => links[0]?.add(entry(at)) ?? Promise.resolve());
    for (const one of await Promise.allSettled(five)) {
      expect(one).toMatchObject({ reason: { code: "POOL_FULL", message: "the log has all it can hold" } });
    }
    expect(entries).toBe(5);
  });

  it("says that nobody knows when the writer is lost with a frame, and that the log closes when there is none", async () => {
    const log = heldLog();
    const socketPath = newSocketPath();
    const frames = await takeFrames({ log, socketPath });
    const { link } = linkTo(socketPath, DEFAULT_LIMITS);
    const first = link.add(entry(0));
    await log.until(1);
    const second = link.add(entry(1));
    await log.until(2);
    const gathered = link.add(entry(2));
    await frames.close();
    expect(await first).toBeUndefined();
    expect(await second).toBeUndefined();
    await expectCodeAsync(gathered, "LOG_CLOSING");
    await expectCodeAsync(link.add(entry(3)), "LOG_CLOSING");
  });

  it.each([
    ["a frame of nothing", Buffer.alloc(8)],
    ["a frame beyond the limit", Buffer.from([0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff])],
  ])("cuts a program that sends %s", async (_name, bytes) => {
    const socketPath = newSocketPath();
    const frames = await takeFrames({ log: heldLog(), socketPath });
    open.push(() => frames.close());
    const socket = connect({ path: socketPath });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {}).write(bytes);
    await closed;
  });
});
