import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { readAheadKib } from "../../src/node/read-ahead.ts";

describe.skipIf(process.platform !== "linux")("how far the kernel reads ahead", () => {
  it("is what the disk of a directory says, or unknown where no single disk is behind it", async () => {
    const [major, minor] = execFileSync("stat", ["-c", "%Hd:%Ld", tmpdir()], { encoding: "latin1" })
      .trim()
      .split(":");
    const device = `/sys/dev/block/${major}:${minor}`;
    const file = [`${device}/queue`, `${device}/../queue`]
      .map((queue) => `${queue}/read_ahead_kb`)
      .find(existsSync);
    const wanted = file === undefined ? undefined : Number.parseInt(readFileSync(file, "latin1"), 10);
    expect(await readAheadKib(tmpdir())).toBe(wanted);
  });

  it("is unknown for what lies in memory", async () => {
    expect(await readAheadKib("/proc")).toBeUndefined();
    expect(await readAheadKib("/proc/no-such-file")).toBeUndefined();
  });
});
