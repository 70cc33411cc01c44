import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RECORD_VARIABLE } from "./program-record.ts";

const INSTALL = join(import.meta.dirname, "install.sh");
/** Writes its programs in two halves, and the second one of fsck only when it is told. */
const GO = `#!/bin/sh
printf 'go %s\\n' "$*" >> "$FAKES/asked"
case "$*" in *" -o "*) ;; *) exit 0 ;; esac
while [ "$1" != -o ]; do shift; done
printf half > "$2"
case "$2" in */fsck) [ -e "$FAKES/go-on" ] || sleep 60 ;; esac
printf ' whole' >> "$2"
`;

let folder: string;
let bin: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "install-"));
  bin = join(folder, "bin");
  const fakes = join(folder, "fakes");
  await mkdir(fakes);
  await writeFile(join(fakes, "go"), GO, { mode: 0o755 });
  for (const name of ["cargo", "python3", "python3.12", "python3.13", "python3.14"]) {
    await writeFile(join(fakes, name), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

function install(): ChildProcessByStdio<null, Readable, null> {
  const fakes = join(folder, "fakes");
  const env = {
    PATH: `${fakes}:${process.env.PATH}`,
    FAKES: fakes,
    HOME: folder,
    TMPDIR: folder,
    BRISTLECONE_INTEROP_BIN: bin,
  };
  return spawn("bash", [INSTALL], { env, stdio: ["ignore", "pipe", "ignore"] });
}

async function asked(): Promise<string> {
  return await readFile(join(folder, "fakes/asked"), "utf8").catch(() => "");
}

describe("installing other people's programs", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "ends at %s in the middle of a program, leaves nothing half done, and goes on the next time",
    async (signal) => {
      const first = install();
      await vi.waitFor(async () => expect(await asked()).toContain("/fsck "), { timeout: 30_000 });
      first.kill(signal);
      const [code] = await once(first, "exit");
      expect(code).toBe(signal === "SIGINT" ? 130 : 143);
      expect((await readdir(bin)).sort()).toEqual(["litewitness", "litewitness.version"]);
      const until = (await asked()).length;
      await writeFile(join(folder, "fakes/go-on"), "");
      const second = install();
      expect(await text(second.stdout)).toContain(
        "not installed, their tests skip: rust-reader; rust-sigsum; python",
      );
      expect(await readFile(join(bin, "fsck"), "utf8")).toBe("half whole");
      expect(await readFile(join(bin, "fsck.version"), "utf8")).toBe("v1.0.4\n");
      expect((await asked()).slice(until)).not.toContain("cmd/litewitness");
    },
  );

  it("counts a program without its version as missing, also where a command of the machine has its name", async () => {
    await mkdir(bin);
    await writeFile(join(bin, "fsck"), "half", { mode: 0o755 });
    vi.stubEnv("BRISTLECONE_INTEROP_BIN", bin);
    vi.stubEnv(RECORD_VARIABLE, undefined);
    const { lacks } = await import("./programs.ts");
    expect(lacks("fsck")).toBe(true);
    await writeFile(join(bin, "fsck.version"), "v1.0.4\n");
    expect(lacks("fsck")).toBe(false);
  });
});
