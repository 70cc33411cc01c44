import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openLogMetrics } from "../../src/telemetry/log-metrics.ts";
import { openWitnessMetrics } from "../../src/telemetry/witness-metrics.ts";
import { logMetricsOptions } from "../telemetry/log-metrics-options.ts";

const PROMETHEUS = resolve(import.meta.dirname, "../../deploy/prometheus");
const isThere = spawnSync("promtool", ["--version"]).status === 0;
const place = mkdtempSync(join(tmpdir(), "bristlecone-promtool-"));
afterAll(() => rmSync(place, { recursive: true }));

function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync("promtool", args, {
    cwd: PROMETHEUS,
    input,
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}

describe.skipIf(!isThere)("promtool (apt: prometheus)", () => {
  it("takes the rules", () => {
    expect(promtool(["check", "rules", "rules.yml"])).toMatchObject({ status: 0 });
  });

  it("sees each alert fire in its example, and none when all is well", { timeout: 240_000 }, () => {
    const { status, said } = promtool(["test", "rules", "tests.yml"]);
    expect(said).toContain("SUCCESS");
    expect(status).toBe(0);
  });

  it("finds nothing to say about the metrics of a log and of a witness", async () => {
    const log = openLogMetrics({ ...logMetricsOptions(), isWholeProcess: true });
    const witness = openWitnessMetrics({ ...logMetricsOptions(), isWholeProcess: false });
    for (const { page } of [log, witness]) {
      expect(promtool(["check", "metrics"], (await page()).body)).toEqual({ status: 0, said: "" });
    }
  });

  it("would tell of a rule that is wrong", () => {
    const path = join(place, "rules.yml");
    writeFileSync(path, "groups: [{ name: a, rules: [{ alert: A, expr: 'sum(' }] }]\n");
    expect(promtool(["check", "rules", path]).status).not.toBe(0);
  });
});
