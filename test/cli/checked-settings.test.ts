import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testSigner, vkeyOf } from "../tlog/signers.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

const LOG = vkeyOf(await testSigner("log.example", 1, 1));

/** Starts what must not start; nothing may have been made by then. */
async function refused(
  command: string,
  more: readonly string[],
  environment: Record<string, string>,
): Promise<string> {
  const data = join(temporaryDirectory(), "data");
  const argv = [command, "--listen", "127.0.0.1:0", "--data", data, ...more];
  const { code, stderr } = await callCli(argv, { environment });
  expect(code).toBe(2);
  expect(stderr).toContain("[CONFIG_INVALID]");
  expect(existsSync(`${data}.key`)).toBe(false);
  return stderr;
}

describe("a setting under the name that another one has in the environment", () => {
  it("is refused by serve, which would run without witnesses", async () => {
    const said = await refused("serve", [], { BRISTLECONE_POLICY: "/nowhere/policy" });
    expect(said).toContain("BRISTLECONE_POLICY");
    expect(said).toContain("BRISTLECONE_WITNESS_POLICY");
  });

  it("is refused in a configuration file too", async () => {
    const file = join(temporaryDirectory(), "settings.json");
    writeFileSync(file, JSON.stringify({ policy: "/nowhere/policy" }));
    expect(await refused("serve", ["--config", file], {})).toContain('"witnessPolicy"');
  });

  it("is refused by witness, which would know no log", async () => {
    const said = await refused("witness", [], { BRISTLECONE_LOG: "example.com/log+1+A" });
    expect(said).toContain("BRISTLECONE_WITNESSED_LOGS");
  });

  it("does no harm beside the right one", async () => {
    const environment = {
      BRISTLECONE_POLICY: "/for/clients",
      BRISTLECONE_WITNESS_POLICY: "/nowhere/witnesses",
    };
    const argv = ["serve", "--data", join(temporaryDirectory(), "data"), "--listen", "127.0.0.1:0"];
    expect((await callCli(argv, { environment })).stderr).toContain("/nowhere/witnesses");
  });
});

it("the help names the variable of a flag that is not called like its setting", async () => {
  const help = (await callCli(["serve", "--help"])).stdout + (await callCli(["witness", "--help"])).stdout;
  for (const name of ["WITNESS_POLICY", "WITNESSED_LOGS", "LOG_LISTS", "PEERS"]) {
    expect(help).toContain(`[BRISTLECONE_${name}]`);
  }
});

it.each([
  ["--quorum-mode", "best-effort"],
  ["--witness-timeout", "700"],
  ["--witness-refresh", "60000"],
  ["--allow-shared-parties"],
])("serve refuses %s without witnesses to ask", async (...words) => {
  expect(await refused("serve", words, {})).toContain(words[0]);
});

it.each([
  ["serve", "--local-witnesses", "-1"],
  ["serve", "--quorum-mode", "maybe"],
  ["witness", "--poll-interval", "0"],
  ["witness", "--peer", "https://peer.example/"],
  ["witness", "--peer", `${LOG} https://peer.example/`],
])("%s refuses %s %s before it makes a key", async (command, ...words) => {
  expect(await refused(command, words, {})).toContain(words[0]);
});

it("witness refuses a log that is no key before it makes its own, and names the flag", async () => {
  const data = join(temporaryDirectory(), "data");
  const argv = ["witness", "--listen", "127.0.0.1:0", "--data", data, "--log", "bogus"];
  const { code, stderr } = await callCli(argv);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--log: ")]);
  expect(existsSync(`${data}.key`)).toBe(false);
});
