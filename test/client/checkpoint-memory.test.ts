import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CheckpointMemory, memoryCheckpoints } from "../../client/checkpoint-memory.ts";
import { fileCheckpointMemory } from "../../src/node/file-checkpoint-memory.ts";
import { expectCodeAsync } from "../expect-code.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoints-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Each makes a memory, and a second way to the same one. */
const makers: readonly (readonly [string, () => readonly [CheckpointMemory, CheckpointMemory]])[] = [
  [
    "in memory",
    () => {
      const memory = memoryCheckpoints();
      return [memory, memory];
    },
  ],
  [
    "in files",
    () => {
      const directory = join(folder, "deep", "memory");
      return [fileCheckpointMemory(directory), fileCheckpointMemory(directory)];
    },
  ],
];

describe.each(makers)("a checkpoint memory %s", (_, make) => {
  test("knows nothing of a log it never saw", async () => {
    const [memory] = make();
    expect(await memory.load("log.example")).toBeUndefined();
  });

  test("gives back what was saved last, per origin", async () => {
    const [memory] = make();
    expect(await memory.save("a", bytes(1), undefined)).toBe(true);
    expect(await memory.save("a", bytes(2, 3), bytes(1))).toBe(true);
    expect(await memory.save("b", bytes(4), undefined)).toBe(true);
    expect(await memory.load("a")).toEqual(bytes(2, 3));
    expect(await memory.load("b")).toEqual(bytes(4));
  });

  test("keeps bytes of its own", async () => {
    const [memory] = make();
    const mine = bytes(1);
    await memory.save("a", mine, undefined);
    mine[0] = 9;
    const loaded = await memory.load("a");
    loaded?.fill(8);
    expect(await memory.load("a")).toEqual(bytes(1));
  });

  test("replaces only what the caller saw", async () => {
    const [memory, other] = make();
    expect(await memory.save("a", bytes(1), bytes(7))).toBe(false);
    expect(await memory.load("a")).toBeUndefined();
    await memory.save("a", bytes(1), undefined);
    expect(await other.save("a", bytes(2), undefined)).toBe(false);
    expect(await other.save("a", bytes(2), bytes(1, 1))).toBe(false);
    expect(await memory.load("a")).toEqual(bytes(1));
    expect(await other.save("a", bytes(2), bytes(1))).toBe(true);
    expect(await memory.save("a", bytes(3), bytes(1))).toBe(false);
    expect(await memory.load("a")).toEqual(bytes(2));
  });

  test.each([
    ["the first", undefined],
    ["the next", bytes(0)],
  ])("lets one of many that save %s succeed", async (_which, replaces) => {
    const memories = make();
    if (replaces !== undefined) await memories[0].save("a", replaces, undefined);
    const saved = await Promise.all(
      Array.from({ length: 20 }, (_item, at) =>
        memories[at % 2 === 0 ? 0 : 1].save("a", bytes(at + 1), replaces),
      ),
    );
    expect(saved.filter((isSaved) => isSaved)).toEqual([true]);
    expect(await memories[1].load("a")).toEqual(bytes(saved.indexOf(true) + 1));
  });

  test("loses no step of many that take turns", async () => {
    const memories = make();
    const step = async (memory: CheckpointMemory): Promise<void> => {
      for (;;) {
        const seen = await memory.load("a");
        if (await memory.save("a", bytes((seen?.[0] ?? 0) + 1), seen)) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_item, at) => step(memories[at % 2 === 0 ? 0 : 1])));
    expect(await memories[0].load("a")).toEqual(bytes(8));
  });
});

describe("in files", () => {
  test("survives the process and leaves one private place per log, whatever its origin is", async () => {
    const origin = "../../etc/passwd\u0000/…";
    await fileCheckpointMemory(folder).save(origin, bytes(1), undefined);
    await fileCheckpointMemory(folder).save(origin, bytes(2), bytes(1));
    expect(await fileCheckpointMemory(folder).load(origin)).toEqual(bytes(2));
    const names = await readdir(folder);
    expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.checkpoint$/)]);
    const place = join(folder, names[0]!);
    expect((await stat(place)).mode % 0o1000).toBe(0o700);
    const files = (await readdir(place)).sort();
    expect(files).toEqual([
      expect.stringMatching(/^checkpoint\.[0-9a-f]{16}$/),
      expect.stringMatching(/^head\.[0-9a-f]{16}$/),
    ]);
    for (const file of files) expect((await stat(join(place, file))).mode % 0o1000).toBe(0o600);
  });

  test("says so when the file system fails", async () => {
    await writeFile(join(folder, "file"), "");
    const memory = fileCheckpointMemory(join(folder, "file"));
    await expectCodeAsync(memory.save("a", bytes(1), undefined), "CHECKPOINT_MEMORY_FAILED");
    await expectCodeAsync(memory.load("a"), "CHECKPOINT_MEMORY_FAILED");
  });

  test("does not take a place that lost its head for a log never seen", async () => {
    const memory = fileCheckpointMemory(folder);
    await memory.save("a", bytes(1), undefined);
    const [name] = await readdir(folder);
    const place = join(folder, name!);
    for (const file of await readdir(place)) await rm(join(place, file));
    await writeFile(join(place, "checkpoint.0"), "");
    await expectCodeAsync(memory.load("a"), "CHECKPOINT_MEMORY_FAILED");
    await expectCodeAsync(memory.save("a", bytes(2), undefined), "CHECKPOINT_MEMORY_FAILED");
  });

  test("keeps the old one, and removes with the next, what a save that died had written", async () => {
    const memory = fileCheckpointMemory(folder);
    await memory.save("a", bytes(1), undefined);
    const [name] = await readdir(folder);
    await writeFile(join(folder, name!, "checkpoint.00"), "half");
    expect(await memory.load("a")).toEqual(bytes(1));
    expect(await memory.save("a", bytes(2), bytes(1))).toBe(true);
    expect(await readdir(join(folder, name!))).toHaveLength(2);
  });

  test("does not read a file larger than any checkpoint", async () => {
    const memory = fileCheckpointMemory(folder);
    await memory.save("a", new Uint8Array(1024 * 1024 + 1), undefined);
    await expectCodeAsync(memory.load("a"), "CHECKPOINT_MEMORY_FAILED");
  });
});
