import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Block, PRELUDE, patternOf, QUICK_NPX, readBlocks, scriptOf } from "./document.ts";

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

/** Runs what a document says in one shell, and holds what came to what it shows. */
async function runDocument(name: string, blocks: readonly Block[], prelude: string): Promise<void> {
  const output = join(folder, `output-${name}`);
  await mkdir(output);
  const environment = { OUTPUT: output, PROGRAM: join(folder, "dist/bin/main.js") };
  const env = { ...process.env, ...environment, XDG_STATE_HOME: join(folder, `state-${name}`) };
  await run("bash", ["-c", `${prelude}\n${scriptOf(blocks)}`], { cwd: folder, env });
  for (const [index, { language, words, text, line }] of blocks.entries()) {
    const printed = join(output, String(index - 1));
    if (language !== "text" || words.length > 0 || !existsSync(printed)) continue;
    expect(await readFile(printed, "utf8"), `${name}, line ${line}`).toMatch(patternOf(text));
  }
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
    expect((await readBlocks(join(ROOT, "README.md")))[0]?.text).toBe(START);
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

  it("runs every further block, one after the other in one shell, and prints what it shows", async () => {
    const blocks = (await readBlocks(join(ROOT, "README.md"))).slice(1);
    expect(blocks.filter(({ language }) => language === "sh").length).toBeGreaterThan(4);
    await runDocument("readme", blocks, PRELUDE);
  });

  it.each(["submitter", "verifier", "monitor", "operator", "witness"])(
    "runs docs/%s.md from top to bottom, beside the same log",
    async (page) => {
      const blocks = await readBlocks(join(ROOT, "docs", `${page}.md`));
      expect(blocks.filter(({ language }) => language === "sh").length).toBeGreaterThan(4);
      await runDocument(page, blocks, PRELUDE + QUICK_NPX);
    },
  );

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
