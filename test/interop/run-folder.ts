/**
 * What a run leaves behind: nothing. One folder holds all that it writes, and a reaper, a process of its own, waits for the run to end,
 * in whatever way, to kill what is still running and to remove the folder.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

/** Set in a run's processes: where they note each other process that begins and ends. */
export const PROCESSES_VARIABLE = "BRISTLECONE_INTEROP_PROCESSES";

/** Its standard input ends with the run, also where that is killed. Sunlight makes its files immutable where it may. */
const REAPER = `
trap "" INT HUP TERM
cat > /dev/null
sleep 0.3
awk '{ alive[$2] += $1 == "began" ? 1 : -1 } END { for (pid in alive) if (alive[pid] > 0) print pid }' "$1/processes" |
  while read -r pid; do kill -9 "$pid"; done
chattr -R -f -i "$1"
for round in 1 2 3 4 5; do rm -rf "$@" && exit; sleep 0.2; done
`;

/** The variables of a run in that folder: temporary files of all that it starts go there. */
export function runVariables(folder: string): Readonly<Record<string, string>> {
  return { TMPDIR: folder, [PROCESSES_VARIABLE]: join(folder, "processes") };
}

/** A name that no other run has, and short: sockets lie in it. */
export function newRunFolder(): string {
  return join(tmpdir(), `bristlecone-${process.pid}-${Date.now().toString(36)}`);
}

/**
 * Makes the folder of a run.
 * @param others - folders that are to go with it.
 * @returns ends the run: kills what it left running, and removes the folders.
 */
export async function startRun(folder: string, ...others: readonly string[]): Promise<() => Promise<void>> {
  await mkdir(folder);
  // A group of its own: Ctrl-C is not for it.
  const reaper = spawn("sh", ["-c", REAPER, "reaper", folder, ...others], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = once(reaper, "exit");
  reaper.unref();
  return async () => {
    reaper.ref();
    reaper.stdin.end();
    await ended;
  };
}

/** For vitest: a run of all tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await startRun(project.config.env.TMPDIR ?? newRunFolder(), project.tmpDir);
}

/** In a process that vitest runs tests in: ends with the run, so that nothing is started after that. */
export function endWithRun(): void {
  process.once("disconnect", () => process.exit());
}

/** Notes that a process is there. */
export function noteBegan(pid: number | undefined): void {
  note("began", pid);
}

/** Notes that its number may soon be another process's. */
export function noteEnded(pid: number | undefined): void {
  note("ended", pid);
}

function note(what: string, pid: number | undefined): void {
  const file = process.env[PROCESSES_VARIABLE];
  if (file !== undefined && pid !== undefined) appendFileSync(file, `${what} ${pid}\n`);
}
