import { describe, expect, test } from "vitest";
import { eventParser, type StreamedEvent } from "../../client/event-parser.ts";
import { encodeEvent, encodeRetry, HEARTBEAT } from "../../src/push/event-text.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";

function parse(
  text: string | Uint8Array,
  pieceBytes = Number.POSITIVE_INFINITY,
): readonly StreamedEvent[] | undefined {
  const bytes = typeof text === "string" ? encodeUtf8(text) : text;
  const next = eventParser(200);
  const events: StreamedEvent[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const more = next(bytes.subarray(at, at + pieceBytes));
    if (more === undefined) return undefined;
    events.push(...more);
  }
  return events;
}

describe("an event stream", () => {
  test("is read as browsers read it", () => {
    // The examples of WHATWG HTML §9.2.6.
    const one = { type: "message", data: "YHOO\n+2\n10" };
    expect(parse("data: YHOO\ndata: +2\ndata: 10\n\n")).toEqual([one]);
    const stream =
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    expect(parse(stream)?.map(({ data }) => data)).toEqual(["first event", "second event", " third event"]);
    expect(parse("data\n\ndata\ndata\n\ndata:")?.map(({ data }) => data)).toEqual(["", "\n"]);
    expect(parse("data:test\n\ndata: test\n\n")?.map(({ data }) => data)).toEqual(["test", "test"]);
    expect(parse("\uFEFFevent: add\r\ndata: 1\r\rEvent: x\n:data: 2\nevent: none\n\n")).toEqual([
      { type: "add", data: "1" },
    ]);
  });

  test("is the same in pieces of any length", () => {
    const stream = "event: a\r\ndata: — ü\r\ndata:\r\n\r\n:\n\nretry: 5\rdata: 2\r\rdata: unended\n";
    for (let bytes = 1; bytes < stream.length; bytes++) {
      expect(parse(stream, bytes)).toEqual([
        { type: "a", data: "— ü\n" },
        { type: "message", data: "2" },
      ]);
    }
  });

  test("gives back the notes that a log put in", () => {
    const data = "log.test\n5\nroot\n\n— log.test signature\n";
    const parts = [encodeRetry(1_000), encodeEvent({ event: "checkpoint", id: 5, data }), HEARTBEAT];
    expect(parse(Buffer.concat(parts))).toEqual([{ type: "checkpoint", data }]);
  });

  test("is none when it is not UTF-8, or an event has no end", () => {
    expect(parse(Uint8Array.of(0x64, 0xff, 0x0a))).toBeUndefined();
    expect(parse(`data: ${"x".repeat(190)}\n\n`)).toHaveLength(1);
    expect(parse(`data: ${"x".repeat(200)}\n\n`)).toBeUndefined();
    expect(parse("x".repeat(300), 100)).toBeUndefined();
    expect(parse("data: x\n".repeat(40))).toBeUndefined();
    expect(parse(":comment\n".repeat(40), 9)).toBeUndefined();
  });
});
