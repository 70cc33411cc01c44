import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, vi } from "vitest";

const MODULE = join(import.meta.dirname, "run-folder.ts");
const ROOT = join(import.meta.dirname, "../..");
/** A run that started a program, says where and which, and goes on; or ends when "end" comes. */
const RUN = `
import { spawn } from "node:child_process";
import { newRunFolder, noteBegan, runVariables, startRun } from ${JSON.stringify(MODULE)};
const folder = newRunFolder();
const end = await startRun(folder);
Object.assign(process.env, runVariables(folder));
const { pid } = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
noteBegan(pid);
console.log(JSON.stringify({ folder, pid }));
process.stdin.once("data", async () => {
  await end();
  process.exit();
});
`;

function isRunning(pid: number): boolean {
  try {
    // A process that ended stays a zombie where nobody waits for it.
    return !execFileSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
}

describe("a run's folder and processes", () => {
  it.each(["SIGKILL", "SIGTERM", "SIGINT", "end"] as const)("are gone after %s", async (way) => {
    const run = spawn(process.execPath, ["--import=tsx", "--input-type=module", "--eval", RUN], {
      cwd: ROOT,
    });
    const errors = text(run.stderr);
    const [said] = await Promise.race([
      once(run.stdout, "data"),
      errors.then((error) => Promise.reject(error)),
    ]);
    const { folder, pid }: { folder: string; pid: number } = JSON.parse(String(said));
    expect([existsSync(folder), isRunning(pid)]).toEqual([true, true]);
    if (way === "end") run.stdin.write("end\n");
    else run.kill(way);
    await vi.waitFor(() => expect([existsSync(folder), isRunning(pid)]).toEqual([false, false]), {
      timeout: 20_000,
    });
  });
});
