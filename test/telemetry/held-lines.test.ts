import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { codeOf } from "../../src/node/errno.ts";
import { fileStream, HeldLines, type LineStream } from "../../src/telemetry/held-lines.ts";

const lostLine = (count: number) => `lost ${count}\n`;

/** Takes what it is given when it is told to. */
function slowStream() {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  const stream: LineStream = {
    get writableLength() {
      return waiting.length;
    },
    write(text, done) {
      waiting.push(() => {
        taken.push(text);
        done();
      });
    },
  };
  const take = () => waiting.shift()?.();
  const takeAll = () => {
    while (waiting.length > 0) take();
  };
  return { stream, taken, take, takeAll };
}

test.skipIf(process.platform === "win32")(
  "lines of two processes stay whole in a pipe that is read slowly, and all are there or counted",
  async () => {
    const pipe = join(mkdtempSync(join(inject("scratch"), "lines-")), "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(reader));
    const writers = [1, 2].map(() => {
      const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      const stream = new Socket({ fd, readable: false, writable: true });
      onTestFinished(() => void stream.destroy());
      return new HeldLines(stream);
    });
    const line = `{"text":"${"x".repeat(200)}"}\n`;
    for (let count = 0; count < 2000; count++)
      for (const writer of writers) writer.write(line, (lost) => `{"lost":${lost}}\n`);
    const ended = Promise.all(writers.map((writer) => writer.end())).then(() => true);
    let text = "";
    for (let isEnded = false; !isEnded; ) {
      isEnded = await Promise.race([ended, new Promise<false>((next) => setImmediate(next, false))]);
      for (let read = readSome(reader); read !== ""; read = isEnded ? readSome(reader) : "") text += read;
    }
    const lines: readonly { readonly lost?: number }[] = text
      .split("\n")
      .slice(0, -1)
      .map((one) => JSON.parse(one));
    expect(lines.reduce((sum, { lost = 1 }) => sum + lost, 0)).toBe(4000);
  },
);

function readSome(fd: number): string {
  const bytes = Buffer.alloc(3001);
  try {
    return bytes.toString("latin1", 0, readSync(fd, bytes));
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return "";
    throw error;
  }
}

test("what nobody reads is held up to a MiB; what is lost then is counted where it is missing", () => {
  const { stream, taken, takeAll } = slowStream();
  const lines = new HeldLines(stream);
  const long = `${"x".repeat(1023)}\n`;
  for (let count = 0; count < 1100; count++) lines.write(long, lostLine);
  takeAll();
  lines.write("next\n", lostLine);
  takeAll();
  const texts = taken.join("").split("\n");
  expect(texts.slice(-3)).toEqual([expect.stringMatching(/^lost \d+$/), "next", ""]);
  expect(texts.length - 3 + Number(texts.at(-3)?.slice(5))).toBe(1100);
  expect(Math.max(...taken.map(({ length }) => length))).toBeLessThanOrEqual(4096);
});

test("a write that fails loses its lines, and the count survives a second failure", () => {
  let isBroken = true;
  const taken: string[] = [];
  const lines = new HeldLines({
    write(text, done) {
      if (!isBroken) taken.push(text);
      done(isBroken ? new Error("EPIPE") : null);
    },
  });
  for (let count = 0; count < 3; count++) lines.write("gone\n", lostLine);
  isBroken = false;
  lines.write("seen\n", lostLine);
  expect(taken.join("")).toBe("lost 3\nseen\n");
});

test("lines that are still held at the end are waited for; what an error says stays, whatever is given up", async () => {
  const { stream, taken, take, takeAll } = slowStream();
  const lines = new HeldLines(stream);
  for (const text of ["1\n", "2\n", "3\n"]) lines.write(text, lostLine);
  const ended = lines.end();
  takeAll();
  await ended;
  expect(taken.join("")).toBe("1\n2\n3\n");
  for (const text of ["4\n", "5\n", "6\n"]) lines.write(text, lostLine);
  lines.say("error: why\n");
  await lines.end({ linesMs: 0, wordMs: 0 });
  take();
  takeAll();
  expect(taken.slice(-2)).toEqual(["4\n", "lost 2\nerror: why\n"]);
});

test("a line that a full disk takes half of is ended before the next one, and counted", () => {
  let room = 100;
  let text = "";
  const write = (_fd: number, bytes: NodeJS.ArrayBufferView | string, at?: number | null): number => {
    const rest = Buffer.from(bytes.toString()).subarray(at ?? 0, (at ?? 0) + room);
    if (room === 0) throw new Error("ENOSPC");
    room -= rest.length;
    text += rest.toString();
    return rest.length;
  };
  const lines = new HeldLines(fileStream(2, write));
  const line = `${"x".repeat(59)}\n`;
  for (let count = 0; count < 4; count++) lines.write(line, lostLine);
  room = 1000;
  lines.write("seen\n", lostLine);
  expect(text).toBe(`${line}${"x".repeat(40)}\nlost 3\nseen\n`);
});
