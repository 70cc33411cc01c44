import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSplitter, type SplitRule } from "../../src/cli/split-entries.ts";
import { expectCode } from "../expect-code.ts";

const utf8 = new TextEncoder();
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function split(rule: SplitRule, chunks: readonly Uint8Array[]): { text: string; line: number }[] {
  const splitter = openSplitter(rule, "test");
  const entries = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
  return entries.map(({ entry, line }) => ({ text: latin1(entry), line }));
}

function texts(rule: SplitRule, input: string): string[] {
  return split(rule, [utf8.encode(input)]).map(({ text }) => text);
}

/** Straight from the words of the documentation, on the whole input at once. */
function naive(rule: SplitRule, input: string): string[] {
  if (input === "") return [];
  const lines = (input.endsWith("\n") ? input.slice(0, -1) : input).split("\n");
  if (rule === "lines") return lines;
  const paragraphs: string[][] = [[]];
  for (const line of lines) {
    if (line === "") paragraphs.push([]);
    else paragraphs.at(-1)?.push(line);
  }
  return paragraphs.filter((paragraph) => paragraph.length > 0).map((paragraph) => paragraph.join("\n"));
}

describe("lines", () => {
  it("leaves the newline out and keeps everything else, carriage returns included", () => {
    expect(texts("lines", "a\nb\r\nc\n")).toEqual(["a", "b\r", "c"]);
  });
  it("takes an empty line as an entry of zero bytes", () => {
    expect(texts("lines", "a\n\nb\n\n")).toEqual(["a", "", "b", ""]);
  });
  it("takes a last line without a newline", () => {
    expect(texts("lines", "a\nb")).toEqual(["a", "b"]);
  });
  it("finds no entry in no bytes", () => {
    expect(texts("lines", "")).toEqual([]);
  });
});

describe("paragraphs", () => {
  it("keeps inner newlines and leaves out the last one and the blank lines", () => {
    expect(texts("paragraphs", "Package: a\nVersion: 1\n\nPackage: b\n\n")).toEqual([
      "Package: a\nVersion: 1",
      "Package: b",
    ]);
  });
  it("takes several blank lines as one, also at the start and at the end", () => {
    expect(texts("paragraphs", "\n\na\n\n\n\nb\nc\n\n\n")).toEqual(["a", "b\nc"]);
  });
  it("takes a line of spaces as text, so that no byte is lost", () => {
    expect(texts("paragraphs", "a\n \nb\n")).toEqual(["a\n \nb"]);
  });
  it("takes a last paragraph without a newline", () => {
    expect(texts("paragraphs", "a\n\nb\nc")).toEqual(["a", "b\nc"]);
  });
  it("finds no entry in blank lines", () => {
    expect(texts("paragraphs", "\n\n\n")).toEqual([]);
  });
});

describe.each(["lines", "paragraphs"] as const)("%s, cut anywhere", (rule) => {
  const input = fc
    .array(fc.constantFrom("a", "b", "\n", "\n", "\r", " "), { maxLength: 40 })
    .map((parts) => parts.join(""));

  it("gives the same entries however the input is cut into chunks", () => {
    fc.assert(
      fc.property(input, fc.array(fc.nat(40), { maxLength: 8 }), (text, cuts) => {
        const bytes = utf8.encode(text);
        const edges = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ];
        const chunks = edges.slice(1).map((edge, index) => bytes.slice(edges[index], edge));
        expect(split(rule, chunks).map((entry) => entry.text)).toEqual(naive(rule, text));
      }),
    );
  });

  it("names the line an entry starts at", () => {
    fc.assert(
      fc.property(input, (text) => {
        const lines = text.split("\n");
        for (const entry of split(
          rule,
          [...utf8.encode(text)].map((byte) => Uint8Array.of(byte)),
        )) {
          expect(lines[entry.line - 1]).toBe(entry.text.split("\n")[0]);
        }
      }),
    );
  });
});

describe.each(["lines", "paragraphs"] as const)("the limit of 65,535 bytes, by %s", (rule) => {
  it.each(["", "\n", "\n\nx"])("takes an entry of 65,535 bytes followed by %j", (after) => {
    const [first] = split(rule, [utf8.encode(`${"x".repeat(65_535)}${after}`)]);
    expect(first?.text.length).toBe(65_535);
  });

  it.each(["", "\n", "\n\nx"])("refuses one of 65,536 followed by %j, naming where it starts", (after) => {
    const text = `short\n\n${"x".repeat(65_536)}${after}`;
    expect(expectCode(() => split(rule, [utf8.encode(text)]), "ENTRY_TOO_LARGE").message).toContain("line 3");
  });

  it("refuses an endless entry before it is read to its end", () => {
    const splitter = openSplitter(rule, "test");
    splitter.push(new Uint8Array(65_000).fill(120));
    expectCode(() => splitter.push(new Uint8Array(65_000).fill(120)), "ENTRY_TOO_LARGE");
  });
});

describe.each(["lines", "paragraphs"] as const)("leaving out what is too large, by %s", (rule) => {
  const big = rule === "lines" ? "x".repeat(150_000) : `${"x".repeat(99)}\n`.repeat(1_500).trimEnd();
  const text = `a\n\n${big}\n\nb\n\n${big}\n\n${big}x\n\nc\n`;
  const lines = text.split("\n");

  it.each([1_000, 65_536, 65_537, 70_001, 1_000_000])(
    "tells of each once, with chunks of %i bytes",
    (size) => {
      const places: string[] = [];
      const splitter = openSplitter(rule, "test", (place) => places.push(place));
      const bytes = utf8.encode(text);
      const entries = [];
      for (let start = 0; start < bytes.length; start += size) {
        entries.push(...splitter.push(bytes.slice(start, start + size)));
      }
      entries.push(...splitter.end());
      expect(entries.map(({ entry }) => latin1(entry)).filter((entry) => entry !== "")).toEqual([
        "a",
        "b",
        "c",
      ]);
      for (const { entry, line } of entries) expect(lines[line - 1]).toBe(latin1(entry));
      expect(places.map((place) => lines[Number(place.split(" ").at(-1)) - 1])).toEqual(
        [big, big, `${big}x`].map((entry) => entry.split("\n")[0]),
      );
    },
  );
});
