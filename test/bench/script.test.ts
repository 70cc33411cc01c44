import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { IS_FULL } from "../runs.ts";

const SCRIPT = `
  import { newFolder, runScript, spawnChild } from ${JSON.stringify(import.meta.resolve("../../bench/script.ts"))};
  await runScript(async (signal) => {
    const folder = newFolder();
    const child = spawnChild([process.execPath, "-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    process.stdout.write(JSON.stringify({ folder, pid: child.pid }) + "\\n");
    if (process.env.FAILS === "yes") throw new Error("no luck");
    return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
`;

function runScript(env: Readonly<Record<string, string>>) {
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", SCRIPT];
  return spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...env },
  });
}

async function madeBy(script: ReturnType<typeof runScript>): Promise<{ folder: string; pid: number }> {
  const [line] = await once(createInterface({ input: script.stdout }), "line");
  return JSON.parse(String(line));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const SIGNALS = [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const;

// Both come to the same handler, so npm test sends one.
it.each(IS_FULL ? SIGNALS : SIGNALS.slice(0, 1))(
  "a script that gets %s ends what it started and removes what it made",
  async (signal, code) => {
    const script = runScript({});
    const exited = once(script, "exit");
    const { folder, pid } = await madeBy(script);
    script.kill(signal);
    expect(await exited).toEqual([code, null]);
    expect(isRunning(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  },
);

it.runIf(IS_FULL)("a script that fails does too", async () => {
  const script = runScript({ FAILS: "yes" });
  const exited = once(script, "exit");
  const { folder, pid } = await madeBy(script);
  expect(await exited).toEqual([1, null]);
  expect(isRunning(pid)).toBe(false);
  expect(existsSync(folder)).toBe(false);
});
