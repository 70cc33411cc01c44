import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  callCli,
  type RunningServe,
  resultOf,
  spawnCli,
  startCli,
  startServe,
  stopServe,
  temporaryDirectory,
} from "./harness.ts";

/** One real log for the whole file: each test adds entries of its own. */
const directory = temporaryDirectory();
const inDirectory = (name: string) => join(directory, name);
let log: RunningServe;
let remote: readonly string[];

beforeAll(async () => {
  log = await startServe(directory, ["--origin", "example.com/cli", "--checkpoint-interval", "20"]);
  remote = ["--log", log.url, "--vkey", log.vkey, "--state", inDirectory("state")];
});
afterAll(async () => {
  await stopServe(log);
});

function fileOf(name: string, content: string | Uint8Array): string {
  writeFileSync(inDirectory(name), content);
  return inDirectory(name);
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** Runs a command against the log and demands success. */
async function good(argv: readonly string[], stdin?: string | Uint8Array) {
  const result = await callCli([...argv, ...remote], stdin === undefined ? {} : { stdin });
  expect({ argv, stderr: result.stderr, code: result.code }).toEqual({ argv, stderr: "", code: 0 });
  return result;
}

function leafHash(entry: string): string {
  return createHash("sha256").update(`\0${entry}`).digest("hex");
}

describe("add, receipt, verify in processes of their own", () => {
  it("takes a file to a receipt that verifies offline, and nothing else verifies by it", async () => {
    const own = { cwd: directory };
    const hello = fileOf("hello.txt", "hello, log\n");
    const other = fileOf("other.txt", "hello, fog\n");
    const added = await spawnCli(["add", hello, "--log", log.url, "--vkey", log.vkey], own);
    expect(added.stdout).toMatch(/^\S+hello.txt is entry \d+\n1 entry added to example.com\/cli/);
    const proof = inDirectory("hello.tlog-proof");
    const got = await spawnCli(
      ["receipt", "--entry", hello, "--out", proof, "--log", log.url, "--vkey", log.vkey],
      own,
    );
    expect({ code: got.code, stderr: got.stderr }).toEqual({ code: 0, stderr: "" });
    const verified = await spawnCli(["verify", proof, "--entry", hello, "--vkey", log.vkey], own);
    expect(verified.stdout).toMatch(
      /^VERIFIED\nproven {7}\S+hello.txt \(11 bytes\) is entry \d+ of the log example.com\/cli,\n/,
    );
    expect(verified.code).toBe(0);
    const wrong = await spawnCli(["verify", proof, "--entry", other, "--vkey", log.vkey, "--json"], own);
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stderr).error).toMatchObject({ code: "PROOF_INVALID", exitCode: 1 });
  });

  it("ends quietly, like cat, when its reader has seen enough", async () => {
    await good(
      ["add", "--lines", "-"],
      // More than the pipe between the two holds.
      Array.from({ length: 300 }, (_, number) => `pipe ${number} ${"x".repeat(1000)}\n`).join(""),
    );
    const child = startCli(["cat", ...remote], directory);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { code, stderr } = await resultOf(child);
    expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
  });
});

describe("add and cat", () => {
  it("give back the bytes of a file of lines", async () => {
    const start = (await treeSize()).toString();
    const text = "lines a\n\nlines b\r\nlines c \u00e9\n";
    const { stdout } = await good(["add", "--lines", "-"], text);
    expect(stdout).toContain("4 entries added");
    expect((await good(["cat", "--start", start])).stdout).toBe(text);
  });

  it("give back the bytes of a package index", async () => {
    const start = (await treeSize()).toString();
    const text = Array.from(
      { length: 300 },
      (_, number) => `Package: p${number}\nVersion: 1\n .\n${" x".repeat(number + 1)}\n\n`,
    ).join("");
    const index = fileOf("Packages", text);
    expect((await good(["add", "--paragraphs", index])).stdout).toContain("300 entries added");
    expect((await good(["cat", "--paragraphs", "--start", start])).stdout).toBe(text);
    const again = await good(["add", "--paragraphs", index]);
    expect(again.stdout).toContain("0 entries added to example.com/cli, 300 already there");
  });

  it("give back bytes that are not text", async () => {
    const bytes = Uint8Array.from({ length: 512 }, (_, index) => (index * 7) % 256);
    const { stdout } = await good(["add", fileOf("bytes.bin", bytes), "--json"]);
    const [added] = jsonLines(stdout);
    expect((await good(["get", String(added?.leafIndex)])).bytes.equals(bytes)).toBe(true);
    const [line] = jsonLines((await good(["get", String(added?.leafIndex), "--json"])).stdout);
    expect(line).toEqual({
      ...line,
      leafHash: added?.leafHash,
      entry: Buffer.from(bytes).toString("base64"),
    });
  });

  it("keep an entry of zero bytes", async () => {
    const { stdout } = await good(["add", fileOf("empty", ""), "--json"]);
    expect((await good(["get", String(jsonLines(stdout)[0]?.leafIndex)])).stdout).toBe("");
  });

  it("print any separator, or JSON lines", async () => {
    const start = (await treeSize()).toString();
    await good(["add", "--lines", "-"], "sep 1\nsep 2\n");
    expect((await good(["cat", "--start", start, "--separator", "\\0"])).stdout).toBe("sep 1\0sep 2\0");
    expect((await good(["cat", "--start", start, "--separator", ""])).stdout).toBe("sep 1sep 2");
    const lines = jsonLines((await good(["cat", "--start", start, "--json"])).stdout);
    expect(lines.map(({ leafHash: hash }) => hash)).toEqual([leafHash("sep 1"), leafHash("sep 2")]);
  });
});

describe("add", () => {
  it("saves a verified receipt for each index, and says which entry has which", async () => {
    const receipts = inDirectory("receipts");
    const { stdout } = await good(["add", "--lines", "-", "--receipts", receipts, "--json"], "r1\nr2\nr1\n");
    const lines = jsonLines(stdout);
    expect(lines.map(({ line, duplicate }) => [line, duplicate])).toEqual([
      [1, false],
      [2, false],
      [3, true],
      [undefined, undefined],
    ]);
    expect(lines.at(-1)).toMatchObject({ summary: { entries: 3, added: 2, skipped: 0, receipts: 3 } });
    expect(readdirSync(receipts)).toHaveLength(2);
    for (const { receipt, leafHash: hash } of lines.slice(0, 3)) {
      const argv = ["verify", String(receipt), "--leaf-hash", String(hash), "--vkey", log.vkey];
      expect((await callCli(argv)).code).toBe(0);
    }
  });

  it("sends nothing when one of the files holds an entry that is too large", async () => {
    const size = await treeSize();
    const bad = fileOf("bad.txt", `fine\n${"x".repeat(65_536)}\n`);
    const { code, stderr } = await callCli(["add", "--lines", bad, ...remote]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${bad}, line 2: want at most 65535 bytes`);
    expect(await treeSize()).toBe(size);
    const skipping = await callCli(["add", "--lines", "--skip-large", bad, ...remote]);
    expect(skipping.code).toBe(0);
    expect(skipping.stderr).toContain(`${bad}, line 2: left out`);
    expect(skipping.stdout).toContain("1 entry added to example.com/cli, 1 left out");
  });

  it("says how far it came when standard input turns out too large later on", async () => {
    const stdin = `${Array.from({ length: 1024 }, (_, number) => `far ${number}\n`).join("")}x\n${"x".repeat(65_536)}\n`;
    const { code, stderr } = await callCli(["add", "--lines", "-", ...remote], { stdin });
    expect(code).toBe(3);
    expect(stderr).toContain("-, line 1026: want at most 65535 bytes");
    expect(stderr).toContain("at least 1024 entries are in the log");
  });

  it("draws its progress for a person only", async () => {
    const watched = await callCli(["add", "--lines", "-", ...remote], { stdin: "watched\n", isTTY: true });
    expect(watched.stderr).toContain("\r1 entries");
    expect(watched.stderr.endsWith("\r\x1b[K")).toBe(true);
  });

  it("takes several batches at once when asked to", async () => {
    const stdin = Array.from({ length: 5000 }, (_, number) => `flight ${number}\n`).join("");
    expect((await good(["add", "--lines", "--in-flight", "4", "-"], stdin)).stdout).toContain(
      "5,000 entries added",
    );
  });
});

describe("checkpoint and consistency", () => {
  it("prove that a saved head is the beginning of a later one", async () => {
    const [monday, tuesday] = [inDirectory("monday"), inDirectory("tuesday")];
    await good(["checkpoint", "--save", monday]);
    await good(["add", "--lines", "-"], "between monday and tuesday\n");
    const size = await treeSize();
    const head = await good(["checkpoint", "--save", tuesday]);
    expect(head.stdout).toContain(`tree size    ${size}\n`);
    for (const files of [[monday, tuesday], [tuesday, monday], [monday], [monday, monday]]) {
      expect((await good(["consistency", ...files])).stdout).toMatch(/^CONSISTENT\n/);
    }
    const [json] = jsonLines((await good(["consistency", monday, tuesday, "--json"])).stdout);
    expect(json).toMatchObject({ consistent: true, origin: "example.com/cli", toSize: size });
  });

  it("refuse a head somebody changed", async () => {
    const saved = inDirectory("changed");
    await good(["checkpoint", "--save", saved]);
    writeFileSync(saved, readFileSync(saved, "utf8").replace(/^(.*\n)\d+\n/, "$11\n"));
    const { code, stderr } = await callCli(["consistency", saved, ...remote]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${saved}: `);
  });

  it("remember the head seen last, unless told not to", async () => {
    const state = inDirectory("memory");
    const argv = ["checkpoint", "--log", log.url, "--vkey", log.vkey, "--state", state, "--json"];
    const progress = async (extra: string[] = []) =>
      JSON.parse((await callCli([...argv, ...extra])).stdout).progress;
    expect(await progress(["--no-memory"])).toBe("first");
    expect(await progress()).toBe("first");
    expect(await progress()).toBe("same");
    expect(readdirSync(state)).toHaveLength(1);
  });
});

describe("receipt", () => {
  it("comes by index, by entry or by leaf hash, and is the same", async () => {
    const { stdout } = await good(["add", fileOf("named", "named entry"), "--json"]);
    const index = String(jsonLines(stdout)[0]?.leafIndex);
    const byIndex = await good(["receipt", index]);
    expect(byIndex.stdout).toMatch(/^c2sp.org\/tlog-proof@v1\nindex \d+\n/);
    expect((await good(["receipt", "--entry", "-"], "named entry")).stdout).toBe(byIndex.stdout);
    expect((await good(["receipt", "--leaf-hash", leafHash("named entry")])).stdout).toBe(byIndex.stdout);
    expect((await good(["receipt", index, "--entry", "-"], "named entry")).stdout).toBe(byIndex.stdout);
  });

  it("is refused for another entry than the one named", async () => {
    const { code } = await callCli(["receipt", "0", "--entry", "-", ...remote], { stdin: "never added" });
    expect(code).toBe(1);
  });

  it("does not exist for what is not in the log", async () => {
    const unknown = await callCli(["receipt", "--entry", "-", "--wait", "0", ...remote], {
      stdin: "never added",
    });
    expect(unknown.code).toBe(3);
    expect((await callCli(["receipt", "999999", "--wait", "0", ...remote])).code).toBe(3);
    expect((await callCli(["get", "999999", ...remote])).code).toBe(3);
  });
});

describe("tail", () => {
  it("prints the last entries and every new one until Ctrl-C, which is a good end", async () => {
    await good(["add", "--lines", "-"], "tail 1\ntail 2\n");
    const child = startCli(["tail", "--last", "1", "--poll", "50", ...remote], directory);
    const result = resultOf(child);
    await new Promise((found) => child.stdout?.once("data", found));
    const next = new Promise((found) => child.stdout?.once("data", found));
    await good(["add", "--lines", "-"], "tail 3\n");
    await next;
    child.kill("SIGINT");
    expect(await result).toMatchObject({ code: 0, stdout: "tail 2\ntail 3\n", stderr: "" });
  });
});

describe("trust", () => {
  it("is taken from a log on this machine only with a plain word about it", async () => {
    const { code, stderr } = await callCli(["get", "0", "--log", log.url, "--no-memory"]);
    expect(code).toBe(0);
    expect(stderr).toContain(`not verified against a key you chose: the log itself named ${log.vkey}`);
  });

  it("may be a policy", async () => {
    const policy = fileOf("policy.txt", `log ${log.vkey}\nquorum none\n`);
    const { code, stderr } = await callCli(["get", "0", "--log", log.url, "--policy", policy, "--no-memory"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("fails for a log signed by another key", async () => {
    const vkey = JSON.parse(
      (await callCli(["keygen", "--origin", "example.com/cli", "--out", inDirectory("k"), "--json"])).stdout,
    ).vkey;
    const { code, stderr } = await callCli(["get", "0", "--log", log.url, "--vkey", vkey, "--no-memory"]);
    expect(code).toBe(1);
    expect(stderr).toContain("SIGNATURE");
  });
});

async function treeSize(): Promise<number> {
  const [head] = jsonLines((await good(["checkpoint", "--json"])).stdout);
  return Number(head?.treeSize);
}
