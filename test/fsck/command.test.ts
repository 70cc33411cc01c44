import { truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { type Result, spawnCli } from "../cli/harness.ts";
import { testSigner } from "../log/harness.ts";
import { copyOf, makeLog } from "./store-log.ts";

/** More of it, for each of which processes start: `test/flips/command.test.ts`. */
describe("fsck", () => {
  let sound = "";
  let vkey = "";
  beforeAll(async () => {
    sound = await makeLog(600);
    vkey = formatVerifierKey((await testSigner()).verifierKey);
  });

  const fsck = (...args: string[]): Promise<Result> => spawnCli(["fsck", ...args], { cwd: dirname(sound) });

  it("says of a sound log what was checked, and on what trust", async () => {
    const { code, stdout, stderr } = await fsck(sound, "--vkey", vkey, "--processes", "1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^SOUND {4}the data directory /);
    expect(stdout).toContain("600 entries");
    expect(stdout).toContain(`compared   with the guard ${sound}.guard, of size 600`);
    expect(stdout).toContain(`trusting the log's key ${vkey}`);
  });

  it("survives a file whose reading ends processes", async () => {
    const copy = copyOf(sound);
    truncateSync(join(copy, "data.mdb"), 3 * 4096);
    const { code, stdout } = await fsck(copy, "--processes", "1");
    expect(code).toBe(1);
    expect(stdout).toMatch(/data\.mdb\n {2}it ends at byte 12288, /);
    expect(stdout).toMatch(/whoever reads it is ended \(SIG[A-Z]+\)/);
  });
});
