import { describe, expect, it } from "vitest";
import type { Extent, Finding } from "../../src/fsck/finding.ts";
import { formatScrubState, parseScrubState } from "../../src/fsck/scrub-state.ts";
import { StandingFindings } from "../../src/fsck/standing-findings.ts";
import { Withheld } from "../../src/log/withheld.ts";
import { expectCode } from "../expect-code.ts";

describe("the state of a scrub", () => {
  it("is read as it was written, and nothing else is", () => {
    const state = {
      copy: "/srv/log",
      beganAtMs: 3,
      startedAtMs: 5,
      lastPassedAtMs: undefined,
      findings: [
        {
          kind: "tile" as const,
          where: "tile/0/001",
          detail: "it is missing",
          cause: "corruption" as const,
          remedy: "derive" as const,
          leafIndex: 256,
          spoils: [{ level: 0, from: 1, to: 2 }],
          slice: 0,
        },
      ],
      pass: undefined,
    };
    const text = formatScrubState(state);
    expect(parseScrubState(text, "x")).toEqual(state);
    // One that was written before this was kept.
    expect(parseScrubState(text.replace('"beganAtMs":3,', ""), "x").beganAtMs).toBe(5);
    for (const bad of ["", "\n", text.replace("v1", "v2"), text.replace('"tile"', '"title"'), `${text}x`]) {
      expectCode(() => parseScrubState(bad, "x"), "CONFIG_INVALID");
    }
  });
});

const bad = (leafIndex: number, at = Math.floor(leafIndex / 256)): Finding => ({
  kind: "entry",
  where: `entry ${leafIndex}`,
  detail: "it does not hash to its leaf hash",
  cause: "corruption",
  remedy: "copy",
  leafIndex,
  spoils: [{ level: "entries", from: at, to: at + 1 }],
});

describe("what a scrub has found", () => {
  it("is told once, stands until its slice is found sound, and is told again after a restart", () => {
    const told: string[] = [];
    let spoilt: readonly Extent[] = [];
    const options = {
      onFound: ({ where }: Finding) => told.push(where),
      onSpoilt: (all: readonly Extent[]) => {
        spoilt = all;
      },
    };
    const standing = new StandingFindings([], options);
    expect(standing.replaceSlice(0, { findings: [], more: 0 })).toBe(false);
    expect(standing.replaceSlice(1, { findings: [bad(65_540)], more: 0 })).toBe(true);
    standing.replaceSlice(1, { findings: [bad(65_540), bad(65_541)], more: 0 });
    standing.replaceAll([bad(65_540), bad(65_541)]);
    expect(told).toEqual(["entry 65540", "entry 65541"]);
    expect(standing.slices).toEqual([1]);
    expect(spoilt).toEqual([
      { level: "entries", from: 256, to: 257 },
      { level: "entries", from: 256, to: 257 },
    ]);
    new StandingFindings(standing.all, options);
    expect(told).toHaveLength(4);
    expect(standing.replaceSlice(1, { findings: [], more: 0 })).toBe(true);
    expect(spoilt).toEqual([]);
  });

  it("spoils a whole slice where there is too much to name", () => {
    let spoilt: readonly Extent[] = [];
    const standing = new StandingFindings([], {
      onFound: () => {},
      onSpoilt: (all) => {
        spoilt = all;
      },
    });
    standing.replaceSlice(2, {
      findings: Array.from({ length: 100 }, (_, at) => bad(131_072 + at)),
      more: 7,
    });
    expect(standing.all).toHaveLength(20);
    expect(spoilt).toContainEqual({ level: "entries", from: 512, to: 768 });
    expect(spoilt).toContainEqual({ level: 0, from: 512, to: 768 });
  });
});

describe("what is withheld", () => {
  it("is exactly what is said, and told to who listens", () => {
    const withheld = new Withheld();
    let told = 0;
    const end = withheld.onReplaced(() => {
      told += 1;
    });
    withheld.replace([
      { level: 0, from: 5, to: 7 },
      { level: "entries", from: 1, to: 2 },
      { level: 0, from: 6, to: 9 },
    ]);
    expect(withheld.ranges).toHaveLength(2);
    for (const [level, index] of [
      [0, 5],
      [0, 8],
      ["entries", 1],
    ] as const) {
      expectCode(() => withheld.assertServable(level, index), "STORE_DAMAGED");
    }
    for (const [level, index] of [
      [0, 4],
      [0, 9],
      [1, 5],
      ["entries", 2],
    ] as const) {
      withheld.assertServable(level, index);
    }
    withheld.replace([]);
    withheld.assertServable(0, 5);
    end();
    withheld.replace([]);
    expect(told).toBe(2);
  });
});
