import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { ALERTS } from "../../src/signals/prometheus.ts";
import { temporaryDirectory } from "../cli/harness.ts";
import { CONDITIONS, type Trouble } from "./conditions.ts";
import { startPrometheus } from "./running-prometheus.ts";

const isThere = spawnSync("prometheus", ["--version"]).status === 0;
const isLong = process.env.ALERTS === "all";
const chosen = CONDITIONS.filter((condition) => isLong || condition.isLong === undefined);
/** Of the short form, those that take no whole minute. */
const SLOW = isLong ? [] : ["LogWitnessFailing"];
const DEADLINE_MS = isLong ? 200_000 : 120_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe.skipIf(!isThere)(
  "alerts, with a Prometheus for which an hour passes in a minute (apt: prometheus)",
  () => {
    it("fire because what they tell of happens", { timeout: 300_000 }, async () => {
      const ports = await Promise.all([...chosen, "prometheus"].map(() => freePort()));
      const targets = chosen.map(({ job }, at) => ({
        job: job ?? ("bristlecone-log" as const),
        port: ports[at] ?? 0,
      }));
      const prometheus = startPrometheus(temporaryDirectory(), { targets, port: ports.at(-1) ?? 0 });
      const wanted = chosen.flatMap(({ alerts }, at) =>
        alerts.filter((alert) => !SLOW.includes(alert)).map((alert) => `${alert} ${ports[at]}`),
      );
      const troubles: Trouble[] = [];
      let isOver = false;
      let failure: unknown;
      const deadline = Date.now() + DEADLINE_MS;
      const causing = chosen.map(async ({ cause }, at) => {
        const trouble = await cause(ports[at] ?? 0);
        troubles.push(trouble);
        while (!isOver && trouble.again !== undefined) {
          await trouble.again();
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      });
      try {
        let missing: readonly string[] = wanted;
        while (missing.length > 0 && failure === undefined && Date.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, 500));
          const fired = await prometheus.fired();
          missing = wanted.filter((one) => !fired.has(one));
        }
        expect({ failure, missing }).toEqual({ failure: undefined, missing: [] });
      } finally {
        isOver = true;
        for (const { end } of troubles) end();
        prometheus.stop();
        await Promise.allSettled(causing);
        for (const { end } of troubles) end(); // also of what was only being started
      }
    });

    it("are all in the table", () => {
      const known = ALERTS.map(({ name }) => name);
      expect(CONDITIONS.flatMap(({ alerts }) => alerts).filter((alert) => !known.includes(alert))).toEqual(
        [],
      );
    });
  },
);
