/** What a monitor reads: entries of strangers, and files of its own. */
import { emptyRange } from "../../../src/merkle/compact-range.ts";
import { parseJsonPath } from "../../../src/monitor/json-path.ts";
import { emptyState, formatLogState, parseLogState } from "../../../src/monitor/log-state.ts";
import { jsonMatcher, type SeenEntry, seenEntry, substringMatcher } from "../../../src/monitor/matchers.ts";
import { parseMonitorConfig } from "../../../src/monitor/monitor-config.ts";
import { assertSameText, assertTrue, bytesOf, type Target, textOf } from "../target.ts";

export const MONITOR: readonly Target[] = [
  {
    // Before the first zero byte what is looked for, behind it the entry.
    name: "monitor-entry",
    seeds: () => ["aab\0aaab", "needle\0a haystack", 'name\0{"a":[{"name":"alice"}]}'].map(bytesOf),
    run(input) {
      const at = input.indexOf(0);
      const needle = textOf(input.subarray(0, Math.max(0, at)));
      if (needle === "" || needle.includes("\ud800")) return;
      const seen = entryOf(input.subarray(at + 1));
      const found = substringMatcher("x", { text: needle, ignoresCase: false }).match(seen);
      const expected = Buffer.from(seen.entry).includes(needle);
      assertTrue(found === expected, `a search that says ${found}`);
      void jsonMatcher("x", parseJsonPath("$..*..name").path, { contains: needle }).match(seen);
    },
  },
  {
    name: "monitor-json-path",
    seeds: () => ["$", "$..a['b'][0].*", '$["c"]=d', "$..[*]..e"].map(bytesOf),
    run(input) {
      const text = textOf(input);
      const { rest } = parseJsonPath(text);
      assertTrue(text.endsWith(rest), "a rest that is not the end");
    },
  },
  {
    name: "monitor-state",
    seeds: () =>
      [emptyState("log"), { ...emptyState("ü"), from: 0, read: emptyRange() }]
        .map(formatLogState)
        .map(bytesOf),
    run: (input) => assertSameText(formatLogState(parseLogState(textOf(input))), textOf(input)),
  },
  {
    name: "monitor-config",
    seeds: () =>
      [
        '{"logs":[{"url":"https://a","vkey":"v"}]}',
        '{"logs":[{"url":"https://a","policy":"p","from":"now"}],"match":[{"json":"$.a","equals":1}],"alerts":[{"mail":{"to":"a@b"}}]}',
        '{"logs":[{"url":"Https://a","vkey":"v"}],"alerts":[{"webhook":"HTTPS://b"},{"webhook":"http://c","network":"private"}]}',
      ].map(bytesOf),
    run(input) {
      const { logs, alerts } = parseMonitorConfig(textOf(input));
      for (const { url } of logs) assertTrue(/^https?:$/.test(new URL(url).protocol), url);
      for (const { webhook, network } of alerts) {
        if (webhook === undefined || network === "private") continue;
        assertTrue(new URL(webhook).protocol === "https:", webhook);
      }
    },
  },
];

function entryOf(entry: Uint8Array): SeenEntry {
  return seenEntry("log", { leafIndex: 0, entry, leafHash: new Uint8Array(32) });
}
