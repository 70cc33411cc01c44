import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  changeOperatorFile,
  LISTED_FILE,
  OPERATOR_FILE,
  openRosterFile,
  type RosterFileOptions,
  readRosterFiles,
} from "../../src/node/roster-file.ts";
import { keyIdOf } from "../../src/tlog/key.ts";
import type { RosterEntry } from "../../src/witness/roster.ts";
import { formatRosterText } from "../../src/witness/roster-text.ts";
import { expectCodeAsync } from "../expect-code.ts";

const WITNESS = "witness.example/w1";
const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "bristlecone-roster-"));
  directories.push(directory);
  return directory;
}

function entryOf(origin: string, number = 1): RosterEntry {
  const publicKey = new Uint8Array(32).fill(number);
  const key = { name: origin, type: 1 as const, publicKey };
  const logKeys = [{ ...key, keyId: keyIdOf(key) }];
  return { origin, logKeys, urls: [], queriesPerDay: undefined, isDisabled: false };
}

function write(directory: string, entries: readonly RosterEntry[]): void {
  writeFileSync(join(directory, OPERATOR_FILE), formatRosterText(entries));
}

async function opened(directory: string, more: Partial<RosterFileOptions> = {}) {
  const codes: string[] = [];
  const waits: (() => void)[] = [];
  const file = await openRosterFile({
    directory,
    owner: { name: WITNESS },
    settings: [],
    events: { warning: ({ code }) => codes.push(code) },
    sleep: (_ms, signal) =>
      new Promise((wake) => {
        waits.push(wake);
        signal.addEventListener("abort", () => wake());
      }),
    ...more,
  });
  const origins = () => file.roster.logs().map(({ origin }) => origin);
  return { file, codes, origins, waits };
}

describe("openRosterFile", () => {
  it("starts with what the files hold, or with nothing", async () => {
    const directory = temporary();
    const empty = await opened(join(directory, "not-there"), { settings: [entryOf("s")] });
    expect(empty.origins()).toEqual(["s"]);
    await empty.file.close();
    write(directory, [entryOf("a")]);
    writeFileSync(join(directory, LISTED_FILE), formatRosterText([entryOf("l")]));
    const both = await opened(directory);
    expect(both.origins()).toEqual(["a", "l"]);
    await both.file.close();
  });

  it.each([
    ["malformed", "{", "ROSTER_INVALID"],
    ["a log named as the witness is", formatRosterText([entryOf(WITNESS)]), "ROSTER_INVALID"],
    ["not UTF-8", Uint8Array.of(0xff), "ROSTER_INVALID"],
  ] as const)("refuses to start with a file that is %s", async (_name, content, code) => {
    const directory = temporary();
    writeFileSync(join(directory, OPERATOR_FILE), content);
    await expectCodeAsync(opened(directory), code);
  });

  it("follows the file while it runs", async () => {
    const directory = temporary();
    const { file, origins, codes, waits } = await opened(directory);
    write(directory, [entryOf("a")]);
    expect(origins()).toEqual([]);
    waits.shift()?.();
    await expect.poll(origins, { interval: 5 }).toEqual(["a"]);
    write(directory, [entryOf("a"), entryOf("b")]);
    await file.look();
    expect(origins()).toEqual(["a", "b"]);
    expect(codes).toEqual([]);
    await file.close();
  });

  it.each([
    ["is malformed", (path: string) => writeFileSync(path, "{"), "ROSTER_INVALID"],
    ["is gone", (path: string) => rmSync(path), "ROSTER_INVALID"],
    [
      "names the witness",
      (path: string) => writeFileSync(path, formatRosterText([entryOf(WITNESS)])),
      "ROSTER_INVALID",
    ],
    [
      "is a directory",
      (path: string) => {
        rmSync(path);
        mkdirSync(path);
      },
      "FILE_UNREADABLE",
    ],
  ])("keeps the last good logs when the file %s, and warns once", async (_name, spoil, code) => {
    const directory = temporary();
    write(directory, [entryOf("a")]);
    const { file, origins, codes } = await opened(directory);
    spoil(join(directory, OPERATOR_FILE));
    await file.look();
    await file.look();
    expect({ origins: origins(), codes }).toEqual({ origins: ["a"], codes: [code] });
    rmSync(join(directory, OPERATOR_FILE), { recursive: true, force: true });
    write(directory, [entryOf("b")]);
    await file.look();
    expect(origins()).toEqual(["b"]);
    await file.close();
  });

  it("keeps what lists bring in a file of its own, so that a restart has it", async () => {
    const directory = temporary();
    write(directory, [entryOf("a")]);
    const { file } = await opened(directory);
    await Promise.all([file.addListed([entryOf("l1")]), file.addListed([entryOf("l2")])]);
    await file.close();
    const again = await opened(directory);
    expect(again.origins()).toEqual(["a", "l1", "l2"]);
    expect((await readRosterFiles(directory)).operator).toEqual([entryOf("a")]);
    await again.file.close();
  });

  it("does not keep what the witness cannot have, nor what it cannot write", async () => {
    const directory = temporary();
    const { file, origins } = await opened(directory);
    await expectCodeAsync(file.addListed([entryOf(WITNESS)]), "ROSTER_INVALID");
    mkdirSync(join(directory, LISTED_FILE));
    await expectCodeAsync(file.addListed([entryOf("l")]), "FILE_UNWRITABLE");
    expect(origins()).toEqual([]);
    await file.close();
  });
});

describe("changeOperatorFile", () => {
  it("makes the directory and the file, and leaves nothing else", async () => {
    const directory = join(temporary(), "new");
    await changeOperatorFile(directory, (entries) => [...entries, entryOf("a")]);
    expect(readdirSync(directory)).toEqual([OPERATOR_FILE]);
    expect(readFileSync(join(directory, OPERATOR_FILE), "utf8")).toBe(formatRosterText([entryOf("a")]));
  });

  it("loses no change of commands that run at once", async () => {
    const directory = temporary();
    const names = Array.from({ length: 8 }, (_, number) => `log${number}`);
    await Promise.all(
      names.map((name) => changeOperatorFile(directory, (entries) => [...entries, entryOf(name)])),
    );
    const { operator } = await readRosterFiles(directory);
    expect(operator.map(({ origin }) => origin).sort()).toEqual(names);
  });

  it("changes nothing when the change is refused", async () => {
    const directory = temporary();
    write(directory, [entryOf("a")]);
    const refused = changeOperatorFile(directory, () => {
      throw new RangeError("no");
    });
    await expect(refused).rejects.toThrow(RangeError);
    expect(readdirSync(directory)).toEqual([OPERATOR_FILE]);
  });
});
