import { describe, expect, it } from "vitest";
import { countsText, reportTable } from "../../src/cli/conformance-report.ts";
import type { CaseResult } from "../../src/conformance/result.ts";

const PASSED: CaseResult = {
  name: "unknown-origin",
  requirement: "An unknown origin is 404.",
  level: "MUST",
  document: "c2sp.org/tlog-witness",
  section: "add-checkpoint",
  expected: "404",
  got: "404, text/plain",
  verdict: "pass",
};
const FAILED: CaseResult = {
  ...PASSED,
  name: "old-above-size",
  requirement: "An old size above the checkpoint's is 400, whatever else may be wrong with it.",
  expected: "400",
  got: "500",
  verdict: "fail",
  note: "the server fell over",
};

function table(results: readonly CaseResult[], isVerbose = false): readonly string[] {
  return reportTable(results, { isVerbose }).split("\n");
}

describe("the table", () => {
  it("shows requirement, document and section, expected, got", () => {
    expect(table([PASSED])).toEqual([
      "verdict  level     requirement                    expected                got",
      "",
      "c2sp.org/tlog-witness § add-checkpoint",
      "",
      "pass     MUST      An unknown origin is 404.      404                     404, text/plain",
      "",
    ]);
  });

  it("breaks a requirement between words, and says the name and what to know below what did not pass", () => {
    expect(table([FAILED]).slice(4)).toEqual([
      "FAIL     MUST      An old size above the          400                     500",
      "                   checkpoint's is 400, whatever",
      "                   else may be wrong with it.",
      "                   (old-above-size) the server fell over",
      "",
    ]);
    expect(table([PASSED], true)[5]).toBe("                   (unknown-origin)");
  });

  it("puts cases of one section together, in the order of their first ones", () => {
    const other: CaseResult = { ...PASSED, section: "sign-subtree" };
    const headings = table([PASSED, other, FAILED]).filter((line) => line.includes("§"));
    expect(headings).toEqual([
      "c2sp.org/tlog-witness § add-checkpoint",
      "c2sp.org/tlog-witness § sign-subtree",
    ]);
  });

  it("shows a long answer below the row, and cuts it where the case passed", () => {
    const got = `200, "${"x".repeat(190)}"`;
    const failed = table([{ ...FAILED, got }]);
    expect(failed[4]).toMatch(/400 +200,$/);
    expect(failed[5]).toMatch(/x…$/);
    expect(failed.join("").replace(/\s/g, "")).toContain(got.replace(/\s/g, ""));
    expect(table([{ ...PASSED, got }])[5]).toMatch(/x…$/);
  });

  it.each([
    ["one word", "x".repeat(500)],
    ["many words", "word ".repeat(100)],
    ["nothing", ""],
  ])("fits into 100 columns with %s everywhere", (_what, text) => {
    const result = { ...FAILED, requirement: text, expected: text, got: text, note: text };
    expect(Math.max(...table([result]).map((line) => line.length))).toBeLessThan(100);
  });

  it.each([80, 132, 40, 1000])("is narrower than a terminal of %i columns, within reason", (columns) => {
    const long = "word ".repeat(100);
    const result = { ...FAILED, requirement: long, expected: long, got: long, note: long };
    const lines = reportTable([result], { isVerbose: false, columns }).split("\n");
    const widest = Math.max(...lines.map((line) => line.length));
    const within = Math.min(Math.max(columns - 1, 72), 160);
    expect(widest).toBeLessThanOrEqual(within);
    expect(widest).toBeGreaterThan(within - 8);
  });

  it("does not let a server forge a row or command the terminal", () => {
    const forged = { ...PASSED, got: "404\npass     MUST      forged\u001b[2J" };
    const lines = table([forged]);
    expect(lines.filter((line) => line.startsWith("pass"))).toHaveLength(1);
    expect(lines.join("\n")).not.toContain("\u001b");
  });
});

it("counts what there is of each verdict", () => {
  const open: CaseResult = { ...PASSED, verdict: "open" };
  const notRun: CaseResult = { ...PASSED, verdict: "not-run" };
  expect(countsText([PASSED])).toBe("1 case: 1 pass");
  expect(countsText([FAILED, open, notRun, open])).toBe("4 cases: 0 pass, 1 FAIL, 2 open, 1 not run");
});
