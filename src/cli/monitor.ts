import { resolve } from "node:path";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import type { MonitorEvents } from "../events.ts";
import type { RunningListener } from "../http/listen.ts";
import type { OnError } from "../http/problem.ts";
import { alertJson } from "../monitor/alert.ts";
import type { AlertSink } from "../monitor/delivery.ts";
import { type Monitor, openMonitor } from "../monitor/monitor.ts";
import type { MonitoredLog } from "../monitor/monitored-log.ts";
import type { MonitorStatus } from "../monitor/status.ts";
import { codeOf, messageOf } from "../node/errno.ts";
import { makeDirectory } from "../node/make-directory.ts";
import { monitorShelf, monitorStates } from "../node/monitor-files.ts";
import type { SettingName } from "../settings.ts";
import { lockPlace } from "../store/directory-lock.ts";
import { alertLine, monitorHeardByAll, monitorLines } from "../telemetry/monitor-lines.ts";
import type { MonitorMetrics } from "../telemetry/monitor-metrics.ts";
import { assertSettings } from "./checked-settings.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, isFlagOn } from "./command.ts";
import { addMonitorFlags, assertNoLogFlags, intervalFlag, oneLogFlags } from "./monitor-flags.ts";
import { alertResult, assertQuiet, onceResult } from "./monitor-report.ts";
import {
  alertSinks,
  folderOf,
  monitoredLog,
  monitoredLogs,
  monitorStateOf,
  OWN_SINK,
  readMonitorConfig,
} from "./monitor-setup.ts";
import { openRemote } from "./remote.ts";
import { lineOptions } from "./serving.ts";

const OPTIONS: readonly SettingName[] = [
  "log",
  "vkey",
  "policy",
  "origin",
  "state",
  "timeout",
  "adminListen",
  "logLevel",
  "logFormat",
];

const LOCK_SOCKET = "monitor.lock";
const DEFAULT_INTERVAL_SECONDS = 10;

/** `monitor`: follows logs, verifies everything, tells what is wrong or wanted. */
export const monitor: CommandDefinition = {
  define(command) {
    command.argument(
      "[file]",
      "a JSON file that names logs, what to look for, and whom to tell (spec/monitor.md)",
    );
    addMonitorFlags(command);
    addSettings(command, OPTIONS, {
      adminListen:
        "where a page with its state, /healthz and /metrics listen: a port of 127.0.0.1, or HOST:PORT; off unless given",
      state:
        "where it keeps how far it read, and evidence (default: monitor in the XDG state directory's bristlecone)",
    });
    addExamples(command, [
      "bristlecone monitor --log https://log.example.com/ --policy policy.txt --find example.com",
      "bristlecone monitor --once --log https://log.example.com/ --vkey 'log.example.com+8ab5d197+AV…'",
      "bristlecone monitor monitor.json",
    ]);
  },
  async run(call) {
    const config = await call.config();
    assertSettings(config, OPTIONS);
    const watched = await watchedBy(call);
    await makeStateDirectory(watched.state);
    const lock = await lockPlace(watched.state, LOCK_SOCKET);
    const own = ownSink(call, config);
    const lines = monitorLines(lineOptions(call, config));
    const metrics = await monitorMetrics(config, () => status());
    let status = (): MonitorStatus => ({ isSaving: true, logs: [] }); // owned by this function
    try {
      const opened = await openMonitor({
        logs: watched.logs,
        states: monitorStates(watched.state),
        shelf: monitorShelf(watched.state),
        sinks: [own, ...watched.sinks],
        events: metrics === undefined ? lines : monitorHeardByAll(metrics.events, lines),
        now: Date.now,
        intervalMs: watched.intervalMs,
        network: { timeoutMs: config.value("timeout") * 1000 },
      });
      status = opened.status;
      if (isFlagOn(call.flags, "once")) return await once(call, opened, own.matches);
      const admin = await serveAdmin(config, { status, metrics, events: lines });
      try {
        await followUntilAborted(call, opened, { ...watched, adminUrl: admin?.url });
      } finally {
        await admin?.close();
      }
    } finally {
      await lock.release();
    }
  },
};

/** Loaded only when it is wanted. */
async function monitorMetrics(
  config: Config,
  status: () => MonitorStatus,
): Promise<MonitorMetrics | undefined> {
  if (config.value("adminListen") === undefined) return undefined;
  const { openMonitorMetrics } = await import("../telemetry/monitor-metrics.ts");
  return openMonitorMetrics({ status, isWholeProcess: true });
}

async function serveAdmin(
  config: Config,
  {
    status,
    metrics,
    events,
  }: { status: () => MonitorStatus; metrics: MonitorMetrics | undefined; events: MonitorEvents },
): Promise<RunningListener | undefined> {
  const address = config.value("adminListen");
  if (address === undefined) return undefined;
  const { createMonitorApp } = await import("../http/monitor.ts");
  const { listenOn } = await import("../http/serve-apps.ts");
  const onError: OnError = ({ error, method, path }) =>
    events.warning?.({ code: "INTERNAL", message: `${method} ${path}: ${messageOf(error)}` });
  return await listenOn({ app: createMonitorApp({ status, metrics, onError }), ...address, onError });
}

interface Watched {
  readonly logs: readonly MonitoredLog[];
  readonly sinks: readonly AlertSink[];
  readonly state: string;
  readonly intervalMs: number;
}

/** What the file says, or the flags. */
async function watchedBy(call: Call): Promise<Watched> {
  const { args, flags } = call;
  const [file] = args;
  const seconds = intervalFlag(flags);
  const intervalMs = (fromFile?: number) => (seconds ?? fromFile ?? DEFAULT_INTERVAL_SECONDS) * 1000;
  if (file === undefined) {
    const { log, alerts } = oneLogFlags(flags);
    const { url, trust } = await openRemote(call);
    const folder = resolve(".");
    return {
      logs: [await monitoredLog({ ...log, url }, { trust, folder, shared: [] })],
      sinks: await alertSinks(alerts, { folder, now: Date.now }),
      state: await monitorStateOf(call),
      intervalMs: intervalMs(),
    };
  }
  assertNoLogFlags(flags);
  const read = await readMonitorConfig(file);
  const folder = folderOf(file);
  return {
    logs: await monitoredLogs(read, folder),
    sinks: await alertSinks(read.alerts, { folder, now: Date.now }),
    state: await monitorStateOf(call, { path: file, state: read.state }),
    intervalMs: intervalMs(read.intervalSeconds),
  };
}

async function makeStateDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(resolve(path), { mode: 0o700 });
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be made (${codeOf(cause)})`, { cause });
  }
}

/** Whoever sees this program: results with --once, log lines else. */
function ownSink(call: Call, config: Config): AlertSink & { readonly matches: ReadonlyMap<string, number> } {
  const line = alertLine(lineOptions(call, config));
  const isOnce = isFlagOn(call.flags, "once");
  const matches = new Map<string, number>(); // told, by origin; owned by tell()
  return {
    name: OWN_SINK,
    isOwn: true,
    matches,
    async tell({ alerts }) {
      for (const alert of alerts) {
        const { origin } = alert;
        if (alert.kind === "match") matches.set(origin, (matches.get(origin) ?? 0) + 1);
        if (isOnce) await call.output.result(alertResult(alert));
        else {
          const { message: _, kind, ...fields } = alertJson(alert);
          line(alert, { alert: kind, ...fields });
        }
      }
    },
  };
}

async function once(
  { output, signal }: Call,
  opened: Monitor,
  told: ReadonlyMap<string, number>,
): Promise<void> {
  const found = await opened.once(signal);
  // What an earlier run wrote down and could not tell counts in the run that tells it.
  const logs = found.logs.map((log) => ({
    ...log,
    matches: Math.max(log.matches, told.get(log.origin) ?? 0),
  }));
  const report = { ...found, logs };
  const status = opened.status();
  await output.result(onceResult(report, status));
  assertQuiet(report, status);
}

async function followUntilAborted(
  { output, signal }: Call,
  opened: Monitor,
  watched: Watched & { readonly adminUrl: string | undefined },
): Promise<void> {
  const { logs, sinks, state, adminUrl } = watched;
  const names = ["log lines", ...sinks.map(({ name }) => name)];
  const text = [
    ...logs.map(({ trust, url, matchers, places }) => {
      const more = [
        ...(matchers.length > 0
          ? [`${matchers.length} ${matchers.length === 1 ? "matcher" : "matchers"}`]
          : []),
        ...(places.length > 0 ? [`${places.length} other places`] : []),
      ];
      return `following   ${trust.origin}  ${url}${more.length > 0 ? `  (${more.join(", ")})` : ""}`;
    }),
    `alerts to   ${names.join(", ")}`,
    `state in    ${state}`,
    ...(adminUrl === undefined ? [] : [`status at   ${adminUrl}/`]),
    "",
    "Ctrl-C ends it; the next start goes on where it was.",
  ].join("\n");
  await output.result({
    text,
    json: {
      logs: logs.map(({ trust, url }) => ({ origin: trust.origin, url })),
      state,
      alerts: names,
      adminUrl,
    },
  });
  await opened.run(signal);
}
