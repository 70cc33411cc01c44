import { describe, expect, it } from "vitest";
import type { LogLineOptions } from "../../src/telemetry/line-writer.ts";
import { logLines } from "../../src/telemetry/log-lines.ts";

function collect(options: Partial<LogLineOptions> = {}) {
  const lines: string[] = [];
  let nowMs = 1_700_000_000_000;
  const events = logLines({
    write: (line) => lines.push(line),
    format: "json",
    level: "debug",
    now: () => nowMs,
    ...options,
  });
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { lines, events, wait };
}

describe("log lines", () => {
  it("are one JSON object each, with time, level, message and the event's fields", () => {
    const { lines, events } = collect();
    events.batchIntegrated({ treeSize: 9, count: 3, duplicates: 1, elapsedMs: 2.5 });
    expect(lines).toEqual([
      '{"level":"debug","time":"2023-11-14T22:13:20.000Z","logger":"log","firstIndex":6,"lastIndex":8,"treeSize":9,"count":3,"duplicates":1,"elapsedMs":2.5,"message":"batch integrated"}\n',
    ]);
  });

  it("are short for people", () => {
    const { lines, events } = collect({ format: "pretty" });
    events.warning({ code: "GUARD_ON_SAME_VOLUME", message: "mind the guard" });
    expect(lines).toEqual(["22:13:20.000 warn   mind the guard  code=GUARD_ON_SAME_VOLUME\n"]);
  });

  it.each(["pretty", "json"] as const)(
    "hold no line break and no terminal command of a stranger (%s)",
    (format) => {
      const { lines, events } = collect({ format });
      const message = "boom\n12:00:00.000 info  forged \u009b31m\u202e";
      events.requestFailed({ method: "GET", path: "/entry/\u009b\r2J", message });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^[^\p{Cc}\p{Bidi_Control}]*\n$/u);
      expect(lines[0]).toContain("/entry/\\u009b\\");
      if (format === "json") expect(JSON.parse(lines[0] ?? "").message).toBe(`request failed: ${message}`);
    },
  );

  it("name every witness that keeps a quorum from being, and why", () => {
    const { lines, events } = collect({ format: "pretty" });
    const missing = [
      { name: "w1", reason: "REMOTE_TIMEOUT: no cosignature within 5000 ms" },
      { name: "w2", reason: "has no URL" },
    ];
    events.quorumMissing({ treeSize: 7, missing });
    events.quorumRecovered({ treeSize: 8, elapsedMs: 1200 });
    expect(lines).toEqual([
      "22:13:20.000 warn   no quorum of witnesses for the newest checkpoint  treeSize=7 missing=w1 (REMOTE_TIMEOUT: no cosignature within 5000 ms), w2 (has no URL)\n",
      "22:13:20.000 info   the quorum of witnesses is back  treeSize=8 elapsedMs=1200\n",
    ]);
  });

  it("say only what the level asks for", () => {
    const { lines, events } = collect({ level: "info" });
    events.batchIntegrated({ treeSize: 9, count: 3, duplicates: 1, elapsedMs: 2.5 });
    events.checkpointPublished({ treeSize: 9, elapsedMs: 1 });
    expect(lines).toEqual([]);
    events.turnedReadOnly({ code: "STORE_FULL", message: "no room", reason: "STORE_FULL" });
    events.requestFailed({ method: "GET", path: "/checkpoint", message: "oops" });
    expect(lines).toHaveLength(2);
  });

  it("count refused entries and tell of them once a second, so that a flood is one line", () => {
    const { lines, events, wait } = collect();
    for (let calls = 0; calls < 100; calls++)
      events.poolFull({ count: 1, pendingEntries: 5, pendingBytes: 6 });
    expect(lines).toHaveLength(1);
    wait(1000);
    events.poolFull({ count: 901, pendingEntries: 5, pendingBytes: 6 });
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({ refused: 1000, pendingEntries: 5, pendingBytes: 6 });
  });
});
