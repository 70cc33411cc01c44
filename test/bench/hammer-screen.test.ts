import { describe, expect, it } from "vitest";
import { complaintCounter, parseScreen, pictureReader } from "../../bench/peers/hammer-screen.ts";

/** As v1.0.4 draws: each row a jump, words that did not change places jumped to one by one. */
const picture = (rows: readonly string[]): string =>
  `\x1b[?2026h\x1b[?25l\x1b[1;1H\x1b(B\x1b[m\x1b[37;40m┌──┐${rows
    .map((row, at) => `\x1b[${at + 2};1H│${row.replaceAll("~", `\x1b[${at + 2};7H`)}\x1b[${at + 2};150H│`)
    .join("")}\x1b[?2026l`;

const STATUS = [
  "Read~(0~workers):~Current~max:~0/s.~Oversupply~in~last~second:~0",
  "Write (64 workers): Current max: 100000/s. Oversupply in last second: 99928",
  "TreeSize:~560~(Δ~49qps~over~30s)",
  "Time-in-queue:~852ms/926ms/967ms~(min/avg/max)",
  "Observed-time-to-integrate: 1345ms/1454ms/1528ms (min/avg/max)",
];

function picturesOf(written: string, chunkLength: number): readonly string[] {
  const pictures: string[] = [];
  const read = pictureReader((seen) => pictures.push(seen));
  for (let at = 0; at < written.length; at += chunkLength) read(written.slice(at, at + chunkLength));
  return pictures;
}

describe("the hammer's screen", () => {
  it.each([1, 7, 10_000])("is read out of chunks of %i, but for the picture that may go on", (length) => {
    const written =
      picture(STATUS) + picture(STATUS.with(2, "TreeSize:~561~(Δ~1qps~over~30s)")) + picture([]);
    const sizes = picturesOf(written, length).map((seen) => parseScreen(seen).treeSize);
    expect(sizes).toEqual([560, 561]);
  });

  it("gives times in the queue and to the checkpoint", () => {
    const [seen = ""] = picturesOf(picture(STATUS) + picture([]), 100);
    expect(parseScreen(seen)).toEqual({
      treeSize: 560,
      queue: { minMs: 852, avgMs: 926, maxMs: 967 },
      integration: { minMs: 1345, avgMs: 1454, maxMs: 1528 },
    });
  });

  it.each([
    ["another program's", "hello"],
    ["one without times", "TreeSize: 5 (Δ 0qps over 30s)"],
    ["one with other units", "TreeSize: 5 (\nTime-in-queue: 1s/2s/3s (min/avg/max)"],
  ])("refuses %s", (_name, text) => {
    expect(() => parseScreen(text)).toThrow("the hammer's screen: no ");
  });

  it("counts each line of complaints once, however often it is drawn", () => {
    const failed =
      "W1121 21:22:03.140821   13487 analysis.go:128] (1741 x) failed to create request: write leaf was not OK. Status code: 500.";
    const pushed = "W1121 21:22:04.140102   13487 analysis.go:124] 96 requests received pushback from log";
    const { see, total } = complaintCounter();
    for (const text of [
      failed,
      `${failed}\n${pushed}`,
      pushed,
      "I1121 21:22:05.000000 1 hammer.go:1] (9 x)",
    ]) {
      see(text);
    }
    expect(total()).toEqual({ pushedBack: 96, failed: 1741 });
  });
});
