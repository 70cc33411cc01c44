/** `bristlecone drill` as people run it, beside a log in service, with servers as processes. The rest of it is in test/drill. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REHEARSAL_NAMES } from "../../src/drill/rehearsal.ts";
import { resultOf, spawnCli, startCli, startServe, stopServe, temporaryDirectory } from "../cli/harness.ts";

describe("drill, beside a log in service", () => {
  it("passes every rehearsal, reports it, and leaves the log as it was", async () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "scratch"));
    const log = await startServe(cwd);
    const lines = Array.from({ length: 1_000 }, (_, at) => `entry ${at}\n`).join("");
    await spawnCli(["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"], {
      cwd,
      stdin: lines,
    });
    const before = [readFileSync(join(cwd, "data.key")), readFileSync(join(cwd, "data.guard"))];
    const drill = await spawnCli(["drill", "--json", "--scratch", "scratch", "--report", "drill.md"], {
      cwd,
    });
    expect(drill.stderr).toBe("");
    expect(drill.code).toBe(0);
    const said = drill.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { summary } = said.pop();
    expect(said.map(({ name, verdict }) => [name, verdict])).toEqual(
      REHEARSAL_NAMES.map((name) => [name, "passed"]),
    );
    const figures = said.flatMap((result) => result.figures);
    const lost = figures.filter(({ name }: { readonly name: string }) => name === "lost-entries");
    expect(lost.map(({ value }: { readonly value: number }) => value)).toEqual([0, 0, 0]);
    expect(summary).toMatchObject({ origin: log.origin, treeSize: 1_000 });
    const report = readFileSync(join(cwd, "drill.md"), "utf8");
    for (const name of REHEARSAL_NAMES) expect(report).toContain(`## ${name}: passed`);
    // The log goes on as if nothing had been.
    expect([readFileSync(join(cwd, "data.key")), readFileSync(join(cwd, "data.guard"))]).toEqual(before);
    expect((await stopServe(log)).code).toBe(0);
    expect(readdirSync(join(cwd, "scratch"))).toEqual([]);
  });

  it("ends at Ctrl-C with its servers, and removes what it made", async () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "scratch"));
    await stopServe(await startServe(cwd));
    const child = startCli(["drill", "--only", "crash", "--scratch", "scratch"], cwd);
    const result = resultOf(child);
    const servers = await untilServing(child.pid ?? 0);
    child.kill("SIGINT");
    expect((await result).code).toBe(130);
    expect(readdirSync(join(cwd, "scratch"))).toEqual([]);
    expect(servers.filter(isAlive)).toEqual([]);
  });
});

/** The processes that it has started, once there are any. */
async function untilServing(pid: number): Promise<readonly number[]> {
  for (;;) {
    const children = childrenOf(pid);
    if (children.length > 0) return children;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
