import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAST, jsonLines, record } from "./conformance-servers.ts";
import { callCli, temporaryDirectory, type WitnessHere, witnessHere } from "./harness.ts";

describe("conformance witness", () => {
  const directory = temporaryDirectory();
  const keys = join(directory, "keys");
  let witness: WitnessHere;

  beforeAll(async () => {
    const { stdout } = await callCli(["conformance", "witness", "--keys", keys, "--print-logs", "--json"]);
    const { logs }: { readonly logs: readonly { readonly vkeys: readonly string[] }[] } = JSON.parse(stdout);
    const flags = logs.flatMap(({ vkeys }) => vkeys).flatMap((vkey) => ["--log", vkey]);
    const name = "witness.test/w";
    const key = join(directory, "ml-dsa.key");
    await callCli(["keygen", "--cosigner", "--type", "ml-dsa-44", "--origin", name, "--out", key]);
    witness = await witnessHere(directory, ["--name", name, "--ml-dsa-key", key, ...flags]);
  });
  afterAll(async () => {
    await witness.stop();
  });

  it("tests a witness with keys of one's own, and finds no MUST broken", async () => {
    const vkeys = witness.vkeys.flatMap((vkey) => ["--vkey", vkey]);
    const argv = ["conformance", "witness", witness.url, "--keys", keys, "--monitoring", witness.url];
    const { code, stdout, stderr } = await callCli([...argv, ...vkeys, ...FAST]);
    expect(stdout).toMatch(/^c2sp\.org\/tlog-witness § add-checkpoint$/m);
    expect(stdout.match(/^pass /gm)?.length).toBeGreaterThan(100);
    expect({ code, failed: /.*CONFORMANCE_FAILED.*/.exec(stderr)?.[0] }).toEqual({ code: 0 });
  });

  it("does not hold it against a witness that it went away in the middle", async () => {
    const server = await record(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = "GET", url } = request;
      const body = method === "POST" ? { body: Buffer.concat(chunks) } : {};
      const answer = await fetch(witness.url + url, { method, ...body });
      const type = answer.headers.get("content-type") ?? "";
      response.writeHead(answer.status, { "content-type": type, connection: "close" });
      response.end(Buffer.from(await answer.arrayBuffer()));
      if (server.seen.length === 30) server.refuse();
    });
    const argv = ["conformance", "witness", server.url, "--keys", keys, "--json", ...FAST];
    const { code, stdout, stderr } = await callCli(argv);
    const lines = jsonLines(stdout);
    expect(lines.at(-1)?.summary).toMatchObject({ fail: 0, cases: lines.length - 1 });
    expect(lines.filter(({ verdict }) => verdict === "pass").length).toBeGreaterThan(10);
    const gone = lines.filter(({ note }) => note?.startsWith("the server stopped answering"));
    expect(gone.length).toBeGreaterThan(0);
    expect(stderr).toContain("PROBE_EXHAUSTED");
    expect(code).toBe(3);
  });

  it("keeps the keys it makes to their owner, and uses them again", async () => {
    const before = await callCli(["conformance", "witness", "--keys", keys, "--print-logs"]);
    expect(before.stdout).toMatch(/^conformance\.example\/main\/[0-9a-f]{8}\+/);
    expect((await callCli(["conformance", "witness", "--keys", keys, "--print-logs"])).stdout).toBe(
      before.stdout,
    );
    for (const name of readdirSync(keys)) expect(statSync(join(keys, name)).mode % 0o1000).toBe(0o600);
    const other = join(directory, "other");
    mkdirSync(other);
    const others = await callCli(["conformance", "witness", "--keys", other, "--print-logs"]);
    expect(others.stdout).not.toBe(before.stdout);
  });

  it("prints the logs as a list and as JSON that is YAML", async () => {
    const list = await callCli(["conformance", "witness", "--print-logs", "list"]);
    expect(list.stdout).toMatch(/^logs\/v0\n\nvkey conformance\.example\/main\+\S+\nqpd \d+\ncontact .+\n/);
    const printed = await callCli(["conformance", "witness", "--print-logs", "yaml"]);
    const { Logs }: { readonly Logs: readonly { readonly Origin: string }[] } = JSON.parse(printed.stdout);
    expect(Logs[0]).toMatchObject({ Origin: "conformance.example/main", Feeder: "none" });
    // Programs that read it take no log twice: the other key of a log is told beside.
    const origins = Logs.map(({ Origin }) => Origin);
    expect(origins).toContain("conformance.example/two-keys");
    expect(new Set(origins).size).toBe(origins.length);
    expect(printed.stderr).toMatch(
      /conformance\.example\/two-keys also signs with conformance\.example\/two-keys\+/,
    );
    expect((await callCli(["conformance", "witness", "--print-logs", "xml"])).code).toBe(2);
  });

  it("does not test another machine's witness with published keys unless it is told to", async () => {
    const { code, stderr } = await callCli(["conformance", "witness", "http://witness.invalid/"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--published-keys");
  });

  it("speaks only of its own logs, in small bodies, within its limits", async () => {
    const server = await record((request, response) => {
      request.on("end", () => response.writeHead(404).end()).resume();
    });
    const { url, seen } = server;
    const argv = ["conformance", "witness", url, "--monitoring", url, "--keys", keys, ...FAST];
    const { code, stderr } = await callCli(argv);
    server.close();
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: expect.stringMatching(/because: the witness .*the log .*\[INCOMPLETE\]/),
    });
    expect(seen.length).toBeLessThan(250);
    expect(Math.max(...seen.map(({ body }) => body.length))).toBeLessThanOrEqual(1_048_576);
    const origins = seen.flatMap(({ body }) =>
      [...body.matchAll(/\n\n(\S+)\n\d+\n/g)].map((match) => match[1]),
    );
    expect(origins.length).toBeGreaterThan(0);
    for (const origin of origins) expect(origin).toMatch(/^conformance\.example\//);
  });

  it.each([
    ["no URL", []],
    [
      "a log's key",
      [
        "http://127.0.0.1:1",
        "--vkey",
        "example.com/nowhere+8ab5d197+AVTniuOZe6EnlppkPzPT2qlFshA0ZOeWGcKChik/t8wB",
      ],
    ],
  ])("refuses %s", async (_what, args) => {
    expect((await callCli(["conformance", "witness", ...args])).code).toBe(2);
  });
});
