import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { lockDirectory } from "../../src/store/directory-lock.ts";
import { expectCodeAsync } from "../expect-code.ts";
import { startChild } from "./processes.ts";

vi.mock("node:net", { spy: true });

describe("the directory lock", () => {
  let parent = "";
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "bristlecone-lock-"));
  });
  afterEach(() => rm(parent, { recursive: true }));

  test("makes the directory for its owner only, refuses a second holder by name, and can be released", async () => {
    const directory = join(parent, "a", "log");
    const lock = await lockDirectory(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    const error = await expectCodeAsync(lockDirectory(directory), "STORE_LOCKED");
    expect(error.message).toContain(directory);
    await lock.release();
    await lock.release();
    const again = await lockDirectory(directory);
    await again.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("works where the socket's path is too long for the kernel", async () => {
    const directory = join(parent, "d".repeat(120), "log");
    const lock = await lockDirectory(directory);
    await expectCodeAsync(lockDirectory(directory), "STORE_LOCKED");
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await (await lockDirectory(directory)).release();
  });

  test("a process holds it until kill -9, which leaves no stale refusal", async () => {
    const directory = join(parent, "log");
    const child = startChild("lock", directory);
    expect(await child.next()).toEqual({ locked: true });
    await expectCodeAsync(lockDirectory(directory), "STORE_LOCKED");
    await child.kill();
    expect(await readdir(directory)).not.toEqual([]);
    await (await lockDirectory(directory)).release();
  });

  test("lets every user ask whether its process lives, and names the socket of a process that does not", async () => {
    const directory = join(parent, "log");
    const lock = await lockDirectory(directory);
    const socketPath = join(directory, "writer.sock");
    expect((await stat(socketPath)).mode & 0o777).toBe(0o777);
    vi.mocked(connect).mockImplementationOnce(() => {
      const socket = new Socket();
      setImmediate(() => socket.emit("error", Object.assign(new Error("no"), { code: "EACCES" })));
      return socket;
    });
    const error = await expectCodeAsync(lockDirectory(directory), "STORE_FAILED");
    expect(error.message).toContain(`${socketPath} was made by another user: remove it`);
    await lock.release();
  });

  test("an error of its socket after that ends nothing", async () => {
    vi.mocked(createServer).mockClear();
    const directory = join(parent, "log");
    const lock = await lockDirectory(directory);
    const server = vi.mocked(createServer).mock.results[0]?.value;
    for (const code of ["EMFILE", "ENFILE"]) server?.emit("error", Object.assign(new Error(code), { code }));
    await expectCodeAsync(lockDirectory(directory), "STORE_LOCKED");
    await lock.release();
  });

  test("does not keep a process alive", async () => {
    const child = startChild("lock-only", join(parent, "log"));
    expect(await child.ended()).toBe(0);
    expect(child.messages).toEqual([{ locked: true }]);
  });

  test("refuses a directory that holds something else", async () => {
    await writeFile(join(parent, "notes.txt"), "");
    await expectCodeAsync(lockDirectory(parent), "STORE_DIRECTORY_FOREIGN");
  });

  test("respects whoever answers on its socket", async () => {
    const directory = join(parent, "log");
    await (await lockDirectory(directory)).release();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(directory, "writer.sock"), resolve));
    await expectCodeAsync(lockDirectory(directory), "STORE_LOCKED");
    await new Promise((resolve) => server.close(resolve));
    await (await lockDirectory(directory)).release();
  });
});
