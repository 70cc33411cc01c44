/** A Prometheus of the machine, with our rules and days that pass in minutes. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { timesAt } from "../../src/signals/alert.ts";
import { rulesFile } from "../../src/signals/prometheus.ts";
import type { Job } from "./condition.ts";

/** An hour passes in a minute. */
const SPEED = 60;
/** Of rules that look at months, and at things that are tried again at their own pace. */
const SPEEDS: Readonly<Record<string, number>> = {
  LogScrubOld: 150_000,
  LogSignerFailing: 10,
  BristleconeRestartsOften: 20,
};
const JOBS = [
  "bristlecone-log",
  "bristlecone-witness",
  "bristlecone-monitor",
] as const satisfies readonly Job[];

export interface Target {
  readonly job: Job;
  /** Its admin listener. */
  readonly port: number;
}

export interface RunningPrometheus {
  /** Alerts that fired at any time since the start, as "NAME PORT". */
  fired(): Promise<ReadonlySet<string>>;
  stop(): void;
}

export function startPrometheus(
  directory: string,
  { targets, port }: { readonly targets: readonly Target[]; readonly port: number },
): RunningPrometheus {
  const timesOf = (alert = "") => timesAt(SPEEDS[alert] ?? SPEED);
  writeFileSync(join(directory, "rules.yml"), rulesFile({ timesOf, interval: "1s" }));
  const scrapes = JOBS.map((job) => ({
    job_name: job,
    static_configs: [
      { targets: targets.filter((target) => target.job === job).map((target) => `127.0.0.1:${target.port}`) },
    ],
  }));
  const config = {
    global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "1s" },
    rule_files: ["rules.yml"],
    scrape_configs: scrapes,
  };
  writeFileSync(join(directory, "prometheus.yml"), JSON.stringify(config));
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(directory, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(directory, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: "ignore" },
  );
  const seen = new Set<string>();
  return {
    async fired() {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/alerts`).catch(() => undefined);
      const found: Alerts = answer?.ok === true ? JSON.parse(await answer.text()) : { data: { alerts: [] } };
      for (const { labels, state } of found.data.alerts) {
        if (state === "firing") seen.add(`${labels.alertname} ${labels.instance?.replace(/.*:/, "")}`);
      }
      return seen;
    },
    stop: () => void child.kill("SIGKILL"),
  };
}

interface Alerts {
  readonly data: {
    readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[];
  };
}
