import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeHex } from "../../src/tlog/encoding.ts";
import { ORIGIN } from "../log/harness.ts";
import {
  type Breakage,
  ENTRY_AND_ITS_HASH,
  ENTRY_BYTE,
  PARTIAL_TILE_BYTE,
  SIGNATURE_BYTE,
  TILE_BYTE,
} from "./breaking-proxy.ts";
import { lacks, programPath, run, runWell } from "./programs.ts";
import { READ_SIZE, type ReaderLog, startReaderLog } from "./reader-log.ts";

/** Around every edge of tiles and levels. */
const SIZES = [0, 1, 2, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537, READ_SIZE];

const BREAKAGES: readonly (readonly [string, readonly Breakage[], string])[] = [
  ["one bit of a full tile", [TILE_BYTE], "failed: tile/0/003: log has:"],
  ["one bit of a partial tile", [PARTIAL_TILE_BYTE], "failed: tile/0/273.p/112: log has:"],
  ["one bit of an entry", [ENTRY_BYTE], "failed: tile/0/007: log has:"],
  ["one bit of an entry, and its hash to match,", ENTRY_AND_ITS_HASH, "failed: tile/1/000: log has:"],
  ["one letter of the signature", [SIGNATURE_BYTE], `invalid signature for key ${ORIGIN}+`],
];

const skipped = lacks("fsck");
const isWithoutMirror = lacks("fsck", "mirror-posix");

let folder: string;
let log: ReaderLog;

beforeAll(async () => {
  if (skipped) return;
  folder = await mkdtemp(join(tmpdir(), "bristlecone-fsck-"));
  log = await startReaderLog(0);
  await writeFile(join(folder, "log.pub"), log.vkey);
});

afterAll(async () => {
  if (skipped) return;
  await log.stop();
  await rm(folder, { recursive: true });
});

/** What fsck says of the log at the URL. v1.0.4 ends with 0 whatever it finds: only its words tell. */
async function fsck(url: string): Promise<string> {
  const flags = [`--storage_url=${url}/`, `--public_key=${join(folder, "log.pub")}`, "--N=4", "--ui=false"];
  return (await run(programPath("fsck"), flags)).stderr;
}

/** What fsck says of the log when it is whole. */
function success(): string {
  const { treeSize, rootHash } = log.log.published();
  const root = Buffer.from(rootHash).toString("base64");
  return `Successfully fsck'd log with size ${treeSize} and root ${root} (${encodeHex(rootHash)})\n`;
}

describe.skipIf(skipped)("Tessera's fsck", () => {
  it.each(SIZES)("finds the log whole at size %i", async (size) => {
    await log.growTo(size);
    expect(log.log.published().treeSize).toBe(size);
    const said = await fsck(log.url);
    expect(said).toContain(success());
    expect(said).not.toContain("fsck failed");
  });

  it.each(BREAKAGES)("notices %s changed", async (_what, breakages, says) => {
    log.proxy.breakFromNow(...breakages);
    const said = await fsck(log.proxy.url);
    expect(log.proxy.changed()).toBeGreaterThan(0);
    expect(said).toMatch(/fsck failed: /);
    expect(said).toContain(says);
    expect(said).not.toContain("Successfully");
  });

  it("notices the root changed, signed by the log", async () => {
    log.proxy.breakFromNow(await log.lie());
    const root = encodeHex(log.log.published().rootHash);
    const says = `fsck failed: calculated root ${root}, but checkpoint claims 0707`;
    expect(await fsck(log.proxy.url)).toContain(says);
  });
});

describe.skipIf(isWithoutMirror)("Tessera's mirror", () => {
  /** Copies the log from its checkpoint, tiles and bundles alone. */
  async function mirror(url: string, name: string): Promise<string> {
    const clone = join(folder, name);
    await runWell(programPath("mirror-posix"), [`--source_url=${url}/`, `--storage_dir=${clone}`]);
    return clone;
  }

  async function turnLastBit(file: string): Promise<void> {
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(file, bytes);
  }

  it("clones the log, and fsck finds the clone whole", async () => {
    const clone = await mirror(log.url, "clone");
    expect(await fsck(`file://${clone}`)).toContain(success());
    expect(await readFile(join(clone, "checkpoint"))).toEqual(Buffer.from(log.log.published().checkpoint));
  });

  it("brings the clone up to date once the log has grown", async () => {
    await log.growTo(READ_SIZE + 1_000);
    const clone = await mirror(log.url, "clone");
    const said = await fsck(`file://${clone}`);
    expect(said).toContain(`size ${READ_SIZE + 1_000} `);
    expect(said).toContain(success());
  });

  it.each([
    ["tile/0/003", "failed: tile/0/003: log has:"],
    ["tile/1/001.p/21", "failed: tile/1/001.p/21: log has:"],
    ["tile/entries/007", "failed: tile/0/007: log has:"],
  ])("fsck notices the last bit of %s turned in the clone", async (file, says) => {
    const clone = await mirror(log.url, "clone");
    await turnLastBit(join(clone, file));
    expect(await fsck(`file://${clone}`)).toContain(`fsck failed: ${says}`);
    await turnLastBit(join(clone, file));
    expect(await fsck(`file://${clone}`)).toContain(success());
  });

  it("takes what it is given, and fsck notices in the clone what was changed on the way", async () => {
    log.proxy.breakFromNow(TILE_BYTE);
    const clone = await mirror(log.proxy.url, "changed");
    expect(log.proxy.changed()).toBe(1);
    expect(await fsck(`file://${clone}`)).toContain("fsck failed: failed: tile/0/003: log has:");
  });
});
