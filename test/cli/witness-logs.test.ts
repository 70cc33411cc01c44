import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { OPERATOR_FILE } from "../../src/node/roster-file.ts";
import { openLmdbWitnessStore } from "../../src/store/witness-lmdb.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { parseRosterText } from "../../src/witness/roster-text.ts";
import { testSigner, vkeyOf } from "../tlog/signers.ts";
import { callCli, temporaryDirectory } from "./harness.ts";

const WITNESS = "witness.example/w1";
const [FIRST, SECOND, OTHER] = await Promise.all([
  testSigner("log.example", 1, 1).then(vkeyOf),
  testSigner("log.example", 1, 2).then(vkeyOf),
  testSigner("other.example", 1, 3).then(vkeyOf),
]);
const COSIGNER = vkeyOf(await testSigner("cosigner.example", 4, 4));

/** Runs `witness …` on a directory. */
async function witness(directory: string, ...words: string[]) {
  return await callCli(["witness", ...words, "--data", directory]);
}

function logsIn(directory: string) {
  return parseRosterText(readFileSync(join(directory, OPERATOR_FILE), "utf8"));
}

describe("witness add-log", () => {
  it("adds a log to a directory that need not be there yet", async () => {
    const directory = join(temporaryDirectory(), "new");
    const { code, stdout, stderr } = await witness(
      directory,
      "add-log",
      FIRST,
      "--url",
      "https://log.example/",
      "--url",
      "https://mirror.example/",
      "--qpd",
      "86400",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: `note: no witness has run in ${directory} yet\n` });
    expect(stdout).toBe(
      [
        `log.example is a log of the witness in ${directory}`,
        `key    ${FIRST}`,
        "url    https://log.example/",
        "url    https://mirror.example/",
        "limit  86400 new heads a day\n",
      ].join("\n"),
    );
    expect(logsIn(directory)).toMatchObject([
      { origin: "log.example", queriesPerDay: 86_400, isDisabled: false },
    ]);
  });

  it("takes another key of a known log only when told so", async () => {
    const directory = temporaryDirectory();
    await witness(directory, "add-log", FIRST);
    const refused = await witness(directory, "add-log", SECOND);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--add-key");
    expect(logsIn(directory)[0]?.logKeys).toHaveLength(1);
    expect((await witness(directory, "add-log", SECOND, "--add-key")).stdout).toContain(`key    ${SECOND}\n`);
    expect((await witness(directory, "add-log", SECOND)).code).toBe(0);
    expect(logsIn(directory)[0]?.logKeys).toHaveLength(2);
  });

  it("has a key removed again, never the last one and none that is not there", async () => {
    const directory = temporaryDirectory();
    expect((await witness(directory, "remove-key", FIRST)).stderr).toContain("LOG_UNKNOWN");
    await witness(directory, "add-log", FIRST);
    const last = await witness(directory, "remove-key", FIRST);
    expect(last.stderr).toMatch(/only key of log\.example[\s\S]*ROSTER_INVALID/);
    await witness(directory, "add-log", SECOND, "--add-key");
    expect((await witness(directory, "remove-key", OTHER, "--origin", "log.example")).code).toBe(last.code);
    expect((await witness(directory, "remove-key", FIRST)).code).toBe(0);
    expect(logsIn(directory)[0]?.logKeys.map(formatVerifierKey)).toEqual([SECOND]);
    expect((await witness(directory, "add-log", FIRST)).code).toBe(last.code);
  });

  it("changes the limit and adds a URL of a known log", async () => {
    const directory = temporaryDirectory();
    await witness(directory, "add-log", FIRST, "--qpd", "5", "--url", "https://a.example/");
    await witness(directory, "add-log", FIRST, "--url", "https://b.example/");
    const [log] = logsIn(directory);
    expect(log).toMatchObject({ queriesPerDay: 5, urls: ["https://a.example/", "https://b.example/"] });
  });

  it("knows a log by another origin than its key's name", async () => {
    const directory = temporaryDirectory();
    await witness(directory, "add-log", FIRST, "--origin", "go.sum database tree");
    expect(logsIn(directory)[0]?.origin).toBe("go.sum database tree");
  });

  it.each([
    ["a key that is none", ["add-log", "x"], "VKEY_MALFORMED"],
    ["a cosigner's key", ["add-log", COSIGNER], "ROSTER_INVALID"],
    ["a limit that is no number", ["add-log", FIRST, "--qpd", "1e3"], "USAGE"],
    ["no request a day", ["add-log", FIRST, "--qpd", "0"], "ROSTER_INVALID"],
    ["a URL that is none", ["add-log", FIRST, "--url", "log.example"], "ROSTER_INVALID"],
    ["no key at all", ["add-log"], "USAGE"],
    ["a log that is not known", ["disable", "nowhere.example"], "LOG_UNKNOWN"],
    ["a log to show that is not known", ["show", "nowhere.example"], "LOG_UNKNOWN"],
  ])("refuses %s", async (_name, words, code) => {
    const { stderr, code: exitCode } = await witness(temporaryDirectory(), ...words);
    expect(stderr).toContain(`[${code}]`);
    expect(exitCode).toBe(2);
  });

  it("does not write over a file that somebody edited and broke", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, OPERATOR_FILE), '{ "logs": [ oops');
    const { code, stderr } = await witness(directory, "add-log", FIRST);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(OPERATOR_FILE) });
    expect(readFileSync(join(directory, OPERATOR_FILE), "utf8")).toContain("oops");
  });
});

describe("a witness that has cosigned", () => {
  const directory = temporaryDirectory();
  const ROOT = new Uint8Array(32).fill(7);

  beforeAll(async () => {
    const store = await openLmdbWitnessStore({ directory, name: WITNESS });
    const next = {
      treeSize: 12_345,
      rootHash: ROOT,
      timestampSeconds: 1_700_000_000,
      signedNote: encodeUtf8("note"),
    };
    for (const origin of ["log.example", "gone.example"]) {
      await store.commit([{ origin, expected: undefined, next, logNote: next.signedNote }]);
    }
    await store.addEvidence({
      id: "ab".repeat(32),
      origin: "gone.example",
      kind: "same-size",
      convictsLog: true,
      evidence: encodeUtf8("evidence"),
      receivedAtSeconds: 1_700_000_000,
    });
    await witness(directory, "add-log", FIRST, "--url", "https://log.example/");
    await witness(directory, "add-log", OTHER);
  });

  it("disables a log of the witness's --log when it is given here too, and says so when it is not", async () => {
    const asked = await witness(directory, "disable", "gone.example");
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining("give the --log")]);
    const own = temporaryDirectory();
    expect(await witness(own, "disable", "log.example", "--log", FIRST)).toMatchObject({ code: 0 });
    expect(logsIn(own)).toMatchObject([{ origin: "log.example", isDisabled: true }]);
    expect((await witness(temporaryDirectory(), "logs")).stderr).toContain("no witness has run in");
  });

  it("lists every log with its state", async () => {
    const { code, stdout, stderr } = await witness(directory, "logs");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "ORIGIN         SIZE    COSIGNED                  SOURCE    STATE",
        "log.example    12,345  2023-11-14T22:13:20.000Z  operator  cosigned",
        "other.example  -       -                         operator  waiting",
        `gone.example   12,345  2023-11-14T22:13:20.000Z  -         frozen by evidence ${"ab".repeat(32)}\n`,
      ].join("\n"),
    );
    expect(stderr).toContain("logs without a source are in the store only");
  });

  it("lists them as JSON", async () => {
    const { witness: name, logs } = JSON.parse((await witness(directory, "logs", "--json")).stdout);
    expect(name).toBe(WITNESS);
    expect(logs).toHaveLength(3);
    expect(logs[0]).toEqual({
      origin: "log.example",
      originHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      source: "operator",
      disabled: false,
      frozenBy: null,
      vkeys: [FIRST],
      urls: ["https://log.example/"],
      queriesPerDay: null,
      list: null,
      contact: null,
      treeSize: 12_345,
      rootHash: Buffer.from(ROOT).toString("base64"),
      cosignedAt: "2023-11-14T22:13:20.000Z",
      evidence: [],
    });
  });

  it("shows one of them", async () => {
    const { stdout } = await witness(directory, "show", "gone.example");
    expect(stdout).toContain(`evidence   ${"ab".repeat(32)} (same-size)\n`);
    expect((await witness(directory, "show", "log.example")).stdout).toContain(`key        ${FIRST}\n`);
  });

  it("disables and enables one, and says when that does not help", async () => {
    const { stdout } = await witness(directory, "disable", "log.example");
    expect(stdout).toBe("log.example is disabled: it is not cosigned for\n");
    expect((await witness(directory, "logs")).stdout).toMatch(/log\.example .* disabled\n/);
    expect((await witness(directory, "add-log", FIRST)).stderr).toContain("disabled");
    await witness(directory, "enable", "log.example");
    expect((await witness(directory, "logs")).stdout).toMatch(/log\.example .* cosigned\n/);
    const gone = vkeyOf(await testSigner("gone.example", 1, 5));
    await witness(directory, "add-log", gone);
    expect((await witness(directory, "enable", "gone.example")).stderr).toContain("the log forked");
  });

  it("takes no log of its own name", async () => {
    const { stderr } = await witness(directory, "add-log", FIRST, "--origin", WITNESS);
    expect(stderr).toContain("is named as the witness is [ROSTER_INVALID]");
  });
});

describe("logs of other sources", () => {
  it("become the operator's when they are disabled", async () => {
    const directory = temporaryDirectory();
    const entry = {
      origin: "other.example",
      vkeys: [OTHER],
      list: "https://list.example/",
      queriesPerDay: 9,
    };
    writeFileSync(join(directory, "listed-logs.json"), JSON.stringify({ logs: [entry] }));
    const environment = { BRISTLECONE_WITNESSED_LOGS: FIRST };
    const listed = await callCli(["witness", "logs", "--data", directory], { environment });
    expect(listed.stdout).toMatch(
      /log\.example +- +- +settings +waiting\nother\.example +- +- +list +waiting\n/,
    );
    expect((await witness(directory, "disable", "other.example")).code).toBe(0);
    expect(logsIn(directory)).toMatchObject([
      { origin: "other.example", isDisabled: true, queriesPerDay: 9, listUrl: "https://list.example/" },
    ]);
  });
});

describe("the word witness", () => {
  it("is a command of its own, and the first word of others", async () => {
    const own = await callCli(["witness", "--help"]);
    expect(own.stdout).toContain("add-log");
    expect(own.stdout).toContain("--listen");
    const { stdout } = await callCli(["help", "witness", "add-log"]);
    expect(stdout).toContain("--add-key");
    expect(stdout).not.toContain("--listen");
    expect((await callCli(["witness", "nonsense"])).code).toBe(2);
    const between = await callCli(["witness", "--json", "logs", "--data", temporaryDirectory()]);
    expect(JSON.parse(between.stdout)).toEqual({ logs: [] });
  });
});
