import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSigner } from "../../src/server.ts";
import type { Panel } from "../../src/signals/panel.ts";
import { DASHBOARDS } from "../../src/signals/panels.ts";
import { formatSigningKey, formatVerifierKey, generateSigningKey } from "../../src/tlog/key.ts";
import { startCli, temporaryDirectory } from "../cli/harness.ts";
import { add, ask, freePort, type Job, pause, start, startWitness } from "./condition.ts";
import { startPrometheus } from "./running-prometheus.ts";

const isThere = spawnSync("prometheus", ["--version"]).status === 0;
const DEADLINE_MS = 150_000;

/** Panels that show nothing while all is well, with what has to happen first; what it is caused by is in `conditions.ts`. */
const EMPTY: Readonly<Record<string, string>> = {
  "because of {{code}}": "a log that turned read-only",
  "Days of storage left": "a disk that fills up",
  "Witness: refused": "a head that was refused",
  Firing: "an alert that fires",
  "{{kind}} {{instance}}": "something wrong with a log",
  "failed {{to}}": "somebody who cannot be told",
  "quorum {{origin}}": "a policy with witnesses",
  "Monitor: quorum margin": "a policy with witnesses",
  "Monitor: looks that failed": "a log that cannot be read",
  "Monitor: alerts told": "an alert",
};

/** As Grafana fills it in for a reader who chose all. */
function asked(expr: string): string {
  return expr.replaceAll(/"\$(?:job|instance)"/g, '".*"').replaceAll("$__rate_interval", "20s");
}

async function valuesOf(port: number, expr: string): Promise<readonly string[]> {
  const query = new URLSearchParams({ query: asked(expr) });
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${query}`);
  const found: Found = JSON.parse(await answer.text());
  if (found.status !== "success") throw new Error(`${expr}: ${found.error}`);
  return (found.data?.result ?? []).map(({ value }) => value[1]);
}

interface Found {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** A log with readers, witnesses, a receiver and a place where readers see it, a witness beside it, and a monitor: all that makes metrics. */
async function running(ports: Readonly<Record<Job, number>>) {
  const place = temporaryDirectory();
  const key = await generateSigningKey({ name: "example.com/shown" });
  const vkey = formatVerifierKey((await openSigner(formatSigningKey(key))).verifierKey);
  writeFileSync(join(place, "log.key"), `${formatSigningKey(key)}\n`, { mode: 0o600 });
  const publicPort = await freePort();
  const url = `http://127.0.0.1:${publicPort}/`;
  const witness = await startWitness([
    ...["--admin-listen", String(ports["bristlecone-witness"]), "--log", `${vkey} ${url}`],
    ...["--name", "witness.example/shown", "--poll-interval", "5"],
  ]);
  const lines = [`log ${vkey} ${url}`, `witness w1 ${witness.vkeys[0]} ${witness.url}`, "quorum w1"];
  writeFileSync(join(place, "policy"), `${lines.join("\n")}\n`);
  const receiver = createServer((incoming, outgoing) => incoming.resume().on("end", () => outgoing.end()));
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", () => resolve()));
  const address = receiver.address();
  const hook = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
  const webhook = { name: "ci", url: hook, secretFile: "secret", events: "entries", network: "private" };
  writeFileSync(join(place, "webhooks.json"), JSON.stringify({ webhooks: [webhook] }));
  writeFileSync(join(place, "secret"), `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`, { mode: 0o600 });
  const args = [
    ...["--listen", `127.0.0.1:${publicPort}`, "--key", "log.key", "--policy", "policy", "--readers", "1"],
    ...["--webhooks", "webhooks.json", "--served-at", url],
  ];
  const log = await start(ports["bristlecone-log"], args, place);
  const admin = String(ports["bristlecone-monitor"]);
  const watching = ["monitor", "--log", url, "--vkey", vkey, "--interval", "2", "--admin-listen", admin];
  const monitor = startCli(watching, temporaryDirectory());
  for (const stream of [monitor.stdout, monitor.stderr]) stream?.resume();
  return {
    /** What people do. */
    async use() {
      await Promise.all([
        add(log, { count: 3 }),
        ask(`${url}add`, { method: "POST", body: "again and again" }),
      ]);
      for (const path of ["checkpoint", "entry/0", "log.json"]) await ask(url + path);
    },
    end() {
      for (const child of [log.child, witness.child, monitor]) child.kill("SIGKILL");
      receiver.closeAllConnections();
      receiver.close();
    },
  };
}

type Series = Panel["series"][number];

const ALL: readonly { readonly panel: Panel; readonly series: Series }[] = DASHBOARDS.flatMap(({ panels }) =>
  panels.flatMap((panel) => panel.series.map((series) => ({ panel, series }))),
);
const isEmptyWhenWell = ({ panel, series }: (typeof ALL)[number]) =>
  series.legend in EMPTY || panel.title in EMPTY;

describe.skipIf(!isThere)("dashboards, with a Prometheus that looks at real servers", () => {
  it("show data in every panel, but for those of troubles that there are none of", {
    timeout: 300_000,
  }, async () => {
    const [log = 0, witness = 0, monitor = 0, own = 0] = await Promise.all([1, 2, 3, 4].map(freePort));
    const ports = { "bristlecone-log": log, "bristlecone-witness": witness, "bristlecone-monitor": monitor };
    const jobs: readonly Job[] = ["bristlecone-log", "bristlecone-witness", "bristlecone-monitor"];
    const targets = jobs.map((job) => ({ job, port: ports[job] }));
    const prometheus = startPrometheus(temporaryDirectory(), { targets, port: own });
    const servers = await running(ports);
    try {
      let missing = ALL.filter((one) => !isEmptyWhenWell(one));
      const deadline = Date.now() + DEADLINE_MS;
      while (missing.length > 0 && Date.now() < deadline) {
        await servers.use();
        await pause(500);
        const still: (typeof ALL)[number][] = [];
        for (const one of missing) {
          const values = await valuesOf(own, one.series.expr);
          if (values.every((value) => value === "NaN")) still.push(one);
        }
        missing = still;
      }
      expect(missing.map(({ panel, series }) => `${panel.title}: ${series.legend}`)).toEqual([]);
      // The others are understood too.
      for (const { series } of ALL.filter(isEmptyWhenWell)) await valuesOf(own, series.expr);
    } finally {
      servers.end();
      prometheus.stop();
    }
  });
});
