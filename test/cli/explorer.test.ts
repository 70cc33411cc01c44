import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { explorerFolder } from "../../src/node/explorer-files.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

const directory = temporaryDirectory();

// In a clone that was not built there is nothing to write.
describe.skipIf(!existsSync(explorerFolder()))("explorer", () => {
  it("writes a page that knows its log and its policy", async () => {
    const policy = join(directory, "policy");
    const keygen = ["keygen", "--origin", "log.example/a", "--out", join(directory, "key"), "--json"];
    const { vkey } = JSON.parse((await callCli(keygen)).stdout);
    const text = `log ${vkey}\nquorum none\n`;
    writeFileSync(policy, text);
    const page = join(directory, "page");
    const args = ["explorer", page, "--log", "https://log.example/a/", "--policy", policy];
    const { code, stdout } = await callCli(args);
    expect([code, stdout]).toEqual([0, expect.stringContaining("https://log.example/a/")]);
    expect(readFileSync(join(page, "index.html"), "utf8")).toContain('data-log="https://log.example/a/"');
    writeFileSync(policy, "quorum none\n");
    expect((await callCli(args)).code).toBe(2);
    expect(readFileSync(join(page, "explorer/policy.txt"), "utf8")).toBe(text);
  });
});

it("explorer wants to be told whom to believe", async () => {
  const { code, stderr } = await callCli(["explorer", join(directory, "none")]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("USAGE")]);
});
