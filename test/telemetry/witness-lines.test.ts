import { describe, expect, it } from "vitest";
import { witnessLines } from "../../src/telemetry/witness-lines.ts";

function collect(level: "debug" | "info" | "warn" = "debug") {
  const lines: string[] = [];
  let nowMs = 1_700_000_000_000;
  const write = (line: string) => lines.push(line);
  const events = witnessLines({ write, format: "json", level, now: () => nowMs });
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { lines, events, wait };
}

describe("log lines of a witness", () => {
  it("name log, code and evidence, and warn of what an operator must see", () => {
    const { lines, events } = collect("warn");
    events.cosigned({ origin: "log.test", treeSize: 3, elapsedMs: 2 });
    events.evidenceStored({ origin: "log.test", id: "ab", kind: "same-size" });
    events.turnedReadOnly({ code: "STORE_FULL", message: "no room" });
    const compared = { origin: "log.test", source: "https://log.test/checkpoint", bySize: 0 };
    events.headCompared({ ...compared, verdict: "consistent", sinceSeconds: undefined });
    events.headCompared({ ...compared, verdict: "behind", sinceSeconds: 60 });
    events.headCompared({ ...compared, verdict: "evidence", sinceSeconds: undefined });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "error", origin: "log.test", id: "ab", kind: "same-size" },
      { level: "error", code: "STORE_FULL" },
      { level: "error", source: "https://log.test/checkpoint" },
    ]);
  });

  it("tell of refusals once a second, with how many there were", () => {
    const { lines, events, wait } = collect();
    const refused = { origin: "log.test", code: "PROOF_INVALID", message: "does not verify" };
    for (let count = 0; count < 1000; count++) events.refused(refused);
    expect(lines).toHaveLength(1);
    wait(1000);
    events.refused(refused);
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({ count: 1000, code: "PROOF_INVALID" });
  });

  it("tell once a second of a clock that is behind, which every request would say, and of all else each time", () => {
    const { lines, events, wait } = collect();
    const behind = { code: "CLOCK_BEHIND", message: "log.test: the clock is 90 s behind" };
    for (let count = 0; count < 1000; count++) events.warning(behind);
    expect(lines).toHaveLength(1);
    wait(1000);
    events.warning(behind);
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({ count: 1000, code: "CLOCK_BEHIND" });
    for (const host of ["a", "b"]) events.warning({ code: "OWN_SIGNATURES_UNKNOWN", message: host });
    expect(lines.slice(2).map((line) => JSON.parse(line).message)).toEqual(["a", "b"]);
  });
});
