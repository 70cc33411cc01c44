/** What the system lets the server's process have: of the one that runs, where it can be found, else of this one. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LOCK_SOCKET } from "../store/data-directory.ts";
import { fail, type Outcome, ok, type Sheet, skipped, warn } from "./check.ts";

/** Connections of one listener, see http/limits.ts, and what a log has open beside them: its files, witnesses, readers. */
const WANTED_FILES = 8192 + 256;
/** Below it a busy day is enough. */
const FEWEST_FILES = 1024;
const MAX_PROCESSES = 4096;

export interface ProcessLook {
  readonly directory: string;
  readonly isRunning: boolean | undefined;
}

/** Limits by their name in /proc: the one that counts, in numbers. */
type Limits = ReadonlyMap<string, number>;

export async function lookAtProcess(sheet: Sheet, { directory, isRunning }: ProcessLook): Promise<void> {
  const found = await sheet.look({
    check: "process",
    async see() {
      if (process.platform !== "linux") return skipped("looked at on Linux only");
      const pid = isRunning === true ? await listenerOf(join(resolve(directory), LOCK_SOCKET)) : undefined;
      const text = await readFile(`/proc/${pid ?? "self"}/limits`, "latin1").catch(() => undefined);
      if (text === undefined) return skipped("the system does not say its limits");
      const limits = parseLimits(text);
      if (pid !== undefined)
        return { ...ok(`the server is process ${pid}`), found: { limits, isServers: true } };
      const why =
        isRunning === true ? "the server's process is not to be seen from here" : "no server runs here";
      return { ...skipped(`${why}: limits are those of this shell`), found: { limits, isServers: false } };
    },
  });
  if (found === undefined) return;
  await sheet.look({ check: "file-descriptors", see: () => judgeFiles(found.limits, found.isServers) });
  await sheet.look({ check: "address-space", see: () => judgeSpace(found.limits) });
}

/** "Max open files            1024                 524288               files     " */
export function parseLimits(text: string): Limits {
  const limits = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, soft, hard] = line.split(/ {2,}/);
    if (name === undefined || !/^(\d{1,20}|unlimited)$/.test(soft ?? "")) continue;
    // Node raises its own to what it may.
    const counts = name === OPEN_FILES ? hard : soft;
    limits.set(name, counts === "unlimited" ? Number.POSITIVE_INFINITY : Number(counts));
  }
  return limits;
}

const OPEN_FILES = "Max open files";

export function judgeFiles(limits: Limits, isServers: boolean): Outcome {
  const count = limits.get(OPEN_FILES);
  if (count === undefined) return skipped("the system does not say how many may be open");
  const words = `${count === Number.POSITIVE_INFINITY ? "any number" : count} may be open${isServers ? "" : " in this shell"}`;
  const advice = `let the service have ${2 * WANTED_FILES}: LimitNOFILE= of systemd, ulimits: of compose`;
  if (count < FEWEST_FILES) return fail(`${words}; a log takes 8192 connections beside its files`, advice);
  if (count < WANTED_FILES) return warn(`${words}; a log takes 8192 connections beside its files`, advice);
  return ok(words);
}

/** The database is mapped whole, with room to grow. */
function judgeSpace(limits: Limits): Outcome {
  const space = limits.get("Max address space") ?? Number.POSITIVE_INFINITY;
  const file = limits.get("Max file size") ?? Number.POSITIVE_INFINITY;
  if (space !== Number.POSITIVE_INFINITY) {
    return fail(
      `limited to ${space} bytes: the database is mapped into it whole`,
      "take the limit away (ulimit -v unlimited, LimitAS=infinity); MemoryMax= is what bounds memory",
    );
  }
  if (file !== Number.POSITIVE_INFINITY) {
    return fail(
      `files are limited to ${file} bytes`,
      "take the limit away: ulimit -f unlimited, LimitFSIZE=infinity",
    );
  }
  return ok("neither address space nor the size of files is limited");
}

/** Who holds the lock's socket. @returns undefined where that is not to be seen: another user, another container */
async function listenerOf(socketPath: string): Promise<number | undefined> {
  const sockets = await readFile("/proc/net/unix", "utf8").catch(() => "");
  const inodes = sockets.split("\n").flatMap((line) => {
    const fields = line.trim().split(/ +/);
    return fields.slice(7).join(" ") === socketPath && fields[6] !== undefined
      ? [`socket:[${fields[6]}]`]
      : [];
  });
  if (inodes.length === 0) return undefined;
  const names = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of names.slice(0, MAX_PROCESSES)) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const targets = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
    if (targets.some((target) => inodes.includes(target))) return Number(pid);
  }
  return undefined;
}
