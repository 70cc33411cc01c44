import { truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Result, spawnCli } from "../cli/harness.ts";
import { copyOf, makeLog } from "./store-log.ts";

/** More of it, for each of which processes start: `test/flips/command.test.ts`. */
describe("fsck", () => {
  let sound = "";
  beforeAll(async () => {
    sound = await makeLog(600);
  });

  const fsck = (...args: string[]): Promise<Result> => spawnCli(["fsck", ...args], { cwd: dirname(sound) });

  it("survives a file whose reading ends processes", async () => {
    const copy = copyOf(sound);
    truncateSync(join(copy, "data.mdb"), 3 * 4096);
    const { code, stdout } = await fsck(copy, "--processes", "1");
    expect(code).toBe(1);
    expect(stdout).toMatch(/data\.mdb\n {2}it ends at byte 12288, /);
    expect(stdout).toMatch(/whoever reads it is ended \(SIG[A-Z]+\)/);
  });
});
