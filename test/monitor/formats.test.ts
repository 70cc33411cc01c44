import { describe, expect, it } from "vitest";
import { observe } from "../../src/monitor/alarms.ts";
import { parseJsonPath, selectJson } from "../../src/monitor/json-path.ts";
import { emptyState, formatLogState, parseLogState } from "../../src/monitor/log-state.ts";
import { mailText } from "../../src/monitor/mail.ts";
import { jsonMatcher, leafHashMatcher, seenEntry, substringMatcher } from "../../src/monitor/matchers.ts";
import { parseMonitorConfig } from "../../src/monitor/monitor-config.ts";
import { expectCode } from "../expect-code.ts";
import { leafHashOf } from "../reference/merkle.ts";

const entryOf = (text: string | Uint8Array) => {
  const entry = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return seenEntry("log.example", { leafIndex: 7, entry, leafHash: leafHashOf(entry) });
};

describe("a JSON path", () => {
  const json = { a: { "b c": [1, { d: 2 }], d: null, constructor: "own" }, d: [{ d: 3 }] };
  it.each<[string, readonly unknown[]]>([
    ["$", [json]],
    ["$.a.d", [null]],
    ["$['a'][\"b c\"][0]", [1]],
    ["$.a['b c'][*]", [1, { d: 2 }]],
    ["$..d", [null, 2, [{ d: 3 }], 3]],
    ["$.a..[0]", [1]],
    ["$.d[0].*", [3]],
    ["$.a.constructor", ["own"]],
    ["$.toString", []],
    ["$.a['b c'][9]", []],
  ])("%s leads to what RFC 9535 says", (text, values) => {
    const { path, rest } = parseJsonPath(text);
    expect(rest).toBe("");
    expect(new Set(selectJson(json, path))).toEqual(new Set(values));
  });

  it("ends where something else begins, and is refused where it is none", () => {
    expect(parseJsonPath("$.a=b").rest).toBe("=b");
    for (const text of [
      "a",
      "$.",
      "$[",
      "$[01]",
      "$['a]",
      "$[1:2]",
      "$[?@.a]",
      "$.-",
      `$${".a".repeat(33)}`,
    ]) {
      expectCode(() => parseJsonPath(text), "ARGUMENT_INVALID");
    }
  });

  it("takes no longer than the entry is large, whatever it asks for, and survives any depth", () => {
    const deep = JSON.parse(`${"[".repeat(10_000)}${"]".repeat(10_000)}`);
    expect(selectJson(deep, parseJsonPath("$..*..*..*..[0]").path).length).toBeLessThan(10_001);
  });
});

describe("a matcher", () => {
  it("finds a text wherever it stands, with ASCII letters of either case if one wants", () => {
    const matcher = substringMatcher("x", { text: "aab", ignoresCase: false });
    expect(["aab", "aaab", "xaaxaab", "aaaaab"].map((text) => matcher.match(entryOf(text)))).not.toContain(
      false,
    );
    expect(["", "aa", "AAB", "aaba".slice(0, 2)].map((text) => matcher.match(entryOf(text)))).not.toContain(
      true,
    );
    const folded = substringMatcher("x", { text: "Ümlaut.COM", ignoresCase: true });
    expect(folded.match(entryOf("an Ümlaut.com"))).toBe(true);
    expect(folded.match(entryOf("an ümlaut.com"))).toBe(false);
  });

  it("finds what JSON says, and no match in what is none", () => {
    const { path } = parseJsonPath("$..name");
    const found = (test: Parameters<typeof jsonMatcher>[2], text: string) =>
      jsonMatcher("x", path, test).match(entryOf(text));
    expect(found({ equals: [1, "alice"] }, '{"user":{"name":"alice"}}')).toBe(true);
    expect(found({ equals: [1] }, '{"name":"1"}')).toBe(false);
    expect(found({ contains: "lic" }, '[{"name":"alice"}]')).toBe(true);
    expect(found(undefined, '{"name":null}')).toBe(true);
    for (const text of ["", "name", '{"name":', "\ud800"]) expect(found(undefined, text)).toBe(false);
    expect(jsonMatcher("x", path, undefined).match(entryOf(new Uint8Array([0xff])))).toBe(false);
  });

  it("finds an entry by its leaf hash", () => {
    expect(leafHashMatcher("x", leafHashOf(new TextEncoder().encode("one"))).match(entryOf("one"))).toBe(
      true,
    );
    expect(leafHashMatcher("x", leafHashOf(new TextEncoder().encode("one"))).match(entryOf("two"))).toBe(
      false,
    );
  });
});

describe("the state of a log", () => {
  const observation = { kind: "stale", subject: "", message: "old\u2028", graceMs: 0, nowMs: 5 } as const;
  const full = observe(
    {
      ...emptyState("log.example/ü"),
      head: { signedNote: new TextEncoder().encode("log\n1\n\n— log abc\n"), seenAtMs: 3 },
      keys: new TextEncoder().encode("old\nnew\n"),
      from: 2,
      read: { treeSize: 3, peaks: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] },
    },
    observation,
    { url: "https://log.example/", to: ["log", "webhook"] },
  );

  it("is read back as it was written", () => {
    for (const state of [emptyState("log.example"), full]) {
      const text = formatLogState(state);
      expect(parseLogState(text)).toEqual(state);
      expect(formatLogState(parseLogState(text))).toBe(text);
    }
    expect(full.pending).toMatchObject([
      { alert: { kind: "stale", isResolved: false }, to: ["log", "webhook"] },
    ]);
  });

  it("is refused when a byte of it changed, or is missing", () => {
    const text = formatLogState(full);
    for (let at = 0; at < text.length; at += 9) {
      const changed = text[at] === "1" ? "2" : "1";
      expectCode(() => parseLogState(text.slice(0, at) + changed + text.slice(at + 1)), "STORE_DAMAGED");
    }
    for (const broken of ["", "{}", text.trimEnd(), text.slice(0, 40), `${text}\n`, "null", "[]"]) {
      expectCode(() => parseLogState(broken), "STORE_DAMAGED");
    }
  });
});

describe("the file of a monitor", () => {
  const log = { url: "https://log.example/", vkey: "log.example+…" };
  it("is taken as it is, with nothing that it does not know", () => {
    expect(parseMonitorConfig(JSON.stringify({ logs: [log] }))).toEqual({
      logs: [log],
      match: [],
      alerts: [],
    });
  });

  it.each([
    [{ logs: [] }, "logs: want at least one log"],
    [{ logs: [log], more: 1 }, "more"],
    [{ logs: [{ ...log, policy: "p" }] }, "logs[0]: want one of vkey and policy"],
    [{ logs: [{ ...log, url: "ftp://log" }] }, "logs[0].url: want an http:// or https:// URL"],
    [{ logs: [{ ...log, from: -1 }] }, 'logs[0].from: want an index or "now"'],
    [{ logs: [log], match: [{}] }, "match[0]: want one of substring, json, leafHash and module"],
    [{ logs: [log], match: [{ substring: "a", equals: 1 }] }, "match[0]: equals, contains: only with json"],
    [{ logs: [log], alerts: [{ webhook: "https://a", command: ["b"] }] }, "alerts[0]: want one of"],
    [{ logs: [log], alerts: [{ webhook: "http://a" }] }, "alerts[0]: want an https:// URL"],
    [{ logs: [log], alerts: [{ webhook: "HTTP://a" }] }, "alerts[0]: want an https:// URL"],
    [{ logs: [log], alerts: [{ mail: { to: "a@b\nBcc: c@d" } }] }, "alerts[0].mail.to: want an address"],
    ["{", "want JSON"],
  ])("%j is refused, and it says where", (config, words) => {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    expect(expectCode(() => parseMonitorConfig(text), "CONFIG_INVALID").message).toContain(words);
  });
});

describe("a mail", () => {
  it("keeps strangers' words out of its headers, and its lines short", () => {
    const alert = {
      id: "0".repeat(32),
      kind: "match" as const,
      isResolved: false,
      origin: "lög.example/\r\nBcc: somebody@else.example",
      url: "https://log.example/",
      atMs: 0,
      message: `.\r\n.\r\nentry 7 ${"x".repeat(2000)}`,
    };
    const text = mailText({ id: "1", alerts: [alert] }, { to: "a@b.example", from: "c@d.example", nowMs: 0 });
    const [headers = "", body = ""] = text.split("\r\n\r\n");
    expect(
      headers
        .split("\r\n")
        .filter((line) => /^[A-Z][\w-]*: /.test(line))
        .map((line) => line.split(":")[0]),
    ).toEqual([
      "From",
      "To",
      "Subject",
      "Date",
      "Message-ID",
      "Auto-Submitted",
      "MIME-Version",
      "Content-Type",
      "Content-Transfer-Encoding",
    ]);
    expect(text.split("\r\n").every((line) => line.length <= 78)).toBe(true);
    expect(Buffer.from(body, "base64").toString()).toContain(alert.message);
  });
});
