import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import { some } from "../runs.ts";
import { callCli, type ServedHere, serveHere, temporaryDirectory } from "./harness.ts";

const running: ServedHere[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((log) => log.stop()));
});

async function serving(
  cwd: string,
  args: readonly string[] = ["--local-witnesses", "3"],
): Promise<ServedHere> {
  const log = await serveHere(cwd, args);
  running.push(log);
  return log;
}

async function stop(log: ServedHere): Promise<string> {
  running.splice(running.indexOf(log), 1);
  const { code, stderr } = await log.stop();
  expect(code).toBe(0);
  return stderr;
}

/** Adds a line, and verifies its receipt against the policy, offline. @returns what `verify` says. */
async function receiptOf(log: ServedHere, cwd: string, line: string): Promise<string> {
  const policy = join(cwd, "data.policy");
  const remote = ["--log", log.url, "--policy", policy, "--no-memory"];
  const receipts = join(cwd, `receipts-${line}`);
  const added = await callCli(["add", "--lines", "-", "--receipts", receipts, "--json", ...remote], {
    stdin: `${line}\n`,
  });
  expect(added).toMatchObject({ code: 0 });
  const file = join(cwd, `${line}.txt`);
  writeFileSync(file, line);
  const out = join(cwd, `${line}.tlog-proof`);
  expect(await callCli(["receipt", "--entry", file, "--out", out, ...remote])).toMatchObject({ code: 0 });
  const verified = await callCli(["verify", out, "--entry", file, "--policy", policy]);
  expect(verified).toMatchObject({ code: 0 });
  return verified.stdout;
}

function policyIn(cwd: string) {
  return parsePolicy(readFileSync(join(cwd, "data.policy")));
}

describe("serve --local-witnesses 3, at its first start", () => {
  const cwd = temporaryDirectory();
  let log: ServedHere;
  let verified: string;

  beforeAll(async () => {
    log = await serveHere(cwd, ["--local-witnesses", "3"]);
    verified = await receiptOf(log, cwd, "first");
  });
  afterAll(async () => {
    await log.stop();
  });

  it("gives a newcomer's first receipt the cosignatures of a policy it wrote, and says what they are worth", () => {
    expect(verified).toMatch(/cosigned by {2}w1[\s\S]*cosigned by {2}w2/);
    const { logs, witnesses, quorum, groups } = policyIn(cwd);
    expect(logs.map(({ url }) => url)).toEqual([log.url]);
    expect(witnesses.map(({ url }) => url)).toEqual([1, 2, 3].map((n) => `${log.url}/witness/w${n}`));
    expect(groups).toMatchObject([{ name: quorum, threshold: 2 }]);
    expect(readFileSync(join(cwd, "data.policy"), "utf8")).toContain("prove nothing to anybody");
    for (const name of ["w1", "w2", "w3"]) {
      expect(statSync(join(cwd, `data.witnesses/${name}.key`)).mode % 0o1000).toBe(0o600);
      expect(existsSync(join(cwd, `data.witnesses/${name}.guard`))).toBe(true);
    }
  });

  it("shows in /log.json the port that was bound, as in the policy file", async () => {
    const info: { policy: string; witnesses: { url: string }[] } = JSON.parse(
      await (await fetch(`${log.url}/log.json`)).text(),
    );
    const urls = [1, 2, 3].map((n) => `${log.url}/witness/w${n}`);
    expect(info.witnesses.map(({ url }) => url)).toEqual(urls);
    expect(parsePolicy(info.policy)).toEqual(policyIn(cwd));
  });

  it("serves each witness below /witness/, to others too", async () => {
    const prefix = `${log.url}/witness/w3`;
    const info: unknown = await (await fetch(`${prefix}/witness.json`)).json();
    expect(info).toMatchObject({ name: `${log.origin}/witness/w3`, logCount: 1 });
    // The quorum holds without the slowest, which is asked all the same.
    const shown = async () => await (await fetch(`${prefix}/${originHash(log.origin)}/checkpoint`)).text();
    await expect.poll(shown, { timeout: 10_000 }).toContain(`— ${log.origin}/witness/w3 `);
    const conflict = await fetch(`${prefix}/add-checkpoint`, { method: "POST", body: "nonsense" });
    expect(conflict.status).toBe(400);
    expect((await fetch(`${log.url}/witness/w4/witness.json`)).status).toBe(404);
  });
});

describe("serve --local-witnesses 3", () => {
  it("goes on with the same witnesses, on an existing log too", async () => {
    const cwd = temporaryDirectory();
    const before = await serving(cwd, []);
    await callCli(["add", "--lines", "-", "--log", before.url, "--no-memory"], { stdin: "old\n" });
    await stop(before);
    const first = await serving(cwd);
    expect(first).toMatchObject({ origin: before.origin, treeSize: 1 });
    await receiptOf(first, cwd, "one");
    const { witnesses } = policyIn(cwd);
    await stop(first);
    const second = await serving(cwd);
    await receiptOf(second, cwd, "two");
    expect(policyIn(cwd).witnesses.map(({ key }) => key)).toEqual(witnesses.map(({ key }) => key));
  });

  it("asks those of them that a policy of one's own names without the network, whatever their URLs are there", async () => {
    const cwd = temporaryDirectory();
    await stop(await serving(cwd));
    const text = readFileSync(join(cwd, "data.policy"), "utf8");
    const own = join(cwd, "own.policy");
    writeFileSync(
      own,
      text.replace(/^group .*$/m, "group local-witnesses all w1 w3").replace(/^witness w2.*\n/m, ""),
    );
    const log = await serving(cwd, ["--local-witnesses", "3", "--policy", own]);
    expect(await receiptOf(log, cwd, "one")).toMatch(/cosigned by {2}w1[\s\S]*cosigned by {2}w3/);
    const checkpoint = await (await fetch(`${log.url}/checkpoint`)).text();
    expect(checkpoint).not.toContain("/witness/w2 ");
  });

  it.each(
    // Each of them in CI.
    some([
      ["its directory is gone", (path: string) => rmSync(path, { recursive: true })],
      ["its key is gone", (path: string) => rmSync(`${path}.key`)],
      ["its guard is gone", (path: string) => rmSync(`${path}.guard`)],
      [
        "all of it is gone",
        (path: string) => {
          for (const end of ["", ".key", ".guard"]) rmSync(path + end, { recursive: true });
        },
      ],
    ]),
  )(
    "reports a lost witness when %s, keeps its place in the policy, and goes on with two",
    async (_why, lose) => {
      const cwd = temporaryDirectory();
      const first = await serving(cwd);
      await receiptOf(first, cwd, "one");
      const { witnesses } = policyIn(cwd);
      await stop(first);
      lose(join(cwd, "data.witnesses/w2"));
      const second = await serving(cwd);
      expect(await receiptOf(second, cwd, "two")).toMatch(/cosigned by {2}w1[\s\S]*cosigned by {2}w3/);
      expect(policyIn(cwd).witnesses.map(({ key }) => key)).toEqual(witnesses.map(({ key }) => key));
      const stderr = await stop(second);
      expect(stderr).toContain("WITNESS_LOST");
      expect(stderr).toContain("local witness w2");
      // No pattern: "w1*" would take w10 along.
      const place = join(cwd, "data.witnesses/w2");
      expect(stderr).toContain(
        `remove ${place}, ${place}.key, ${place}.guard and ${join(cwd, "data")}.policy`,
      );
    },
  );

  it("a witness restored from an older copy does not sign", async () => {
    const cwd = temporaryDirectory();
    const first = await serving(cwd);
    await stop(first);
    cpSync(join(cwd, "data.witnesses/w2"), join(cwd, "backup"), { recursive: true });
    const second = await serving(cwd);
    await receiptOf(second, cwd, "one");
    await stop(second);
    rmSync(join(cwd, "data.witnesses/w2"), { recursive: true });
    cpSync(join(cwd, "backup"), join(cwd, "data.witnesses/w2"), { recursive: true });
    const third = await serving(cwd);
    await receiptOf(third, cwd, "two");
    expect(await stop(third)).toContain("WITNESS_LOST");
  });

  it("does not take a policy it did not write for its own", async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, "data.policy"), "# mine\nquorum none\n");
    const { code, stderr } = await callCli([
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--data",
      join(cwd, "data"),
      "--local-witnesses",
      "3",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("data.policy");
    expect(readFileSync(join(cwd, "data.policy"), "utf8")).toBe("# mine\nquorum none\n");
  });
});
