import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { entriesIn, entryText, filesIn, flipAt, makeLog, textsUpTo } from "../archive/logs.ts";
import { callCli, serveHere, temporaryDirectory } from "./harness.ts";

/** A log that was served, and has `count` entries. */
async function servedLog(count: number) {
  const cwd = temporaryDirectory();
  const places = { cwd, data: join(cwd, "data"), site: join(cwd, "site"), saved: join(cwd, "saved") };
  const server = await serveHere(cwd);
  await append(server.url, 0, count);
  return { ...places, server };
}

async function append(url: string, from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, at) => `${entryText(from + at)}\n`).join("");
  const { code, stderr } = await callCli(["add", "--lines", "-", "--log", url, "--no-memory"], {
    stdin: lines,
  });
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

describe("backup, export, restore, import and repair", () => {
  it("bring a log back after its disk was lost, with all that it signed, and the guard lets it go on", async () => {
    const { cwd, data, site, saved, server } = await servedLog(300);
    const made = await callCli(["backup", saved, "--data", data, "--json"]);
    // What is published is recorded a moment after it is shown.
    expect([made.code, JSON.parse(made.stdout)]).toMatchObject([0, { treeSize: 300 }]);
    await append(server.url, 300, 600);
    await server.stop();
    const exported = await callCli(["export", site, "--data", data]);
    expect([exported.code, exported.stdout]).toEqual([0, expect.stringContaining("tree size  600")]);
    rmSync(data, { recursive: true });

    const restored = await callCli(["restore", saved, "--data", data, "--verify"]);
    expect([restored.code, restored.stdout]).toEqual([3, expect.stringContaining("does not accept it")]);
    expect(restored.stderr).toContain("300 entries that were signed are not in it");
    expect(restored.stderr).toContain(" import ");
    const unguarded = ["restore", saved, "--data", `${data}.b`, "--guard", `${data}.none`];
    expect((await callCli(unguarded)).stderr).toContain("bring the guard back");
    const refused = await callCli(["serve", "--data", data, "--listen", "127.0.0.1:0"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("GUARD_AHEAD")]);
    const caughtUp = await callCli(["import", site, "--data", data], { isTTY: true });
    expect([caughtUp.code, caughtUp.stdout]).toEqual([0, expect.stringContaining("300 of them new")]);
    expect(caughtUp.stderr).toContain("100%");

    const again = await serveHere(cwd);
    expect(again.treeSize).toBe(600);
    await append(again.url, 600, 601);
    await again.stop();
    expect(await entriesIn(data)).toEqual(textsUpTo(601));
  });

  it("makes a damaged directory whole beside it, from an export", async () => {
    const { cwd, data, site, server } = await servedLog(300);
    await server.stop();
    await callCli(["export", site, "--data", data]);
    await flipAt(join(data, "data.mdb"), encodeUtf8(entryText(7)));
    const alone = await callCli(["repair", "--data", data]);
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining("entry 7 is not the one")]);
    const { code, stdout, stderr } = await callCli(["repair", "--data", data, "--from", site, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ treeSize: 300, fetched: 256, directory: `${data}.repaired` });
    expect(stderr).toContain("entries 0 to 255 come from elsewhere");
    rmSync(data, { recursive: true });
    renameSync(`${data}.repaired`, data);
    const again = await serveHere(cwd);
    expect(again.treeSize).toBe(300);
    await again.stop();
  });

  it("imports another log by its key, and demands one", async () => {
    const { cwd, data, site, server } = await servedLog(3);
    await server.stop();
    await callCli(["export", site, "--data", data]);
    const copy = join(cwd, "copy");
    const untrusted = await callCli(["import", site, "--data", copy]);
    expect([untrusted.code, untrusted.stderr]).toEqual([2, expect.stringContaining("--vkey")]);
    const { code, stdout } = await callCli(["import", site, "--data", copy, "--vkey", server.vkey]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("3 of them new")]);
    const other = "example.com/other+2f5bd8b3+AdAIW1VnbYWnkzqWyVjuYf+sHmbyeGAZ1oR3c1hOAeY8";
    const wrong = await callCli(["import", site, "--data", join(cwd, "no"), "--vkey", other]);
    expect(wrong.code).toBeGreaterThan(0);
    expect(await filesIn(cwd)).not.toContain("no/data.mdb");
  });

  it("refuse what is not there and what is in the way", async () => {
    const cwd = temporaryDirectory();
    const [data, taken] = [join(cwd, "data"), join(cwd, "taken")];
    await makeLog(data, 1);
    mkdirSync(join(taken, "something"), { recursive: true });
    const nothing = join(cwd, "nothing");
    const calls: readonly (readonly [number, readonly string[]])[] = [
      [2, ["backup", taken, "--data", data]],
      [2, ["backup", nothing, "--data", nothing]],
      [2, ["export", taken, "--data", data]],
      [2, ["export", nothing, "--data", nothing]],
      [2, ["restore", nothing, "--data", nothing]],
      [2, ["restore", data, "--data", nothing]],
      [2, ["repair", "--data", nothing]],
    ];
    for (const [wanted, argv] of calls) {
      const { code } = await callCli(argv);
      expect([argv[0], code]).toEqual([argv[0], wanted]);
    }
    expect(await filesIn(taken)).toEqual([]);
    expect((await filesIn(cwd)).filter((name) => name.startsWith("nothing"))).toEqual([]);
  });
});
