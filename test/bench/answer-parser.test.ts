import { describe, expect, it } from "vitest";
import { type Answer, AnswerMalformedError, AnswerParser } from "../../bench/load/answer-parser.ts";

const TEXT = [
  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-A: b\r\n\r\nhello",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length:  0 \r\n\r\n",
  "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
  "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
].join("");
const WANTED = [
  [200, "hello", false],
  [429, "", false],
  [304, "", false],
  [200, "\r\n\r\n", true],
];

/** @param width - bytes of a chunk. */
function parse(
  text: string,
  width: number,
  keepsBodies = true,
): { answers: readonly Answer[]; isWithin: boolean } {
  const answers: Answer[] = [];
  const parser = new AnswerParser((answer) => answers.push(answer), { keepsBodies });
  const bytes = Buffer.from(text, "latin1");
  // One buffer for all chunks, as the connection has it: what is kept must be copied.
  const chunk = Buffer.alloc(width);
  for (let at = 0; at < bytes.length; at += width) {
    const length = bytes.copy(chunk, 0, at, at + width);
    parser.push(chunk.subarray(0, length));
  }
  return { answers, isWithin: parser.isWithin };
}

describe("AnswerParser", () => {
  it.each([1, 2, 3, 5, 7, 11, 64, 100, 1000])("finds answers in chunks of %d bytes", (width) => {
    const { answers, isWithin } = parse(TEXT, width);
    expect(answers.map(({ status, body, isLast }) => [status, body.toString("latin1"), isLast])).toEqual(
      WANTED,
    );
    expect(isWithin).toBe(false);
  });

  it("counts the bytes of bodies it does not keep", () => {
    const { answers } = parse(TEXT, 1000, false);
    expect(answers.map(({ bodyBytes, body }) => [bodyBytes, body.length])).toEqual([
      [5, 0],
      [0, 0],
      [0, 0],
      [4, 0],
    ]);
  });

  it.each([3, TEXT.length - 1])("is within an answer that has not ended after %d bytes", (length) => {
    expect(parse(TEXT.slice(0, length), 1000).isWithin).toBe(true);
  });

  it.each([
    ["no status line", "SSH-2.0-x\r\n\r\n"],
    ["a status that is none", "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n"],
    ["no Content-Length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a Content-Length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(20_000)}`],
  ])("refuses %s", (_name, text) => {
    expect(() => parse(text, 4096)).toThrow(AnswerMalformedError);
  });
});
