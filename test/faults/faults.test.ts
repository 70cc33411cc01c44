/**
 * A whole server meets one fault of its disk or its machine at a time (`npm run test:faults`). Each must end in a clear state, and
 * nothing that was answered or shown, before, during or after it, may be lost at the next start.
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startServe, stopServe } from "../cli/harness.ts";
import { clientOf, cutOff, freePort, holdConnections, limitDescriptors, readiness } from "./client.ts";
import { Heard, keptPromises } from "./promises.ts";
import { buildDiskShim, Faults, shimmed } from "./shim.ts";

const ORIGIN = "faults.example/log";
const { EIO, ENOSPC, EMFILE, ENOMEM, EDQUOT } = constants.errno;

interface Case {
  readonly name: string;
  readonly rules: readonly string[];
  readonly args?: readonly string[];
  /** What `/readyz` says while the fault lasts. */
  readonly during: "writable" | "LOG_READ_ONLY" | "SPACE_LOW";
  /** What the message names: the cause. */
  readonly says?: string;
  /** How it takes entries again. */
  readonly again: "restart" | "by itself" | "always did";
}

const READ_ONLY = { during: "LOG_READ_ONLY", again: "restart" } as const;
const GOES_ON = { during: "writable", again: "always did" } as const;

const CASES: readonly Case[] = [
  { name: "EIO on a write of data", rules: [`write data.mdb ${EIO}`], says: "STORE_FAILED", ...READ_ONLY },
  {
    name: "ENOSPC on a write of data",
    rules: [`write data.mdb ${ENOSPC}`],
    says: "STORE_FULL",
    ...READ_ONLY,
  },
  {
    name: "EDQUOT on a write of data",
    rules: [`write data.mdb ${EDQUOT}`],
    says: "STORE_FULL",
    ...READ_ONLY,
  },
  { name: "a write of data cut short", rules: ["short data.mdb 0"], says: "STORE_FAILED", ...READ_ONLY },
  { name: "EIO on fdatasync of data", rules: [`sync data.mdb ${EIO}`], says: "STORE_FAILED", ...READ_ONLY },
  {
    name: "ENOSPC on fdatasync of data",
    rules: [`sync data.mdb ${ENOSPC}`],
    says: "STORE_FULL",
    ...READ_ONLY,
  },
  { name: "EIO on the head of data", rules: [`dsync data.mdb ${EIO}`], says: "STORE_FAILED", ...READ_ONLY },
  {
    name: "EIO on a write of the guard",
    rules: [`dsync data.guard ${EIO}`],
    says: "GUARD_FAILED",
    ...READ_ONLY,
  },
  {
    name: "ENOSPC on a write of the guard",
    rules: [`dsync data.guard ${ENOSPC}`],
    says: "GUARD_FAILED",
    ...READ_ONLY,
  },
  {
    name: "a write of the guard cut short",
    rules: ["short data.guard 0"],
    says: "GUARD_FAILED",
    ...READ_ONLY,
  },
  {
    name: "EIO on a read of the guard",
    rules: [`read data.guard ${EIO}`],
    says: "GUARD_FAILED",
    ...READ_ONLY,
  },
  { name: "a map that cannot grow", rules: [`map data.mdb ${ENOMEM}`], says: "STORE_", ...READ_ONLY },
  { name: "no file can be opened", rules: [`open * ${EMFILE}`], ...GOES_ON },
  { name: "the clock a day back", rules: ["clock * -86400"], ...GOES_ON },
  {
    name: "the clock a day back, with witnesses",
    rules: ["clock * -86400"],
    args: ["--local-witnesses", "1"],
    ...GOES_ON,
  },
  {
    name: "a disk nearly full",
    rules: ["statfs data 200000000"],
    during: "SPACE_LOW",
    says: "free",
    again: "by itself",
  },
  {
    name: "a disk nearly full, with readers",
    rules: ["statfs data 200000000"],
    args: ["--readers", "1"],
    during: "SPACE_LOW",
    says: "free",
    again: "by itself",
  },
];

describe("a log whose disk or machine fails", () => {
  let library: string | undefined;
  const table: string[] = [];
  beforeAll(() => {
    library = buildDiskShim();
  });
  afterAll(() => console.log(table.join("\n")));

  test.each(CASES)(
    "$name: $during, entries again: $again",
    async ({ name, rules, args = [], during, says, again }) => {
      if (library === undefined) return;
      const folder = mkdtempSync(join(inject("scratch"), "faults-"));
      const root = join(folder, "disk");
      mkdirSync(root);
      const faults = new Faults(folder);
      const admin = await freePort();
      const options = [
        "--origin",
        ORIGIN,
        "--data",
        join(root, "data"),
        "--admin-listen",
        `127.0.0.1:${admin}`,
        ...args,
      ];
      const log = await startServe(
        root,
        options,
        shimmed(library, { DISK_ROOT: root, DISK_RULES: faults.path }),
      );
      const heard = new Heard(ORIGIN);
      const client = clientOf(log, heard);

      expect(await client.addMany("before", 20)).toEqual({ 200: 20 });
      expect(await client.receipt("before, with receipt")).toBe(200);
      faults.set(...rules);
      const answers = await client.untilDecided(admin, during);
      const ready = await readiness(admin);
      if (during === "writable") expect(ready).toMatchObject({ status: "writable" });
      else expect(ready).toMatchObject({ status: "read-only", code: during });
      if (says !== undefined) expect(ready.message).toContain(says);
      // Reading goes on, and shows nothing that was not shown before or is not durable: `heard` is held against the disk below.
      expect(await client.read("/checkpoint")).toBe(200);
      expect(await client.read("/entry/0")).toBe(200);
      expect(await client.read("/tile/0/000.p/5")).toBe(200);

      faults.clear();
      if (again === "by itself")
        await expect.poll(() => readiness(admin), { timeout: 10_000 }).toMatchObject({ status: "writable" });
      const afterwards = await client.addMany("after", 10);
      expect(afterwards).toEqual(again === "restart" ? { 503: 10 } : { 200: 10 });
      const { code, stderr, stdout } = await stopServe(log);
      expect(code).toBe(0);
      if (during !== "writable")
        expect(stderr + stdout).toContain(during === "SPACE_LOW" ? "nearly full" : "read-only");

      expect(heard.contradictions).toEqual([]);
      const size = await keptPromises(root, heard);
      expect(size).toBeGreaterThanOrEqual(heard.entries.size);
      const hits = faults.hits().length;
      table.push(
        `${name}: ${hits} calls failed; adds ${JSON.stringify(answers)}; ${during}; after it ${JSON.stringify(afterwards)}; ${ready.message ?? ""}`,
      );
    },
  );

  test("no descriptor is left for more connections: those that are open are served, and later others again", async () => {
    const folder = mkdtempSync(join(inject("scratch"), "faults-"));
    const log = await startServe(folder, ["--origin", ORIGIN, "--data", "data"]);
    const heard = new Heard(ORIGIN);
    const client = clientOf(log, heard);
    expect(await client.addMany("before", 10)).toEqual({ 200: 10 });
    // A limit a little above what is open by now.
    limitDescriptors(log, 64);
    const held = await holdConnections(log.url, 120);
    expect(await client.addMany("during", 10)).toEqual({ 200: 10 });
    for (const socket of held) socket.destroy();
    await expect.poll(() => client.addMany("after", 1), { timeout: 10_000 }).toEqual({ 200: 1 });
    expect((await stopServe(log)).code).toBe(0);
    await keptPromises(folder, heard);
  });

  test("a data file cut off under a running log: the process dies of it, and answers nothing that is not there", async () => {
    const folder = mkdtempSync(join(inject("scratch"), "faults-"));
    const log = await startServe(folder, ["--origin", ORIGIN, "--data", "data"]);
    const client = clientOf(log, new Heard(ORIGIN));
    expect(await client.addMany("before", 300)).toEqual({ 200: 300 });
    cutOff(join(folder, "data", "data.mdb"));
    const statuses = await Promise.all([
      client.read("/entry/0"),
      client.read("/tile/0/000"),
      client.read("/entry/299"),
    ]);
    table.push(
      `a data file cut off: reads ${JSON.stringify(statuses)}, the process ended: ${log.child.signalCode ?? log.child.exitCode}`,
    );
    log.child.kill("SIGKILL");
    await log.result;
  });
});
