/**
 * What Tessera's hammer shows, read from what it writes to a terminal: without its screen it says nothing of latency.
 *
 *   Write (512 workers): Current max: 100000/s. Oversupply in last second: 99488
 *   TreeSize: 41321 (Δ 963qps over 30s)
 *   Time-in-queue: 412ms/520ms/811ms (min/avg/max)
 *   Observed-time-to-integrate: 901ms/1204ms/1750ms (min/avg/max)
 */

export interface Times {
  readonly minMs: number;
  readonly avgMs: number;
  readonly maxMs: number;
}

export interface HammerScreen {
  /** Of the newest checkpoint that it has read. */
  readonly treeSize: number;
  /** How long its newest writes took to be answered with an index: averages of up to 100 of them every 100 ms, the last 30 of these. */
  readonly queue: Times;
  /** The same from a write's start to the checkpoint that covers it; up to 600 ms of it is how often the hammer looks. */
  readonly integration: Times;
}

// Every picture begins in the upper left corner.
const PICTURE_START = "\x1b[1;1H";
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal is sent
const MOVE = /\x1b\[(\d+);\d+H/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const OTHER = /\x1b(?:\[[0-9;?>]*[A-Za-z]|\([A-Z0-9]|[=>])/g;

/** Cuts what a program writes to its terminal into whole pictures, and hands them on, a line a row. */
export function pictureReader(onPicture: (picture: string) => void): (chunk: string) => void {
  let written = "";
  return (chunk) => {
    const pictures = (written + chunk).split(PICTURE_START);
    written = pictures.pop() ?? "";
    // What comes before the first picture is none. Where a cut fell into the mark, it is found with the next chunk.
    for (const picture of pictures) if (picture.includes("\x1b[2;1H")) onPicture(rowsOf(picture));
  };
}

/** It jumps over blanks where there were blanks before. */
function rowsOf(picture: string): string {
  let row = "1";
  return picture
    .replace(MOVE, (_all, at: string) => {
      const isSameRow = at === row;
      row = at;
      return isSameRow ? " " : "\n";
    })
    .replace(OTHER, "");
}

/** @throws {Error} a picture of something else */
export function parseScreen(picture: string): HammerScreen {
  const treeSize = /TreeSize:\s+(\d+)\s/.exec(picture)?.[1];
  if (treeSize === undefined) throw new Error(`the hammer's screen: no TreeSize in\n${picture}`);
  return {
    treeSize: Number(treeSize),
    queue: timesOf(picture, "Time-in-queue"),
    integration: timesOf(picture, "Observed-time-to-integrate"),
  };
}

function timesOf(picture: string, title: string): Times {
  const found = new RegExp(`${title}:\\s+(\\d+)ms/(\\d+)ms/(\\d+)ms\\s`).exec(picture);
  if (found === null) throw new Error(`the hammer's screen: no ${title} in\n${picture}`);
  const [minMs, avgMs, maxMs] = found.slice(1).map(Number) as [number, number, number];
  return { minMs, avgMs, maxMs };
}

/** Writes that were not answered with an index: pushed back (429, 502, 503, 504), or anything else. */
export interface HammerComplaints {
  readonly pushedBack: number;
  readonly failed: number;
}

/**
 * Adds up what the hammer's log complains of, which scrolls by below: each line once, known by its time.
 *
 *   W1121 21:22:03.140821   13487 analysis.go:128] (1741 x) failed to create request: write leaf was not OK. Status code: 500. …
 *   W1121 21:22:04.140102   13487 analysis.go:124] 96 requests received pushback from log
 */
export function complaintCounter(): {
  readonly see: (picture: string) => void;
  readonly total: () => HammerComplaints;
} {
  const seen = new Set<string>();
  let [pushedBack, failed] = [0, 0];
  return {
    see(picture) {
      for (const [, time, text] of picture.matchAll(/W\d{4} ([\d:.]+) +\d+ analysis\.go:\d+\] (.*)/g)) {
        if (time === undefined || text === undefined || seen.has(time)) continue;
        seen.add(time);
        pushedBack += Number(/^(\d+) requests received pushback/.exec(text)?.[1] ?? 0);
        failed += Number(/^\((\d+) x\)/.exec(text)?.[1] ?? 0);
      }
    },
    total: () => ({ pushedBack, failed }),
  };
}
