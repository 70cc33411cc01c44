import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newLocalKey } from "../../src/cli/new-key.ts";
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
