/**
 * A whole server meets one fault of its disk or its machine at a time (`npm run test:faults`). Each must end in a clear state, and
 * nothing that was answered or shown, before, during or after it, may be lost at the next start.
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type RunningServe, startServe, stopServe } from "../cli/harness.ts";
import {
  clientOf,
  cutOff,
  type FaultClient,
  freePort,
  holdConnections,
  limitDescriptors,
  readiness,
} from "./client.ts";
import { Heard, keptPromises } from "./promises.ts";
import { buildDiskShim, Faults, shimmed } from "./shim.ts";

const ORIGIN = "faults.example/log";
const { EIO, ENOSPC, EMFILE, ENOMEM, EDQUOT } = constants.errno;

interface Case {
  readonly name: string;
  readonly rules: readonly string[];
  readonly args?: readonly string[];
  /** What `/readyz` says while the fault lasts. */
  readonly during: "writable" | "LOG_READ_ONLY" | "SPACE_LOW" | "ended";
  /** What the message names: the cause. */
  readonly says?: readonly string[];
  /** What reads of entries and tiles are answered then. Default 200. */
  readonly reads?: number;
  /** The process may die of it instead: see decision 0043. */
  readonly mayEnd?: boolean;
  /** How it takes entries again. */
  readonly again: "restart" | "by itself" | "always did";
}

/** Ends writing, and says so: a restart reads the disk. */
function readOnly(name: string, rule: string, cause: string, reads = 200): Case {
  return { name, rules: [rule], during: "LOG_READ_ONLY", says: [cause], reads, again: "restart" };
}

function goesOn(name: string, rule: string, ...args: string[]): Case {
  return { name, rules: [rule], args, during: "writable", again: "always did" };
}

function spaceLow(name: string, ...args: string[]): Case {
  const rules = ["statfs /data 200000000"];
  return { name, rules, args, during: "SPACE_LOW", says: ["bytes free"], again: "by itself" };
}

const CASES: readonly Case[] = [
  { ...readOnly("EIO on a write of data", `write data.mdb ${EIO}`, "STORE_FAILED"), mayEnd: true },
  { ...readOnly("ENOSPC on a write of data", `write data.mdb ${ENOSPC}`, "STORE_FULL"), mayEnd: true },
  { ...readOnly("EDQUOT on a write of data", `write data.mdb ${EDQUOT}`, "STORE_FULL"), mayEnd: true },
  readOnly("a write of data cut short", "short data.mdb 0", "STORE_FAILED"),
  readOnly("EIO on fdatasync of data", `sync data.mdb ${EIO}`, "STORE_FAILED"),
  readOnly("ENOSPC on fdatasync of data", `sync data.mdb ${ENOSPC}`, "STORE_FULL"),
  // LMDB itself reads nothing more then, in this process.
  readOnly("EIO on the head of data", `dsync data.mdb ${EIO}`, "STORE_FAILED", 500),
  readOnly("EIO on a write of the guard", `dsync data.guard ${EIO}`, "GUARD_FAILED"),
  readOnly("ENOSPC on a write of the guard", `dsync data.guard ${ENOSPC}`, "GUARD_FAILED"),
  // libuv writes the rest.
  goesOn("a write of the guard cut short", "short data.guard 0"),
  readOnly("EIO on a read of the guard", `read data.guard ${EIO}`, "GUARD_FAILED"),
  // lmdb-js does not survive it: the next start reads what was durable.
  {
    name: "a map that cannot grow",
    rules: [`map data.mdb ${ENOMEM}`],
    during: "ended",
    says: ["signal SIG"],
    again: "restart",
  },
  goesOn("no file can be opened", `open * ${EMFILE}`),
  goesOn("the clock a day back", "clock * -86400"),
  goesOn("the clock a day back, with witnesses", "clock * -86400", "--local-witnesses", "1"),
  spaceLow("a disk nearly full"),
  spaceLow("a disk nearly full, with readers", "--readers", "1"),
];

/** What is wrong before the start, and what the start is refused with. */
const STARTS: readonly (readonly [string, string, string])[] = [
  ["data that cannot be read", `read data.mdb ${EIO}`, "data.mdb"],
  ["data that cannot be synced", `sync data.mdb ${EIO}`, "STORE_FAILED"],
  ["no room for the first write", `write data.mdb ${ENOSPC}`, "STORE_FULL"],
  ["a guard that cannot be read", `read data.guard ${EIO}`, "GUARD_FAILED"],
  ["a guard that cannot be written", `dsync data.guard ${EIO}`, "GUARD_FAILED"],
  ["a guard that cannot be opened", `open data.guard ${EIO}`, "GUARD_FAILED"],
];

/** Servers of the test under way: one that fails leaves none behind. */
const running: RunningServe[] = [];

async function started(...args: Parameters<typeof startServe>): Promise<RunningServe> {
  const log = await startServe(...args);
  running.push(log);
  return log;
}

interface Meeting {
  readonly root: string;
  readonly faults: Faults;
  readonly log: RunningServe;
  readonly admin: number;
  readonly heard: Heard;
  readonly client: FaultClient;
}

/** A log with entries and a receipt, on a disk that is in order yet. */
async function begin(library: string, args: readonly string[]): Promise<Meeting> {
  const folder = mkdtempSync(join(inject("scratch"), "faults-"));
  const root = join(folder, "disk");
  mkdirSync(root);
  const faults = new Faults(folder);
  const admin = await freePort();
  const options = ["--origin", ORIGIN, "--data", join(root, "data"), "--admin-listen", `127.0.0.1:${admin}`];
  const environment = shimmed(library, { DISK_ROOT: root, DISK_RULES: faults.path });
  const log = await started(root, [...options, ...args], environment);
  const heard = new Heard(ORIGIN);
  const client = clientOf(log, heard);
  expect(await client.addMany("before", 20)).toEqual({ 200: 20 });
  expect(await client.receipt("before, with receipt")).toBe(200);
  return { root, faults, log, admin, heard, client };
}

/** The state while the fault lasts and after it, to a clean end. @returns what the operator is told. */
async function expectState(
  { faults, log, admin, client }: Meeting,
  { during, reads = 200, again }: Case,
): Promise<string> {
  const { status, code, message = "" } = await readiness(admin);
  const isWritable = during === "writable";
  expect({ status, code }).toEqual(isWritable ? { status: during } : { status: "read-only", code: during });
  // Nothing it shows now may be more than the disk has: what it says is held against the disk afterwards.
  expect(await client.read("/checkpoint")).toBe(200);
  expect(await client.read("/entry/0")).toBe(reads);
  expect(await client.read("/tile/0/000.p/5")).toBe(reads);
  faults.clear();
  if (again === "by itself") {
    await expect.poll(() => readiness(admin), { timeout: 10_000 }).toMatchObject({ status: "writable" });
  }
  expect(await client.addMany("after", 10)).toEqual(again === "restart" ? { 503: 10 } : { 200: 10 });
  const ended = await stopServe(log);
  expect(ended.code).toBe(0);
  if (during === "LOG_READ_ONLY") expect(ended.stderr).toContain("the log is read-only now");
  if (during === "SPACE_LOW") expect(ended.stderr).toContain("the disk is nearly full");
  return message;
}

/** By a signal, and not one of ours. */
async function endOf({ child, result }: RunningServe): Promise<string> {
  await expect.poll(() => child.signalCode).toMatch(/^SIG(SEGV|ABRT|BUS)$/);
  return `signal ${(await result).signal}`;
}

describe("a log whose disk or machine fails", () => {
  let library = "";
  const table: string[] = [];
  beforeAll(() => {
    library = buildDiskShim() ?? "";
  });
  beforeEach((context) => {
    if (library === "") context.skip("no preloaded library");
  });
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => console.log(table.join("\n")));

  test.each(CASES)("$name: $during, entries again: $again", async (fault) => {
    const { name, rules, args = [], during, says = [], mayEnd = false, again } = fault;
    const meeting = await begin(library, args);
    const { faults, log, admin, heard, client, root } = meeting;
    faults.set(...rules);
    const answers = await client.untilDecided(admin, during);
    const state = during === "ended" ? endOf(log) : expectState(meeting, fault);
    const told = await state.catch(async (error: unknown) => {
      if (!mayEnd) throw error;
      return await endOf(log);
    });
    if (!told.startsWith("signal")) for (const cause of says) expect(told).toContain(cause);
    expect(heard.contradictions).toEqual([]);
    await keptPromises(root, heard);
    const failed = `${faults.hits().length} calls failed`;
    table.push([name, failed, JSON.stringify(answers), during, `again: ${again}`, told].join(" · "));
  });

  test.each(STARTS)("%s: refuses to start, and starts once that is over", async (name, rule, says) => {
    const folder = mkdtempSync(join(inject("scratch"), "faults-"));
    const root = join(folder, "disk");
    mkdirSync(root);
    const faults = new Faults(folder);
    const environment = shimmed(library, { DISK_ROOT: root, DISK_RULES: faults.path });
    const start = () => started(root, ["--origin", ORIGIN, "--data", join(root, "data")], environment);
    const heard = new Heard(ORIGIN);
    const first = await start();
    expect(await clientOf(first, heard).addMany("before", 10)).toEqual({ 200: 10 });
    await stopServe(first);
    faults.set(rule);
    const refusal = await start().catch((error: unknown) => String(error));
    // A failed write may end the process by a signal, after it has said why.
    expect(refusal).toMatch(
      rule.startsWith("write") ? /serve ended with (2|null): / : /serve ended with 2: /,
    );
    expect(refusal).toContain(says);
    faults.clear();
    const second = await start();
    expect(await clientOf(second, heard).addMany("after", 10)).toEqual({ 200: 10 });
    expect((await stopServe(second)).code).toBe(0);
    await keptPromises(root, heard);
    table.push([name, `refuses to start: ${String(refusal).trim()}`].join(" · "));
  });

  test("no descriptor is left for more connections: those that are open are served, and later others again", async () => {
    const folder = mkdtempSync(join(inject("scratch"), "faults-"));
    const log = await started(folder, ["--origin", ORIGIN, "--data", join(folder, "data")]);
    const heard = new Heard(ORIGIN);
    const client = clientOf(log, heard);
    expect(await client.addMany("before", 10)).toEqual({ 200: 10 });
    // A limit a little above what is open by now.
    limitDescriptors(log, 64);
    const held = await holdConnections(log.url, 120);
    // One after the other, on a connection that is open.
    for (let at = 0; at < 5; at++) expect(await client.addMany(`during ${at}`, 1)).toEqual({ 200: 1 });
    for (const socket of held) socket.destroy();
    await expect.poll(() => client.addMany("after", 1), { timeout: 10_000 }).toEqual({ 200: 1 });
    expect((await stopServe(log)).code).toBe(0);
    await keptPromises(folder, heard);
  });

  test("a data file cut off under a running log: the process dies of it, and answers nothing that is not there", async () => {
    const folder = mkdtempSync(join(inject("scratch"), "faults-"));
    const log = await started(folder, ["--origin", ORIGIN, "--data", join(folder, "data")]);
    const client = clientOf(log, new Heard(ORIGIN));
    expect(await client.addMany("before", 300)).toEqual({ 200: 300 });
    cutOff(join(folder, "data", "data.mdb"));
    const statuses = await Promise.all([
      client.read("/entry/0"),
      client.read("/tile/0/000"),
      client.read("/entry/299"),
    ]);
    const ended = statuses.includes(0) ? await endOf(log) : "not yet";
    table.push(`a data file cut off · reads ${JSON.stringify(statuses)} · ${ended}`);
    expect(statuses).not.toContain(404);
    log.child.kill("SIGKILL");
    await log.result;
  });
});
