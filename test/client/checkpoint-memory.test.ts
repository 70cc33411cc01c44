import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
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

const makers: readonly (readonly [string, () => CheckpointMemory])[] = [
  ["in memory", memoryCheckpoints],
  ["in files", () => fileCheckpointMemory(join(folder, "deep", "memory"))],
];

describe.each(makers)("a checkpoint memory %s", (_, make) => {
  test("knows nothing of a log it never saw", async () => {
    expect(await make().load("log.example")).toBeUndefined();
  });

  test("gives back what was saved last, per origin", async () => {
    const memory = make();
    await memory.save("a", new Uint8Array([1]));
    await memory.save("a", new Uint8Array([2, 3]));
    await memory.save("b", new Uint8Array([4]));
    expect(await memory.load("a")).toEqual(new Uint8Array([2, 3]));
    expect(await memory.load("b")).toEqual(new Uint8Array([4]));
  });

  test("keeps bytes of its own", async () => {
    const memory = make();
    const bytes = new Uint8Array([1]);
    await memory.save("a", bytes);
    bytes[0] = 9;
    const loaded = await memory.load("a");
    loaded?.fill(8);
    expect(await memory.load("a")).toEqual(new Uint8Array([1]));
  });
});

describe("in files", () => {
  test("survives the process and leaves one private file per log, whatever its origin is", async () => {
    const origin = "../../etc/passwd\u0000/…";
    await fileCheckpointMemory(folder).save(origin, new Uint8Array([1]));
    await fileCheckpointMemory(folder).save(origin, new Uint8Array([2]));
    expect(await fileCheckpointMemory(folder).load(origin)).toEqual(new Uint8Array([2]));
    const names = await readdir(folder);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^[0-9a-f]{64}\.checkpoint$/);
    expect((await stat(join(folder, names[0]!))).mode % 0o1000).toBe(0o600);
  });

  test("says so when the file system fails", async () => {
    await writeFile(join(folder, "file"), "");
    const memory = fileCheckpointMemory(join(folder, "file"));
    await expectCodeAsync(memory.save("a", new Uint8Array([1])), "CHECKPOINT_MEMORY_FAILED");
    await expectCodeAsync(memory.load("a"), "CHECKPOINT_MEMORY_FAILED");
  });

  test("leaves no temporary file when it cannot replace the old one", async () => {
    const memory = fileCheckpointMemory(folder);
    await memory.save("a", new Uint8Array([1]));
    const [name] = await readdir(folder);
    await rm(join(folder, name!));
    await mkdir(join(folder, name!, "x"), { recursive: true });
    await expectCodeAsync(memory.save("a", new Uint8Array([2])), "CHECKPOINT_MEMORY_FAILED");
    expect(await readdir(folder)).toEqual([name]);
  });

  test("does not read a file larger than any checkpoint", async () => {
    const memory = fileCheckpointMemory(folder);
    await memory.save("a", new Uint8Array(1024 * 1024 + 1));
    await expectCodeAsync(memory.load("a"), "CHECKPOINT_MEMORY_FAILED");
  });
});
