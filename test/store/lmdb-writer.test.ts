import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvariantError, TlogError } from "../../src/errors.ts";
import { openEnvironment } from "../../src/store/lmdb-environment.ts";
import { LOG_LAYOUT, type LogEnvironment } from "../../src/store/lmdb-layout.ts";
import { readHead } from "../../src/store/lmdb-meta.ts";
import { type WriteQueue, writeQueue } from "../../src/store/lmdb-queue.ts";
import { claimWriter } from "../../src/store/lmdb-writer.ts";
import { expectCodeAsync } from "../expect-code.ts";

describe("lmdb: which failures end writing", () => {
  let directory = "";
  let env: LogEnvironment;
  let failure: Error | undefined;
  let attempts = 0;
  let isUnreadable = false;
  let queue: WriteQueue;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "bristlecone-writer-"));
    env = await openEnvironment({ directory, layout: LOG_LAYOUT, readOnly: false });
    const writer = await env.transact(() =>
      claimWriter(env.tables.meta, { origin: "example.com/store", dropFormer: env.dropFormer }),
    );
    env.refresh();
    failure = undefined;
    attempts = 0;
    isUnreadable = false;
    queue = writeQueue(failingEnvironment(), writer, () => undefined, readHead);
  });
  afterEach(async () => {
    await env.close();
    await rm(directory, { recursive: true });
  });

  const write = (): Promise<void> => queue.write(() => undefined);

  /** Fails each transaction with `failure`, and each read while `isUnreadable`. */
  function failingEnvironment(): LogEnvironment {
    const { meta } = env.tables;
    return {
      ...env,
      tables: {
        ...env.tables,
        meta: {
          ...meta,
          view(key, use) {
            if (isUnreadable) throw new TlogError("STORE_FAILED", "reading failed");
            return meta.view(key, use);
          },
        },
      },
      async transact(apply) {
        attempts += 1;
        if (failure !== undefined) throw failure;
        return await env.transact(apply);
      },
    };
  }

  test.each([
    ["STORE_FAILED", new TlogError("STORE_FAILED", "the commit failed")],
    ["an error without a code of ours", Object.assign(new TypeError("EIO: i/o error"), { code: "EIO" })],
  ])("%s: STORE_FAILED, and nothing more is written", async (_, thrown) => {
    failure = thrown;
    await expectCodeAsync(write(), "STORE_FAILED");
    failure = undefined;
    await expectCodeAsync(write(), "STORE_FAILED");
    expect(attempts).toBe(1);
  });

  test("STORE_FULL, and then the head cannot be read: STORE_FAILED, and nothing more is written", async () => {
    failure = new TlogError("STORE_FULL", "the disk is full");
    isUnreadable = true;
    const error = await expectCodeAsync(write(), "STORE_FAILED");
    expect(error.message).toContain("the disk is full");
    failure = undefined;
    isUnreadable = false;
    await expectCodeAsync(write(), "STORE_FAILED");
    expect(attempts).toBe(1);
  });

  test.each([
    ["STORE_FULL", new TlogError("STORE_FULL", "the disk is full")],
    ["HEAD_MOVED", new TlogError("HEAD_MOVED", "batch.from")],
    ["a bug in the batch", new InvariantError("the store was given what it cannot keep")],
  ])("%s: thrown as it is, and the next write is done", async (_, thrown) => {
    failure = thrown;
    await expect(write()).rejects.toBe(thrown);
    failure = undefined;
    await write();
    expect(attempts).toBe(2);
  });
});
