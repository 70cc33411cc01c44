import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ALERTS } from "../../src/signals/prometheus.ts";
import { temporaryDirectory } from "../cli/harness.ts";
import { type Condition, freePort, pause, type Trouble } from "./condition.ts";
import { CONDITIONS } from "./conditions.ts";
import { startPrometheus } from "./running-prometheus.ts";

const isThere = spawnSync("prometheus", ["--version"]).status === 0;
const isLong = process.env.ALERTS === "all";
/** With ONLY="part of a name" those alone. */
const { ONLY = "" } = process.env;
const wished = CONDITIONS.filter(
  ({ name, isLong: isSlow }) => isThere && name.includes(ONLY) && (isLong || isSlow === undefined),
);
const chosen = wished.filter(({ name, lacks }) => {
  const lacking = lacks?.();
  if (lacking !== undefined) console.warn(`skipped: ${name}: needs ${lacking}`);
  return lacking === undefined;
});
/** Of the short form, those that take no whole minute. */
const SLOW = isLong ? [] : ["LogWitnessFailing", "LogCannotSign", "LogDiskFullInDays"];
const DEADLINE_MS = 200_000;
/** Servers side by side, that a small machine has the time for. */
const TOGETHER = isLong ? 9 : 16;
/** Also of a log that does well here: it is not up from the first second, the machine is busy, and a month without a scrub passes in seconds. */
const NOT_BY_ITS_FAULT = /Down|Slow|LogScrubOld/;

/** Brings servers into trouble. @returns what did not fire, and what did of a server that does well, each as "NAME PORT" */
async function caused(conditions: readonly Condition[]) {
  const all = await Promise.all(conditions.map(async (condition) => ({ condition, port: await freePort() })));
  const targets = all.map(({ condition: { job = "bristlecone-log" }, port }) => ({ job, port }));
  const prometheus = startPrometheus(temporaryDirectory(), { targets, port: await freePort() });
  const wanted = all.flatMap(({ condition: { alerts }, port }) =>
    alerts.filter((alert) => !SLOW.includes(alert)).map((alert) => `${alert} ${port}`),
  );
  const well = all.flatMap(({ condition: { alerts }, port }) => (alerts.length === 0 ? [` ${port}`] : []));
  const troubles: Trouble[] = [];
  let isOver = false;
  let failure: unknown;
  const deadline = Date.now() + DEADLINE_MS;
  const causing = all.map(async ({ condition: { cause }, port }) => {
    try {
      const trouble = await cause(port);
      troubles.push(trouble);
      while (!isOver && trouble.again !== undefined) {
        await trouble.again();
        await pause(200);
      }
    } catch (error) {
      failure ??= error;
    }
  });
  try {
    let missing: readonly string[] = wanted;
    let unwanted: readonly string[] = [];
    while (missing.length > 0 && failure === undefined && Date.now() < deadline) {
      await pause(500);
      const fired = await prometheus.fired();
      missing = wanted.filter((one) => !fired.has(one));
      unwanted = [...fired].filter(
        (one) => well.some((port) => one.endsWith(port)) && !NOT_BY_ITS_FAULT.test(one),
      );
    }
    return { failure, missing, unwanted };
  } finally {
    isOver = true;
    for (const { end } of troubles) end();
    prometheus.stop();
    await Promise.allSettled(causing);
    for (const { end } of troubles) end(); // also of what was only being started
  }
}

describe.skipIf(!isThere)(
  "alerts, with a Prometheus for which an hour passes in a minute (apt: prometheus)",
  () => {
    it("fire because what they tell of happens, and not for a log that does well", {
      timeout: 1_200_000,
    }, async () => {
      for (let at = 0; at < chosen.length; at += TOGETHER) {
        const result = await caused(chosen.slice(at, at + TOGETHER));
        expect.soft(result).toEqual({ failure: undefined, missing: [], unwanted: [] });
      }
    });

    it("are caused each", () => {
      const known = ALERTS.map(({ name }) => name).sort();
      expect([...new Set(CONDITIONS.flatMap(({ alerts }) => alerts))].sort()).toEqual(known);
    });
  },
);
