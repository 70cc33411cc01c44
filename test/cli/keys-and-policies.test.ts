import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newLocalKey } from "../../src/cli/new-key.ts";
import { openCosignerKey } from "../../src/tlog/cosigner.ts";
import { openSigner, parseVerifierKey } from "../../src/tlog/key.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

const directory = temporaryDirectory();

async function keyOf(origin: string, name: string, extra: string[] = []): Promise<string> {
  const argv = ["keygen", "--origin", origin, "--out", join(directory, name), "--json", ...extra];
  return JSON.parse((await callCli(argv)).stdout).vkey;
}

describe("keygen", () => {
  it.each(["ed25519", "ml-dsa-44"])(
    "makes an %s key whose file only its owner reads, and prints its verifier key",
    async (type) => {
      const path = join(directory, `${type}.key`);
      const { code, stdout } = await callCli([
        "keygen",
        "--origin",
        "example.com/log",
        "--out",
        path,
        "--type",
        type,
      ]);
      expect(code).toBe(0);
      const { verifierKey } = await openSigner(readFileSync(path, "utf8").trim());
      expect(parseVerifierKey(stdout.trim())).toEqual(verifierKey);
      expect(statSync(path).mode % 0o1000).toBe(0o600);
    },
  );

  it.each([
    ["ed25519", 4],
    ["ml-dsa-44", 6],
  ])("makes an %s key that a witness takes for its own", async (type, wanted) => {
    const vkey = await keyOf("w.example", `cosigner-${type}.key`, ["--cosigner", "--type", type]);
    expect(parseVerifierKey(vkey)).toMatchObject({ name: "w.example", type: wanted });
    const text = readFileSync(join(directory, `cosigner-${type}.key`), "utf8").trim();
    expect((await openCosignerKey(text)).verifierKey).toEqual(parseVerifierKey(vkey));
  });

  it("never overwrites a key", async () => {
    await keyOf("example.com/log", "kept.key");
    const before = readFileSync(join(directory, "kept.key"));
    const { code, stderr } = await callCli(["keygen", "--origin", "x", "--out", join(directory, "kept.key")]);
    expect({ code, coded: stderr.includes("[KEY_FILE_EXISTS]") }).toEqual({ code: 2, coded: true });
    expect(readFileSync(join(directory, "kept.key"))).toEqual(before);
  });
});

it("names a local log after its own key", async () => {
  const { vkey } = await newLocalKey();
  expect(parseVerifierKey(vkey).name).toMatch(/^localhost\/[0-9a-f]{8}$/);
  expect((await newLocalKey()).vkey).not.toBe(vkey);
});

describe("policy check", () => {
  it("says in words what a policy demands", async () => {
    const path = join(directory, "policy.txt");
    const log = await keyOf("example.com/log", "log.key");
    const witness = await keyOf("w.example", "w.key", ["--type", "ml-dsa-44"]);
    writeFileSync(path, `log ${log}\nwitness w ${witness}\ngroup g any w\nquorum g\n`);
    const { code, stdout } = await callCli(["policy", "check", path]);
    expect(code).toBe(0);
    expect(stdout).toContain(`log      example.com/log  ${log}\n`);
    expect(stdout).toContain("group    g: one of w\ndemands  signed by the log and cosigned as g says\n");
    const json = JSON.parse((await callCli(["policy", "check", path, "--json"])).stdout);
    expect(json).toMatchObject({ valid: true, quorum: "g", witnesses: [{ name: "w", vkey: witness }] });
  });

  it("says how few parties break it, and how to count each once", async () => {
    const [a1, a2, b] = await Promise.all(
      [
        ["a.example", "a1.key"],
        ["a.example", "a2.key"],
        ["b.example", "b.key"],
      ].map(([name = "", file = ""]) => keyOf(name, file, ["--type", "ml-dsa-44"])),
    );
    const path = join(directory, "twice.txt");
    const witnesses = `witness a1 ${a1}\nwitness a2 ${a2} https://a.example/\nwitness b ${b} https://b.example/\n`;
    writeFileSync(path, `${witnesses}group g 2 a1 a2 b\nquorum g\n`);
    const { code, stdout } = await callCli(["policy", "check", path]);
    expect(code).toBe(0);
    const a = "a.example (a1, a2)";
    expect(stdout.slice(stdout.indexOf("split"))).toBe(
      [
        `split    1 of 2 parties must collude with the log to show two people two different heads: for example ${a}`,
        `outage   1 of 2 parties down stops publication: for example ${a}`,
        "",
        "warning  a1, a2 are keys of one party, a.example, and count as 2",
        "  group a.example any a1 a2",
        "  group g 2 a.example b",
        "",
        "warning  b: outvoted: with or without them the quorum is the same, because a party counts twice",
        "  count each party once",
        "",
        "note     a1: without a URL: fine for who verifies, but a log cannot ask them",
        "  witness <name> <vkey> <url>",
        "",
      ].join("\n"),
    );
    const json = JSON.parse((await callCli(["policy", "check", path, "--json"])).stdout);
    expect(json).toMatchObject({
      collusion: { count: 1, isExact: true, parties: [{ name: "a.example", witnesses: ["a1", "a2"] }] },
      outage: { count: 1 },
      findings: [{ code: "PARTY_COUNTED_TWICE" }, {}, { code: "WITNESS_WITHOUT_URL", names: ["a1"] }],
    });
  });

  it("says that nobody needs to collude where no witness is asked for", async () => {
    const { stdout } = await callCli(["policy", "check", "-"], { stdin: "quorum none\n" });
    expect(stdout).toContain("split    the log alone can show two people two different heads");
    expect(stdout).toContain("outage   no witness that is down stops publication\n");
  });

  it("names the file and the line of a mistake", async () => {
    const path = join(directory, "bad.txt");
    writeFileSync(path, "quorum none\nquorum none\n");
    const { code, stderr } = await callCli(["policy", "check", path]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path}: line 2: a second quorum line`);
  });

  it("warns of a policy that nothing can meet", async () => {
    const { code, stderr } = await callCli(["policy", "check", "-"], { stdin: "quorum none\n" });
    expect(code).toBe(0);
    expect(stderr).toContain("names no log");
  });
});
