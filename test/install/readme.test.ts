import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, "../..");
/** The block that starts the log, and so does not end. */
const START = "npm install && npm start";

let folder: string;
let log: ChildProcess | undefined;
let printed = "";

beforeAll(async () => {
  if (await isListening(6962)) throw new Error("port 6962, which the README uses, is taken on this machine");
  folder = await mkdtemp(join(tmpdir(), "bristlecone-readme-"));
  const { stdout } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: ROOT,
  });
  for (const file of stdout.split("\0").filter((name) => name !== "")) {
    await cp(join(ROOT, file), join(folder, file), { recursive: true }).catch(ignoreDeleted);
  }
});

afterAll(async () => {
  log?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function isListening(port: number): Promise<boolean> {
  const socket = createConnection({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A file that git still lists and the working tree has lost. */
function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function shellBlocks(): Promise<readonly string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  return [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => (match[1] ?? "").trim());
}

/** Starts the log as the README says, in a new clone, and waits until it has printed its first steps. */
async function startLog(): Promise<void> {
  const started = spawn("bash", ["-c", START], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  log = started;
  for (const stream of [started.stdout, started.stderr]) {
    stream.on("data", (bytes: Buffer) => {
      printed += bytes.toString();
    });
  }
  await expect
    .poll(() => printed, { timeout: 280_000, interval: 200 })
    .toContain("Ctrl-C ends the log cleanly");
}

describe("the README, from top to bottom, in a new folder", () => {
  it("starts a log", async () => {
    expect((await shellBlocks())[0]).toBe(START);
    await startLog();
    for (const wanted of [
      /^origin +localhost\/[0-9a-f]{8}$/m,
      /^verifier key +localhost/m,
      /http:\/\/127\.0\.0\.1:6962/,
      /\.\/data/,
    ]) {
      expect(printed).toMatch(wanted);
    }
  });

  it("runs every further shell block, one after the other in one shell", async () => {
    const blocks = (await shellBlocks()).slice(1);
    expect(blocks.length).toBeGreaterThan(5);
    const script = blocks.join("\necho '--- next block'\n");
    const env = { ...process.env, XDG_STATE_HOME: join(folder, "state") };
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, env });
    expect(stdout.split("--- next block")).toHaveLength(blocks.length);
    expect(stdout).toContain("hello, log\n\none\ntwo\nthree\n");
    expect(stdout).toContain("c2sp.org/tlog-proof@v1");
  });

  it("runs the three commands that the start printed, word for word", async () => {
    const steps = printed
      .slice(printed.indexOf("Try next"))
      .split("\n")
      .filter((line) => line.startsWith("  "));
    expect(steps).toHaveLength(3);
    const env = { ...process.env, XDG_STATE_HOME: join(folder, "state-2") };
    await run("bash", ["-euo", "pipefail", "-c", steps.join("\n")], { cwd: folder, env });
  });

  it("ends cleanly on Ctrl-C, and goes on with the same log at the next start", async () => {
    const before = await (await fetch("http://127.0.0.1:6962/checkpoint")).text();
    const exited = once(log ?? expect.unreachable("no log"), "exit");
    // Ctrl-C reaches every process of the terminal's foreground group.
    process.kill(-(log?.pid ?? 0), "SIGINT");
    await exited;
    await expect.poll(() => isListening(6962)).toBe(false);
    printed = "";
    await startLog();
    expect(await (await fetch("http://127.0.0.1:6962/checkpoint")).text()).toBe(before);
    process.kill(-(log?.pid ?? 0), "SIGINT");
  });
});
