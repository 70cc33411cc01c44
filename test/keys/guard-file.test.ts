import { constants, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { GuardRecord } from "../../src/keys/guard.ts";
import { LOCAL, onSameVolume, openGuardFile, openGuardFileOn, REMOTE } from "../../src/keys/guard-file.ts";
import { expectCodeAsync } from "../expect-code.ts";

const RECORD: GuardRecord = {
  origin: "example.com/log",
  storeId: "0".repeat(32),
  lineage: "1".repeat(32),
  nextLineage: undefined,
  epoch: 3,
  signed: undefined,
};

const signedAt = (treeSize: number): GuardRecord => ({
  ...RECORD,
  signed: { treeSize, rootHash: new Uint8Array(32).fill(treeSize) },
});

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "guard-"));
  path = join(folder, "log.guard");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function reread(): Promise<GuardRecord | undefined> {
  const guard = await openGuardFile(path);
  try {
    return await guard.read();
  } finally {
    await guard.close();
  }
}

const VOLUMES = [
  ["a local volume", LOCAL],
  ["any other volume", REMOTE],
] as const;

describe.each(VOLUMES)("a guard file on %s", (_name, volume) => {
  const openGuardFile = (at: string) => openGuardFileOn(at, volume);

  it("reads nothing where nothing was written", async () => {
    expect(await reread()).toBeUndefined();
  });

  it("gives back every record it wrote, after a reopening too", async () => {
    const guard = await openGuardFile(path);
    for (const record of [
      RECORD,
      signedAt(1),
      signedAt(2),
      { ...signedAt(3), nextLineage: "2".repeat(32) },
    ]) {
      await guard.write(record);
      expect(await guard.read()).toEqual(record);
      expect(await reread()).toEqual(record);
    }
    await guard.close();
  });

  it("remembers how often the log's keys changed, also when a writer knows of fewer, and reads what was written before it could", async () => {
    const guard = await openGuardFile(path);
    await guard.write(signedAt(1));
    expect(await readFile(path, "latin1")).toMatch(/bristlecone-guard\/v1\n(.+\n){6}signed .+\nchecksum /);
    const keys = { changes: 2, lastChange: new Uint8Array(32).fill(7) };
    await guard.write({ ...signedAt(2), keys });
    expect(await reread()).toEqual({ ...signedAt(2), keys });
    expect(await readFile(path, "latin1")).toContain("bristlecone-guard/v2\n");
    await guard.write({ ...signedAt(3), keys: { ...keys, changes: 1 } });
    await guard.write(signedAt(4));
    expect(await reread()).toEqual({ ...signedAt(4), keys });
    await guard.close();
  });

  it("keeps the file from other users' eyes", async () => {
    const guard = await openGuardFile(path);
    await guard.write(RECORD);
    await guard.close();
    expect((await stat(path)).mode % 0o1000).toBe(0o600);
  });

  it("falls back to the other record when a write was torn", async () => {
    const guard = await openGuardFile(path);
    await guard.write(signedAt(1));
    await guard.write(signedAt(2));
    await guard.close();
    const bytes = await readFile(path, "latin1");
    const newest = bytes.indexOf("sequence 2") < 4096 ? 0 : 4096;
    const file = await open(path, "r+");
    await file.write("X", newest + 60);
    await file.close();
    expect(await reread()).toEqual(signedAt(1));
  });

  it.each([
    ["is empty", ""],
    ["is cut short", "bristlecone-guard/v1\n"],
    ["holds something else", "x".repeat(8192)],
  ])("refuses a file that %s", async (_name, text) => {
    await writeFile(path, text);
    await expectCodeAsync(reread(), "GUARD_MALFORMED");
  });

  it("refuses to write once another opening took it over", async () => {
    const first = await openGuardFile(path);
    await first.write(signedAt(1));
    const second = await openGuardFile(path);
    await second.write({ ...signedAt(1), nextLineage: "2".repeat(32) });
    await second.write({ ...signedAt(1), lineage: "2".repeat(32) });
    await expectCodeAsync(first.write(signedAt(2)), "WRITER_REPLACED");
    await second.write({ ...signedAt(5), lineage: "2".repeat(32) });
    expect(await reread()).toEqual({ ...signedAt(5), lineage: "2".repeat(32) });
    await Promise.all([first.close(), second.close()]);
  });

  it("refuses the former writer once the next one is named, so that the name is not lost", async () => {
    const first = await openGuardFile(path);
    await first.write(signedAt(1));
    const second = await openGuardFile(path);
    await second.write({ ...signedAt(1), nextLineage: "2".repeat(32) });
    await expectCodeAsync(first.write(signedAt(2)), "WRITER_REPLACED");
    // An opening that crashed before its store took the token leaves the former lineage to the opening after it.
    await second.write({ ...signedAt(1), nextLineage: "3".repeat(32) });
    await second.write({ ...signedAt(1), lineage: "3".repeat(32) });
    expect(await reread()).toEqual({ ...signedAt(1), lineage: "3".repeat(32) });
    await Promise.all([first.close(), second.close()]);
  });

  it("keeps a larger head that the former writer signed meanwhile", async () => {
    const first = await openGuardFile(path);
    await first.write(signedAt(1));
    const second = await openGuardFile(path);
    await first.write(signedAt(2));
    await second.write({ ...signedAt(1), nextLineage: "2".repeat(32) });
    await second.write({ ...signedAt(1), lineage: "2".repeat(32) });
    expect(await reread()).toEqual({ ...signedAt(2), lineage: "2".repeat(32) });
    await second.write({ ...signedAt(3), lineage: "2".repeat(32) });
    expect(await reread()).toEqual({ ...signedAt(3), lineage: "2".repeat(32) });
    await Promise.all([first.close(), second.close()]);
  });

  it("never takes the place of a guard that another opening made meanwhile", async () => {
    const [first, second] = [await openGuardFile(path), await openGuardFile(path)];
    await first.write(signedAt(5));
    await expectCodeAsync(second.write({ ...signedAt(1), lineage: "2".repeat(32) }), "WRITER_REPLACED");
    await first.write(signedAt(6));
    expect(await reread()).toEqual(signedAt(6));
    await Promise.all([first.close(), second.close()]);
    expect(await readdir(folder)).toEqual(["log.guard"]);
  });

  it("refuses to write once its file was set aside, replaced or removed under it", async () => {
    const running = await openGuardFile(path);
    await running.write(signedAt(1));
    const other = await openGuardFile(path);
    await other.setAside();
    await expectCodeAsync(running.write(signedAt(2)), "GUARD_FAILED");
    await other.write({ ...signedAt(1), lineage: "2".repeat(32) });
    await expectCodeAsync(running.write(signedAt(2)), "WRITER_REPLACED");
    await Promise.all([running.close(), other.close()]);
  });

  it("refuses what another program made of its file", async () => {
    const guard = await openGuardFile(path);
    for (const size of [1, 2, 3]) await guard.write(signedAt(size));
    const whole = await readFile(path);
    await writeFile(path, Buffer.alloc(8192, "x"));
    await expectCodeAsync(guard.write(signedAt(4)), "GUARD_MALFORMED");
    await writeFile(path, whole.subarray(0, 4096));
    await expectCodeAsync(guard.write(signedAt(4)), "GUARD_MALFORMED");
    await writeFile(path, whole.toString("latin1").replaceAll("1".repeat(32), "2".repeat(32)));
    await expectCodeAsync(guard.write(signedAt(4)), "GUARD_MALFORMED");
    await writeFile(path, whole);
    await guard.write(signedAt(4));
    expect(await reread()).toEqual(signedAt(4));
    await guard.close();
  });

  it("writes nothing after it was closed", async () => {
    const guard = await openGuardFile(path);
    await guard.write(signedAt(9));
    await guard.close();
    await expectCodeAsync(guard.write(signedAt(3)), "GUARD_FAILED");
    expect(await reread()).toEqual(signedAt(9));
  });

  it("sets the old record aside under another name", async () => {
    const guard = await openGuardFile(path);
    await guard.write(signedAt(7));
    await guard.setAside();
    expect(await guard.read()).toBeUndefined();
    await guard.write({ ...RECORD, lineage: "3".repeat(32) });
    await guard.close();
    expect(await readFile(`${path}.old`, "latin1")).toContain("signed 7 ");
  });

  it("sets nothing aside that is no guard, and sets aside one that is damaged", async () => {
    await writeFile(path, "PRIVATE+KEY+example.com/log+00000000+AAAA\n");
    const other = await openGuardFile(path);
    await expectCodeAsync(other.setAside(), "GUARD_MALFORMED");
    await other.close();
    expect(await readFile(path, "latin1")).toContain("PRIVATE+KEY");
    await writeFile(path, "bristlecone-guard/v1\ntorn");
    const torn = await openGuardFile(path);
    await torn.setAside();
    await torn.write(RECORD);
    await torn.close();
    expect(await reread()).toEqual(RECORD);
  });

  it("says so when the folder is not there", async () => {
    const guard = await openGuardFile(join(folder, "absent", "log.guard"));
    await expectCodeAsync(guard.write(RECORD), "GUARD_FAILED");
    await guard.close();
  });
});

describe("the durability of a guard", () => {
  it.each([
    ["in one write where the volume is local", LOCAL, ["durable write"]],
    ["in a write and a sync elsewhere", REMOTE, ["write", "datasync"]],
  ])("is there before a record is said to be written, %s", async (_name, volume, steps) => {
    if (volume === LOCAL && process.platform !== "linux") return;
    const probe = await open(join(folder, "probe"), "w");
    const trace: string[] = [];
    const spies = (["write", "sync", "datasync"] as const).map((name) => {
      const prototype: typeof probe = Object.getPrototypeOf(probe);
      const original = prototype[name];
      return vi.spyOn(prototype, name).mockImplementation(async function (
        this: typeof probe,
        ...args: never[]
      ) {
        const result = await Reflect.apply(original, this, args);
        trace.push(name === "write" && isDurable(this.fd) ? "durable write" : name);
        return result;
      });
    });
    const guard = await openGuardFileOn(path, volume);
    await guard.write(RECORD).then(() => trace.push("first resolved"));
    await guard.write(signedAt(1)).then(() => trace.push("second resolved"));
    for (const spy of spies) spy.mockRestore();
    await guard.close();
    await probe.close();
    // The file is whole before it has its name; the second sync is the folder's: it makes the name durable.
    const [write] = steps;
    expect(trace).toEqual([write, "sync", "sync", "first resolved", ...steps, "second resolved"]);
  });

  it("is that of an ordinary file of Linux by one write", async () => {
    if (process.platform !== "linux") return;
    const guard = await openGuardFile(path);
    await guard.write(RECORD);
    const names = readdirSync("/proc/self/fd").filter(
      (fd) => linkOf(fd) === path || linkOf(fd).startsWith(`${path}.`),
    );
    expect(names.map(Number).map(isDurable)).toEqual([true]);
    await guard.close();
  });
});

/** Whether the kernel was told that a write to it is durable when it returns. */
function isDurable(fd: number): boolean {
  if (process.platform !== "linux") return false;
  const [, flags = ""] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")) ?? [];
  return Math.floor(Number.parseInt(flags, 8) / constants.O_DSYNC) % 2 === 1;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // closed meanwhile
  }
}

describe("onSameVolume", () => {
  it("compares the nearest folders that exist", async () => {
    expect(await onSameVolume(join(folder, "a"), join(folder, "b", "c"))).toBe(true);
    expect(await onSameVolume(folder, "/proc/self/none")).toBe(false);
  });
});
