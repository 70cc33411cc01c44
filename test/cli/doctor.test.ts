import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  callCli,
  type RunningServe,
  serveHere,
  startServe,
  stopServe,
  temporaryDirectory,
} from "./harness.ts";

interface Row {
  readonly check: string;
  readonly of?: string;
  readonly verdict: string;
  readonly saw: string;
  readonly advice?: string;
}

/** What the doctor says of each check, the last of a name. */
async function examined(args: readonly string[], environment: Record<string, string> = {}) {
  const { code, stdout, stderr } = await callCli(["doctor", "--json", ...args], { environment });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const rows: readonly Row[] = lines.filter((line) => "check" in line);
  const said = new Map(rows.map((row) => [row.check, row]));
  return { code, stderr, rows, said, summary: lines.at(-1)?.summary };
}

/** Every file below a directory, and when it was last written. */
function traceOf(directory: string): readonly string[] {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => {
    const { mtimeMs, size } = statSync(join(directory, name));
    // Readers of LMDB take a slot in its lock file.
    return name.endsWith("lock.mdb") ? name : `${name} ${mtimeMs} ${size}`;
  });
}

describe("doctor, where a log was stopped", () => {
  let cwd: string;
  let data: string;

  beforeAll(async () => {
    cwd = temporaryDirectory();
    data = join(cwd, "data");
    const log = await serveHere(cwd, ["--origin", "example.com/log"]);
    const add = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
    await callCli(add, { stdin: "one\ntwo\n" });
    await log.stop();
  });

  it("finds nothing wrong, and writes nothing", async () => {
    const before = traceOf(cwd);
    const { code, said, summary } = await examined(["--data", data]);
    expect(code).toBe(0);
    expect(said.get("guard")).toMatchObject({
      verdict: "ok",
      saw: "size 2 was signed last, and the store has that tree",
    });
    expect(said.get("key-signs")?.verdict).toBe("ok");
    expect(said.get("key-fits-log")).toMatchObject({
      verdict: "ok",
      saw: "the last checkpoint, of size 2, is signed with it",
    });
    expect(said.get("server")?.verdict).toBe("skipped");
    expect(summary).toMatchObject({ fail: 0, unknown: 0 });
    expect(traceOf(cwd)).toEqual(before);
  });

  it("makes nothing where no log is yet", async () => {
    const empty = temporaryDirectory();
    const { code, said } = await examined(["--data", join(empty, "data")]);
    expect(code).toBe(0);
    expect(said.get("key-mode")?.saw).toContain("the first start makes it");
    expect(readdirSync(empty)).toEqual([]);
  });

  it("names the source of each setting, and of those that are wrong what they want", async () => {
    const { summary } = await examined(["--data", data], { BRISTLECONE_MIN_FREE_BYTES: "1000" });
    expect(summary.settings).toContainEqual({
      name: "minFreeBytes",
      value: "1000",
      source: "BRISTLECONE_MIN_FREE_BYTES",
    });
    const wrong = await examined(["--data", data, "--listen", "nowhere"], {
      BRISTLECONE_MIN_FREE_BYTES: "few",
    });
    expect(wrong.code).toBe(1);
    expect(wrong.rows.map(({ check, verdict, of }) => [check, verdict, of])).toEqual([
      ["settings", "fail", "--listen"],
      ["settings", "fail", "--min-free-bytes"],
      ["all-others", "unknown", undefined],
    ]);
  });

  it.each([
    [
      "a guard inside the data directory",
      () => ["--guard", join(data, "guard")],
      "settings",
      /outside the data directory/,
    ],
    ["a guard that is gone", () => ["--guard", join(cwd, "gone")], "guard", /GUARD_MISSING/],
    ["a key that is gone", () => ["--key", join(cwd, "gone")], "key-mode", /no such file/],
    [
      "a floor above what is free",
      () => ["--min-free-bytes", "9000000000000000"],
      "free-space",
      /turned away/,
    ],
    [
      "a database as large as it may be",
      () => ["--max-data-bytes", "1000"],
      "data-size",
      /of --max-data-bytes/,
    ],
    [
      "a file of tokens with a mistake",
      () => ["--tokens", join(data, "data.mdb")],
      "writers",
      /CONFIG_INVALID|FILE_UNREADABLE/,
    ],
    ["webhooks that are not there", () => ["--webhooks", join(cwd, "gone")], "webhooks", /FILE_UNREADABLE/],
    ["a policy that is not there", () => ["--policy", join(cwd, "gone")], "policy", /FILE_UNREADABLE/],
    [
      "a certificate that is none",
      () => ["--tls-cert", `${data}.key`, "--tls-key", `${data}.key`],
      "tls-files",
      /CONFIG_INVALID/,
    ],
    ["a backup that was never made", () => ["--backup", cwd], "backup", /no whole backup/],
    ["an export that was never made", () => ["--export", cwd], "export", /no checkpoint/],
  ])("fails for %s, and says what to do", async (_name, args, check, words) => {
    const { code, said, stderr } = await examined(["--data", data, ...args()]);
    expect(code).toBe(1);
    expect(said.get(check)).toMatchObject({ verdict: "fail", saw: expect.stringMatching(words) });
    expect(said.get(check)?.advice).toMatch(/\w/);
    expect(stderr).toContain("CHECKUP_FAILED");
  });

  it("fails for another log's key, for another of the same name, and for one that others may read", async () => {
    for (const origin of ["example.com/other", "example.com/log"]) {
      const key = join(temporaryDirectory(), "key");
      await callCli(["keygen", "--origin", origin, "--out", key]);
      const { code, said } = await examined(["--data", data, "--key", key]);
      expect([code, said.get("key-fits-log")?.verdict]).toEqual([1, "fail"]);
    }
    const exposed = join(cwd, "exposed.key");
    copyFileSync(`${data}.key`, exposed);
    chmodSync(exposed, 0o640);
    const { code, said } = await examined(["--data", data, "--key", exposed]);
    expect([code, said.get("key-mode")?.verdict, said.get("key-signs")?.verdict]).toEqual([
      1,
      "fail",
      "skipped",
    ]);
    rmSync(exposed);
  });

  it("fails for a data file that was cut, instead of ending at the first page beyond it", async () => {
    const copy = join(temporaryDirectory(), "data");
    mkdirSync(copy, { mode: 0o700 });
    copyFileSync(join(data, "lock.mdb"), join(copy, "lock.mdb"));
    writeFileSync(join(copy, "data.mdb"), readFileSync(join(data, "data.mdb")).subarray(0, 16_384));
    const { code, said } = await examined(["--data", copy, "--key", `${data}.key`]);
    expect([code, said.get("store")?.verdict]).toEqual([1, "fail"]);
  });

  it("says unknown, and exits with 3, where it would have to write to look", async () => {
    const copy = join(temporaryDirectory(), "data");
    mkdirSync(copy, { mode: 0o700 });
    copyFileSync(join(data, "data.mdb"), join(copy, "data.mdb"));
    const own = ["--key", `${data}.key`, "--guard", join(copy, "..", "new.guard")];
    const { code, said } = await examined(["--data", copy, ...own]);
    expect([code, said.get("store")?.verdict]).toEqual([3, "unknown"]);
    expect(readdirSync(copy)).toEqual(["data.mdb"]);
  });
});

describe("doctor, beside a server", () => {
  let cwd: string;
  let log: RunningServe;

  beforeAll(async () => {
    cwd = temporaryDirectory();
    log = await startServe(cwd, ["--data", join(cwd, "data"), "--origin", "example.com/log"]);
    const add = ["add", "--lines", "-", "--log", log.url, "--vkey", log.vkey, "--no-memory"];
    await callCli(add, { stdin: Array.from({ length: 300 }, (_, line) => `${line}\n`).join("") });
  });

  afterAll(async () => {
    await stopServe(log);
  });

  it("finds what is served as it is stored, to the conformance of its headers", async () => {
    const { code, said } = await examined(["--data", join(cwd, "data"), "--served-at", log.url]);
    expect(code).toBe(0);
    for (const check of [
      "server",
      "guard",
      "public-head",
      "public-tile",
      "public-bundle",
      "public-events",
      "conformance-run",
    ])
      expect([check, said.get(check)?.verdict]).toEqual([check, "ok"]);
    for (const check of ["public-cache", "public-cors", "public-gzip", "conformance"])
      expect([check, said.get(check)?.verdict]).toEqual([check, "ok"]);
  });

  it("fails for an older copy of the log: another one signs", async () => {
    const place = temporaryDirectory();
    const old = await serveHere(place, ["--key", join(cwd, "data.key")]);
    await old.stop();
    const { code, said } = await examined([
      "--data",
      join(place, "data"),
      "--key",
      join(cwd, "data.key"),
      "--served-at",
      log.url,
    ]);
    expect(code).toBe(1);
    expect(said.get("public-head")).toMatchObject({
      verdict: "fail",
      saw: expect.stringContaining("another copy signs"),
    });
  });

  it("tells what a cache in between changes", async () => {
    const cache = createServer(async ({ url = "" }, answer) => {
      if (url === "/events") return void answer.writeHead(404).end();
      const inner = await fetch(new URL(url, log.url));
      answer.writeHead(inner.status, {
        "content-type": inner.headers.get("content-type") ?? "",
        "cache-control": "max-age=3600",
        date: new Date(Date.now() + 120_000).toUTCString(),
      });
      answer.end(Buffer.from(await inner.arrayBuffer()));
    });
    await new Promise<void>((listening) => cache.listen(0, "127.0.0.1", listening));
    const address = cache.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      const { said } = await examined([
        "--data",
        join(cwd, "data"),
        "--served-at",
        `http://127.0.0.1:${port}`,
      ]);
      expect(said.get("public-head")?.verdict).toBe("ok");
      expect(said.get("public-cache")).toMatchObject({
        verdict: "warn",
        saw: expect.stringContaining("checkpoint-caching"),
      });
      expect(said.get("public-cors")?.verdict).toBe("warn");
      expect(said.get("public-events")?.verdict).toBe("warn");
    } finally {
      cache.closeAllConnections();
      cache.close();
    }
  });

  it("fails where nobody answers, and for a policy whose witnesses do not", async () => {
    const own = ["--cosigner", "--origin", "w.example/1", "--out", join(cwd, "w.key"), "--json"];
    const witness = JSON.parse((await callCli(["keygen", ...own])).stdout);
    const policy = join(cwd, "policy.txt");
    writeFileSync(policy, `log ${log.vkey}\nwitness w1 ${witness.vkey} http://127.0.0.1:1/\nquorum w1\n`);
    const args = ["--data", join(cwd, "data"), "--served-at", "http://127.0.0.1:1", "--policy", policy];
    const { code, said } = await examined(args);
    expect(code).toBe(1);
    expect(said.get("public-head")).toMatchObject({
      verdict: "fail",
      saw: expect.stringContaining("ECONNREFUSED"),
    });
    expect(said.get("witness")?.verdict).toBe("warn");
    expect(said.get("quorum-reachable")?.verdict).toBe("fail");
    expect(said.get("cosignatures")).toMatchObject({
      verdict: "fail",
      saw: expect.stringContaining("QUORUM_NOT_MET"),
    });
  });

  it("is a table for people, in which no line says less than what to do", async () => {
    const { code, stdout } = await callCli(
      ["doctor", "--data", join(cwd, "data"), "--guard", join(cwd, "gone")],
      {
        columns: 100,
      },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Settings that are not the default:\n {2}--data /);
    expect(stdout).toMatch(/^FAIL {5}guard .*\n(.*\n)*? +-> bring the guard back/m);
    expect(stdout).toMatch(/\n\d+ checks: \d+ ok, /);
  });
});
