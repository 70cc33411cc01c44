/** A log on a disk that is really full, or nearly: a small file system in memory (`npm run test:faults`). Needs the right to mount. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, inject, test } from "vitest";
import { type RunningServe, startServe, stopServe } from "../cli/harness.ts";
import { type Answers, clientOf, freePort, readiness } from "./client.ts";
import { Heard, keptPromises } from "./promises.ts";

const ORIGIN = "room.example/log";
const MIB = 1_048_576;
const FLOOR = 32 * MIB;

describe("a log whose disk fills up", () => {
  let mounted: string | undefined;
  afterEach(() => {
    if (mounted !== undefined) execFileSync("umount", [mounted]);
    mounted = undefined;
  });

  /** @returns undefined, with a notice, where nothing may be mounted. */
  function smallDisk(): string | undefined {
    const disk = join(mkdtempSync(join(inject("scratch"), "room-")), "disk");
    mkdirSync(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${96 * MIB}`, "tmpfs", disk], { stdio: "pipe" });
      mounted = disk;
      // Something else that is in the way, until it is removed.
      writeFileSync(join(disk, "ballast"), new Uint8Array(40 * MIB));
    } catch (error) {
      console.warn(`skipped: a small disk needs the right to mount a tmpfs (${String(error)})`);
    }
    return mounted;
  }

  test("turns entries away while there is room yet, goes on publishing, and takes them again by itself", async (context) => {
    const disk = smallDisk();
    if (disk === undefined) return context.skip();
    const admin = await freePort();
    const log = await start(disk, [
      "--admin-listen",
      `127.0.0.1:${admin}`,
      "--min-free-bytes",
      String(FLOOR),
    ]);
    const heard = new Heard(ORIGIN);
    const client = clientOf(log, heard);
    const answers = await fill(client.addMany);
    expect(Object.keys(answers)).toEqual(["200", "503"]);
    expect(await readiness(admin)).toMatchObject({ status: "read-only", code: "SPACE_LOW" });
    // What was taken before it looked again, its tree and the head that covers it, and no more.
    expect(freeOf(disk)).toBeGreaterThan(FLOOR / 2);
    await expect.poll(async () => (await readiness(admin)).publishedSize).toBe(answers[200]);
    // Another program fills what is left, but for little: nothing more is written, and nothing fails.
    writeFileSync(join(disk, "other"), new Uint8Array(freeOf(disk) - MIB));
    expect(await client.addMany("refused", 8)).toEqual({ 503: 8 });
    expect(await client.read("/entry/0")).toBe(200);
    expect(await readiness(admin)).toMatchObject({ code: "SPACE_LOW" });
    rmSync(join(disk, "other"));
    rmSync(join(disk, "ballast"));
    await expect.poll(() => readiness(admin), { timeout: 10_000 }).toMatchObject({ status: "writable" });
    expect(await client.addMany("again", 8)).toEqual({ 200: 8 });
    const { code, stderr } = await stopServe(log);
    expect(code).toBe(0);
    expect(stderr).toContain("the disk is nearly full");
    expect(stderr).toContain("the disk has room again");
    await keptPromises(disk, heard);
  });

  test("without a floor, turns read-only when nothing fits any more, and takes entries after a restart with room", async (context) => {
    const disk = smallDisk();
    if (disk === undefined) return context.skip();
    const admin = await freePort();
    const options = ["--admin-listen", `127.0.0.1:${admin}`, "--min-free-bytes", "0"];
    const log = await start(disk, options);
    const heard = new Heard(ORIGIN);
    const client = clientOf(log, heard);
    const answers = await fill(client.addMany);
    expect(answers[503]).toBeGreaterThan(0);
    const { code, message } = await readiness(admin);
    expect(code).toBe("LOG_READ_ONLY");
    expect(message).toContain("STORE_FULL");
    expect(await client.read("/checkpoint")).toBe(200);
    expect(await client.read("/entry/0")).toBe(200);
    rmSync(join(disk, "ballast"));
    expect(await client.addMany("still refused", 8)).toEqual({ 503: 8 });
    await stopServe(log);
    const again = await start(disk, options);
    expect(await clientOf(again, heard).addMany("again", 8)).toEqual({ 200: 8 });
    await stopServe(again);
    await keptPromises(disk, heard);
  });
});

function start(disk: string, options: readonly string[]): Promise<RunningServe> {
  return startServe(disk, ["--origin", ORIGIN, "--data", join(disk, "data"), ...options]);
}

/** Adds large entries until they are refused. */
async function fill(addMany: (text: string, count: number) => Promise<Answers>): Promise<Answers> {
  const answers: Record<number, number> = {};
  const large = "x".repeat(60_000);
  for (let round = 0; round < 200 && answers[503] === undefined; round++) {
    for (const [status, count] of Object.entries(await addMany(`${round} ${large}`, 8)))
      answers[Number(status)] = (answers[Number(status)] ?? 0) + count;
  }
  return answers;
}

function freeOf(disk: string): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}
