import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatTokenLine, parseTokenFile } from "../../src/cli/token-file.ts";
import { MAX_WRITE_TOKENS } from "../../src/http/write-tokens.ts";
import { expectCode } from "../expect-code.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

const A = "0a".repeat(32);
const B = "0b".repeat(32);

function parse(text: string) {
  return parseTokenFile(new TextEncoder().encode(text), "tokens.txt");
}

describe("a file of tokens", () => {
  test("has a hash a line, then a name, then limits in any order", () => {
    const text = [
      "# who may write",
      `${A} build-server entries-per-second=100 max-entry-bytes=4096 # since May`,
      "",
      `\t${B}\texpires=2027-01-31  bytes-per-second=1000000\r`,
      "",
    ].join("\n");
    expect(parse(text)).toEqual([
      { hash: A, name: "build-server", entriesPerSecond: 100, maxEntryBytes: 4096 },
      { hash: B, expiresAtSeconds: Date.UTC(2027, 0, 31) / 1000, bytesPerSecond: 1_000_000 },
    ]);
  });

  test("that is empty is a list of nobody", () => {
    for (const text of ["", "\n", "# nobody\n"]) expect(parse(text)).toEqual([]);
  });

  test.each([
    ["no hash", "build"],
    ["a token in place of its hash", "bristlecone_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
    ["a hash in capitals", A.toUpperCase()],
    ["two names", `${A} one two`],
    ["a name after a limit", `${A} max-entry-bytes=1 one`],
    ["a name that is none", `${A} ü`],
    ["an unknown limit", `${A} entries=1`],
    ["a limit twice", `${A} max-entry-bytes=1 max-entry-bytes=2`],
    ["a limit of nothing", `${A} max-entry-bytes=0`],
    ["a limit that is no number", `${A} entries-per-second=1e3`],
    ["a limit with two values", `${A} entries-per-second=1=2`],
    ["a day that is none", `${A} expires=2027-02-30`],
    ["a time of day", `${A} expires=2027-02-03T00:00:00Z`],
    ["one hash twice", `${A}\n${A} again`],
    ["one name twice", `${A} one\n${B} one`],
    ["the name of an object's own", `${A} __proto__=1`],
  ])("with %s is refused, and the line is named", (_name, text) => {
    const error = expectCode(() => parse(`# first\n${text}\n`), "CONFIG_INVALID");
    expect(error.message).toMatch(/tokens\.txt, line [23]:/);
    expect(error.message).not.toContain("bristlecone_");
  });

  test("that was cut off within a line is refused", () => {
    const line = `${A} night-job entries-per-second=100 expires=2020-01-31\n`;
    for (let end = 1; end < line.length; end++) expectCode(() => parse(line.slice(0, end)), "CONFIG_INVALID");
    expect(parse(`${line}# cut`)).toHaveLength(1);
  });

  test("with more than can be compared in time is refused", () => {
    const lines = Array.from({ length: MAX_WRITE_TOKENS + 1 }, (_, at) => at.toString(16).padStart(64, "0"));
    expectCode(() => parse(`${lines.join("\n")}\n`), "CONFIG_INVALID");
    expect(parse(`${lines.slice(1).join("\n")}\n`)).toHaveLength(MAX_WRITE_TOKENS);
  });

  test("says the same when it is written again", () => {
    const tokens = parse(
      `${A} x expires=2027-01-31 entries-per-second=5\n${B} bytes-per-second=7 max-entry-bytes=9\n`,
    );
    expect(parse(tokens.map((token) => `${formatTokenLine(token)}\n`).join(""))).toEqual(tokens);
  });
});

describe("token new --tokens", () => {
  test("adds a line each, also several at a time, into the file that is there", async () => {
    const path = join(temporaryDirectory(), "tokens");
    writeFileSync(path, "# ours\n", { mode: 0o600 });
    const { ino } = statSync(path);
    const argv = ["token", "new", "--tokens", path];
    const made = await Promise.all(Array.from({ length: 8 }, () => callCli(argv)));
    expect(made.map(({ code }) => code)).toEqual(made.map(() => 0));
    expect(parse(readFileSync(path, "utf8"))).toHaveLength(8);
    expect(statSync(path).ino).toBe(ino);
    writeFileSync(path, `${A} cut-off`);
    expect((await callCli(argv)).code).not.toBe(0);
    expect(readFileSync(path, "utf8")).toBe(`${A} cut-off`);
  });

  test("--out saves the token for its user alone, prints it nowhere, and writes over nothing", async () => {
    const folder = temporaryDirectory();
    const [path, out] = [join(folder, "tokens"), join(folder, "token")];
    const argv = ["token", "new", "--name", "job", "--tokens", path, "--out", out];
    const made = await callCli(argv);
    const token = readFileSync(out, "utf8").trim();
    expect(token).toMatch(/^bristlecone_/);
    expect(`${made.stdout}${made.stderr}`).not.toContain(token);
    expect(statSync(out).mode % 0o1000).toBe(0o600);
    expect(parse(readFileSync(path, "utf8"))).toMatchObject([
      { name: "job", hash: createHash("sha256").update(token).digest("hex") },
    ]);
    const again = await callCli(argv.map((word) => (word === "job" ? "other" : word)));
    expect(again.stderr).toContain("FILE_UNWRITABLE");
    expect(readFileSync(out, "utf8").trim()).toBe(token);
    expect(parse(readFileSync(path, "utf8"))).toHaveLength(1);
    const same = await callCli([...argv.slice(0, -1), join(folder, "third")]);
    expect(same.stderr).toContain("job is there already");
    expect(existsSync(join(folder, "third"))).toBe(false);
  });
});
