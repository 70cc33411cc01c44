import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSigningKeyFile, writeSigningKeyFile } from "../../src/keys/key-file.ts";
import { expectCodeAsync } from "../expect-code.ts";

const KEY_TEXT = "PRIVATE+KEY+example.com/log+00000000+AAAA";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "key-"));
  path = join(folder, "log.key");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("signing key files", () => {
  it("are written with mode 0600 and read back", async () => {
    await writeSigningKeyFile(path, KEY_TEXT);
    expect((await stat(path)).mode % 0o1000).toBe(0o600);
    expect(await readFile(path, "utf8")).toBe(`${KEY_TEXT}\n`);
    expect(await readSigningKeyFile(path)).toBe(KEY_TEXT);
  });

  it("are never overwritten", async () => {
    await writeSigningKeyFile(path, KEY_TEXT);
    await expectCodeAsync(writeSigningKeyFile(path, "another"), "KEY_FILE_EXISTS");
    expect(await readSigningKeyFile(path)).toBe(KEY_TEXT);
  });

  it.each([0o640, 0o604, 0o644, 0o610, 0o660])(
    "are refused when others have access (mode %o)",
    async (mode) => {
      await writeSigningKeyFile(path, KEY_TEXT);
      await chmod(path, mode);
      const error = await expectCodeAsync(readSigningKeyFile(path), "KEY_FILE_EXPOSED");
      expect(error.message).toContain("0600");
      expect(error.message).not.toContain(KEY_TEXT);
    },
  );

  it("are accepted when not even the owner may write", async () => {
    await writeSigningKeyFile(path, KEY_TEXT);
    await chmod(path, 0o400);
    expect(await readSigningKeyFile(path)).toBe(KEY_TEXT);
  });

  it.each([
    ["nothing", ""],
    ["several lines", `${KEY_TEXT}\n${KEY_TEXT}\n`],
    ["far too much", "x".repeat(20_000)],
  ])("are refused when they hold %s", async (_name, text) => {
    await writeFile(path, text, { mode: 0o600 });
    await expectCodeAsync(readSigningKeyFile(path), "KEY_FILE_MALFORMED");
  });

  it("are refused when they are not text, or no file", async () => {
    await writeFile(path, Uint8Array.of(0xff, 0xfe), { mode: 0o600 });
    await expectCodeAsync(readSigningKeyFile(path), "KEY_FILE_MALFORMED");
    await chmod(folder, 0o700);
    await expectCodeAsync(readSigningKeyFile(folder), "KEY_FILE_MALFORMED");
  });

  it("say so when they cannot be made", async () => {
    await expectCodeAsync(
      writeSigningKeyFile(join(folder, "absent", "log.key"), KEY_TEXT),
      "FILE_UNWRITABLE",
    );
  });

  it("are reported missing by name", async () => {
    const error = await expectCodeAsync(readSigningKeyFile(path), "KEY_FILE_MISSING");
    expect(error.message).toContain(path);
  });
});
