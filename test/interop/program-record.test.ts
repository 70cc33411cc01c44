import { describe, expect, it } from "vitest";
import { summaryOf } from "./program-record.ts";

describe("what a run says of the programs it ran", () => {
  it("counts each program once, with its version, and each that was missed, with the reason", () => {
    const summary = summaryOf([
      { asked: ["fsck"], missing: [] },
      { ran: "fsck", version: "v1.0.4" },
      { ran: "fsck", version: "v1.0.4" },
      { asked: ["litewitness", "ssh-agent"], missing: ["ssh-agent"] },
      { asked: ["omniwitness"], missing: ["omniwitness"] },
      { asked: ["loadtest"], missing: [] },
    ]);
    expect(summary.split("\n")).toEqual([
      "programs: 1 ran, 3 skipped",
      "  ran: fsck v1.0.4",
      "  skipped: litewitness (needs ssh-agent), loadtest (there, not run), omniwitness (not installed)",
    ]);
  });

  it("does not call skipped what one file missed and another one ran", () => {
    const notes = [
      { asked: ["hammer", "omniwitness"], missing: ["omniwitness"] },
      { ran: "hammer", version: "v1.0.4" },
    ];
    expect(summaryOf(notes)).toContain("programs: 1 ran, 1 skipped");
  });
});
