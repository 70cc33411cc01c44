import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatFrozen, parseFrozen, parseSuccessor } from "../../src/tlog/frozen.ts";
import { formatVerifierKey } from "../../src/tlog/key.ts";
import { expectCode } from "../expect-code.ts";
import { testSigner } from "../log/harness.ts";

const VKEY = formatVerifierKey((await testSigner(3, "example.com/2027")).verifierKey);
const URL = "https://log.example.com/2027/";
const MARK = "Log frozen — 2026-11-22T04:00:00Z";

describe("the mark of a log that ended", () => {
  it.each([
    [[MARK], undefined],
    [[MARK, `Successor ${VKEY}`], { vkey: VKEY, url: undefined }],
    [[MARK, `Successor ${VKEY} ${URL}`], { vkey: VKEY, url: URL }],
  ] as const)("is read as it is written: %j", (lines, successor) => {
    const frozen = parseFrozen(lines);
    expect(frozen).toEqual({ atSeconds: 1_795_320_000, successor });
    expect(frozen && formatFrozen(frozen)).toEqual(lines);
  });

  it.each([
    [[]],
    [["something else"]],
    [["Log frozen — Sun Nov 22 04:00:00 UTC 2026"]],
    [["Log frozen — 2026-11-22"]],
    [["Log frozen — 2026-11-22T04:00:00.500Z"]],
    [["Log frozen — 2026-11-22T04:00:00+00:00"]],
    [["Log frozen — -000001-11-22T04:00:00Z"]],
    [["Log frozen — +010000-11-22T04:00:00Z"]],
    [[`${MARK} `]],
    [[MARK, VKEY]],
    [[MARK, `Successor ${VKEY} ftp://example.com/`]],
    [[MARK, `Successor  ${VKEY}`]],
    [[MARK, `Successor ${VKEY} ${URL} more`]],
    [[MARK, `Successor ${VKEY} https://example.com/\u202e`]],
    [[MARK, `Successor ${VKEY.replace("2027", "2028")}`]],
    [[MARK, `Successor ${VKEY}`, "more"]],
    [[`Successor ${VKEY}`, MARK]],
  ])("has one spelling: %j is none", (lines) => {
    expect(parseFrozen(lines)).toBeUndefined();
  });

  it("is read as it is written at any second up to the year 9999", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (atSeconds) => {
        expect(parseFrozen(formatFrozen({ atSeconds, successor: undefined }))).toEqual({ atSeconds });
      }),
      { numRuns: 50 },
    );
    expectCode(() => formatFrozen({ atSeconds: 253_402_300_800, successor: undefined }), "ARGUMENT_INVALID");
  });

  it("names no successor that is no log's key or no URL", () => {
    expectCode(() => parseSuccessor(""), "VKEY_MALFORMED");
    expectCode(() => parseSuccessor(`${VKEY} log.example.com`), "ARGUMENT_INVALID");
    expectCode(() => parseSuccessor(`${VKEY} ${URL} ${URL}`), "ARGUMENT_INVALID");
    expectCode(() => formatFrozen({ atSeconds: -1, successor: undefined }), "ARGUMENT_INVALID");
  });
});
