import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatVerifierKey, keyIdOf, type VerifierKey } from "../../src/tlog/key.ts";
import { originHash } from "../../src/tlog/origin-hash.ts";
import { parseLogArgument, parseLogArguments } from "../../src/witness/log-argument.ts";
import { openRoster, type RosterEntry, type RosterSources } from "../../src/witness/roster.ts";
import { formatRosterText, parseRosterText } from "../../src/witness/roster-text.ts";
import { expectCode } from "../expect-code.ts";

const WITNESS = "witness.example/w1";

function keyOf(name: string, number: number, type: 1 | 4 = 1): VerifierKey {
  const publicKey = new Uint8Array(32).fill(number);
  return { name, type, publicKey, keyId: keyIdOf({ name, type, publicKey }) };
}

function entryOf(origin: string, more: Partial<RosterEntry> = {}): RosterEntry {
  const logKeys = [keyOf(origin, 1)];
  return { origin, logKeys, urls: [], queriesPerDay: undefined, isDisabled: false, ...more };
}

function rosterOf(sources: Partial<RosterSources>, ownKeys: readonly Uint8Array[] = []) {
  return openRoster({
    owner: { name: WITNESS, ownKeys },
    sources: { settings: [], operator: [], listed: [], ...sources },
  });
}

describe("openRoster", () => {
  it("finds a log by its origin and by the hash of it", () => {
    const roster = rosterOf({ operator: [entryOf("a"), entryOf("b")] });
    expect(roster.find("b")).toMatchObject({ origin: "b", source: "operator" });
    expect(roster.findByHash(originHash("a"))?.origin).toBe("a");
    expect(roster.find("c") ?? roster.findByHash(originHash("c"))).toBeUndefined();
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["a", "b"]);
  });

  it("holds thousands of logs, also those that only a list has", () => {
    const listed = Array.from({ length: 5000 }, (_, number) => entryOf(`log.example/${number}`));
    const roster = rosterOf({ listed, operator: [entryOf("log.example/7", { isDisabled: true })] });
    expect(roster.logs()).toHaveLength(5000);
    expect(roster.find("log.example/7")).toMatchObject({ source: "operator", isDisabled: true });
    expect(roster.find("log.example/8")).toMatchObject({ source: "list", isDisabled: false });
  });

  it.each([
    ["the witness's name", entryOf(WITNESS, { logKeys: [keyOf("other", 1)] })],
    ["an empty origin", entryOf("", { logKeys: [keyOf("x", 1)] })],
    ["an origin the store cannot hold", entryOf("x".repeat(256))],
    ["an origin of two lines", entryOf("a\nb")],
    ["no key", entryOf("a", { logKeys: [] })],
    ["a cosigner's key", entryOf("a", { logKeys: [keyOf("a", 1, 4)] })],
    ["one key twice", entryOf("a", { logKeys: [keyOf("a", 1), keyOf("b", 1)] })],
    ["the witness's own key", entryOf("a", { logKeys: [keyOf("a", 9)] })],
    ["a URL with a password", entryOf("a", { urls: ["https://me:secret@log.example/"] })],
    ["a URL that is none", entryOf("a", { urls: ["log.example"] })],
    ["no request a day", entryOf("a", { queriesPerDay: 0 })],
    ["half a request a day", entryOf("a", { queriesPerDay: 0.5 })],
    ["too many requests a day", entryOf("a", { queriesPerDay: 2 ** 31 })],
  ])("refuses a log with %s, from whatever source", (_name, entry) => {
    for (const source of ["settings", "operator", "listed"]) {
      const error = expectCode(
        () => rosterOf({ [source]: [entry] }, [new Uint8Array(32).fill(9)]),
        "ROSTER_INVALID",
      );
      expect(error.message).not.toContain("secret");
    }
  });

  it("refuses a log that stands twice in one source", () => {
    expectCode(() => rosterOf({ operator: [entryOf("a"), entryOf("a")] }), "ROSTER_INVALID");
  });

  it("takes URLs of the settings beside the operator's, and no other key", () => {
    const operator = [entryOf("a", { urls: ["https://one.example/"], queriesPerDay: 5 })];
    const settings = [entryOf("a", { urls: ["https://two.example/"] })];
    expect(rosterOf({ operator, settings }).find("a")).toMatchObject({
      urls: ["https://one.example/", "https://two.example/"],
      queriesPerDay: 5,
      source: "operator",
    });
    const other = [entryOf("a", { logKeys: [keyOf("a", 2)] })];
    expectCode(() => rosterOf({ operator, settings: other }), "ROSTER_INVALID");
  });

  it("never lets a list change a log", () => {
    const listed = [entryOf("a", { logKeys: [keyOf("a", 2)], queriesPerDay: 1 })];
    const [log] = rosterOf({ settings: [entryOf("a")], listed }).logs();
    expect(log).toEqual({ ...entryOf("a"), source: "settings" });
  });

  it("replaces a source at once, and not at all when the new one is wrong", () => {
    const roster = rosterOf({ operator: [entryOf("a")], listed: [entryOf("l")] });
    roster.replace({ operator: [entryOf("b")] });
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["b", "l"]);
    expectCode(() => roster.replace({ operator: [entryOf(WITNESS)] }), "ROSTER_INVALID");
    expect(roster.logs().map(({ origin }) => origin)).toEqual(["b", "l"]);
  });
});

describe("the roster as a file", () => {
  const full = entryOf("a", {
    logKeys: [keyOf("a", 1), keyOf("a", 2)],
    urls: ["https://log.example/"],
    queriesPerDay: 86_400,
    isDisabled: true,
    listUrl: "https://list.example/l.1",
    contact: "a@example.com",
  });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(full, entryOf("b"), entryOf('quo"te ✓', { logKeys: [keyOf("q", 3)] }))),
        (entries) => {
          expect(parseRosterText(formatRosterText(entries))).toEqual(entries);
        },
      ),
    );
  });

  it("is written for people", () => {
    const vkey = formatVerifierKey(keyOf("b", 1));
    expect(formatRosterText([entryOf("b")])).toBe(
      `{\n  "logs": [\n    {\n      "origin": "b",\n      "vkeys": [\n        "${vkey}"\n      ]\n    }\n  ]\n}\n`,
    );
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["no logs", "{}"],
    ["another member", '{"logs":[],"more":1}'],
    ["logs that are no list", '{"logs":{}}'],
    ["a log that is no object", '{"logs":["a"]}'],
    ["no origin", '{"logs":[{"vkeys":[]}]}'],
    ["an unknown member", '{"logs":[{"origin":"a","vkeys":[],"qpd":1}]}'],
    ["no keys", '{"logs":[{"origin":"a"}]}'],
    ["a key that is none", '{"logs":[{"origin":"a","vkeys":["x"]}]}'],
    ["a URL that is no text", '{"logs":[{"origin":"a","vkeys":[],"urls":[1]}]}'],
    ["a limit that is text", '{"logs":[{"origin":"a","vkeys":[],"queriesPerDay":"1"}]}'],
    ["a switch that is text", '{"logs":[{"origin":"a","vkeys":[],"disabled":"no"}]}'],
    ["a contact that is no text", '{"logs":[{"origin":"a","vkeys":[],"contact":1}]}'],
    ["a list that is no text", '{"logs":[{"origin":"a","vkeys":[],"list":1}]}'],
  ])("refuses %s", (_name, text) => {
    expectCode(() => parseRosterText(text), "ROSTER_INVALID");
  });
});

describe("parseLogArgument", () => {
  const vkey = formatVerifierKey(keyOf("log.example", 1));
  const second = formatVerifierKey(keyOf("log.example", 2));

  it("reads a key, and where the log is read", () => {
    expect(parseLogArgument(` ${vkey}\thttps://a.example/  https://b.example/ `)).toEqual({
      ...entryOf("log.example"),
      urls: ["https://a.example/", "https://b.example/"],
    });
  });

  it("refuses what is no key", () => {
    expectCode(() => parseLogArgument(" "), "ARGUMENT_INVALID");
    expectCode(() => parseLogArgument("https://a.example/"), "VKEY_MALFORMED");
  });

  it("makes one log of several keys of one origin", () => {
    const logs = parseLogArguments([vkey, `${second} https://a.example/`, vkey]);
    expect(logs).toEqual([
      {
        ...entryOf("log.example"),
        logKeys: [keyOf("log.example", 1), keyOf("log.example", 2)],
        urls: ["https://a.example/"],
      },
    ]);
  });
});
