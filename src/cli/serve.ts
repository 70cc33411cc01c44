import { type Config, invocation } from "../config.ts";
import { TlogError } from "../errors.ts";
import { heardByAll } from "../events.ts";
import { type WriteAccess, writeAccessFor } from "../http/access.ts";
import type { ExplorerFiles } from "../http/explorer.ts";
import { readTls } from "../http/tls.ts";
import type { Log } from "../log/log.ts";
import { readExplorerFiles } from "../node/explorer-files.ts";
import { type RunningServer, serveLog, type TlsFiles, type WriteTokens } from "../server.ts";
import { flagName, type SettingName } from "../settings.ts";
import { logLines } from "../telemetry/log-lines.ts";
import type { LogMetrics } from "../telemetry/log-metrics.ts";
import { readerLines } from "../telemetry/reader-lines.ts";
import type { ConfiguredWebhook, RunningWebhooks } from "../webhooks/open-webhooks.ts";
import { assertSettings } from "./checked-settings.ts";
import { addExamples, addSettings, type Call, type CommandDefinition } from "./command.ts";
import { localWitnesses, type Opening, openConfiguredLog, PLACE_SETTINGS } from "./configured-log.ts";
import { firstSteps, reachableUrl } from "./first-steps.ts";
import { keyOptions } from "./key-options.ts";
import type { LocalWitnesses } from "./local-witnesses.ts";
import { openKeptHeads } from "./serve-heads.ts";
import { type DataPaths, dataPaths, openLogKeys } from "./serve-key.ts";
import { configuredLogMetrics, toldAlso } from "./serve-metrics.ts";
import { openTokens } from "./serve-tokens.ts";
import { configuredWebhooks, serveWebhooks } from "./serve-webhooks.ts";
import { assertWitnessesAsked, WITNESS_SETTINGS } from "./serve-witnesses.ts";
import { lineOptions, readerLineOptions, requestLog, untilAborted } from "./serving.ts";

/** What `serve` may be told. */
export const SERVE_SETTINGS: readonly SettingName[] = [
  "listen",
  ...PLACE_SETTINGS,
  "duplicates",
  "checkpointInterval",
  ...WITNESS_SETTINGS,
  "localWitnesses",
  "servedAt",
  "readers",
  "explorer",
  "tokenHash",
  "tokens",
  "webhooks",
  "openWrites",
  "tlsCert",
  "tlsKey",
  "adminListen",
  "maxEntryBytes",
  "maxBatchEntries",
  "maxPendingEntries",
  "maxPendingBytes",
  "maxDataBytes",
  "minFreeBytes",
  "scrubBytesPerSecond",
  "logLevel",
  "slowRequest",
  "logFormat",
  "recreateGuard",
];

/** `serve`: runs a log until Ctrl-C. */
export const serve: CommandDefinition = {
  define(command) {
    addSettings(command, SERVE_SETTINGS);
    addExamples(command, [
      "bristlecone serve",
      "bristlecone serve --listen 0.0.0.0:6962 --data /var/lib/log --origin example.com/log --tokens tokens.txt",
      "BRISTLECONE_LISTEN=127.0.0.1:7000 bristlecone serve --data ./other",
    ]);
  },
  async run(call) {
    const config = await call.config();
    assertSettings(config, SERVE_SETTINGS);
    assertWitnessesAsked(config);
    const paths = dataPaths(config);
    const tls = tlsFiles(config);
    const webhooks = await configuredWebhooks(config);
    const about = { origin: config.value("origin") };
    const lines = logLines(lineOptions(call, config, about));
    const { tokens, close } = await openTokens(config, lines);
    const writers = { tokens, openWrites: config.value("openWrites") };
    try {
      await runLog(call, { config, paths, writers, tls, webhooks, about, events: lines });
    } finally {
      close();
    }
  },
};

/** Opens the log, serves it until Ctrl-C, and closes what was opened. */
async function runLog(
  call: Call,
  {
    config,
    paths,
    writers,
    tls,
    webhooks,
    about,
    events: lines,
  }: Pick<Opening, "config" | "paths" | "events"> &
    Omit<Serving, "log" | "metrics" | "explorer"> & { readonly webhooks: readonly ConfiguredWebhook[] },
): Promise<void> {
  const signers = await openLogKeys(paths, { ...keyOptions(call, config), origin: about.origin });
  about.origin = signers[0]?.verifierKey.name;
  const metrics = await configuredLogMetrics(config, { paths, signers, webhooks });
  const events = toldAlso(metrics, lines);
  const counted = metrics?.localWitnesses;
  const local = await localWitnesses(call, { config, paths, signers, told: counted?.events });
  counted?.watch(local?.mounted.map(({ witness }) => witness) ?? []);
  // Not `await using`: TypeScript 6.0 leaves the ".ts" of an import() that stands beside one.
  const bytesPerSecond = config.value("scrubBytesPerSecond");
  const scrub = bytesPerSecond === 0 ? undefined : { bytesPerSecond };
  const log = await openConfiguredLog({ config, paths, signers, local, events }, { scrub }).catch(
    async (error: unknown) => {
      await local?.close();
      throw error;
    },
  );
  metrics?.watch(log);
  let told: RunningWebhooks | undefined; // owned by this function
  try {
    const explorer = config.value("explorer") ? explorerFiles(call) : undefined;
    const serving = { config, paths, log, writers, tls, local, events, metrics, explorer, about };
    const server = await serveConfigured(call, serving);
    try {
      const access = writeAccessFor({ host: config.value("listen").host, ...writers });
      await local?.writePolicy(reachableUrl(server.url));
      told = await serveWebhooks(log, { webhooks, data: paths.data, events });
      const policyPath = config.value("witnessPolicy") ?? local?.policyPath;
      const { url } = server;
      const page = explorer && `${reachableUrl(url)}/`;
      await call.output.result(welcome({ paths, url, page, log, access, local, policyPath }));
      await untilAborted(call.signal);
      call.output.notice("finishing what is in flight; Ctrl-C again stops at once");
    } finally {
      await server.close().finally(() => told?.close());
    }
  } finally {
    await log.close().finally(() => local?.close());
  }
}

/** On one listener of this process, or with readers in front. */
async function serveConfigured(
  call: Call,
  {
    config,
    paths,
    log,
    writers,
    tls,
    local,
    events,
    metrics,
    explorer,
    about,
  }: Omit<Opening, "signers"> & Serving,
): Promise<RunningServer> {
  const options = {
    log,
    listen: config.value("listen"),
    ...writers,
    tls,
    adminListen: config.value("adminListen"),
    witnesses: local?.mounted ?? [],
    metrics,
    explorer,
    keptHeads: explorer && (await openKeptHeads(paths.data, call.signal)),
    requestLog: requestLog(call, config, about),
  };
  const count = config.value("readers");
  if (count === 0) return await serveLog({ ...options, events });
  const { serveLogWithReaders } = await import("../readers/serve-with-readers.ts");
  const lines = lineOptions(call, config, about);
  const all = heardByAll(events, readerLines(lines));
  const toReaders = () => readerLineOptions(lines, config);
  return await serveLogWithReaders({
    ...options,
    count,
    directory: paths.data,
    events: all,
    lines: toReaders,
  });
}

/** A log is served without its page rather than not at all. */
function explorerFiles({ output }: Call): ExplorerFiles | undefined {
  try {
    return readExplorerFiles();
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    output.notice(`no explorer: ${error.message}`);
    return undefined;
  }
}

interface Serving {
  readonly about: { origin: string | undefined };
  readonly log: Log;
  readonly writers: { readonly tokens: WriteTokens | undefined; readonly openWrites: boolean };
  readonly tls: TlsFiles | undefined;
  readonly metrics: LogMetrics | undefined;
  readonly explorer: ExplorerFiles | undefined;
}

/** Read here too, before anything is made. @throws {TlogError} CONFIG_INVALID (also: one without the other) | FILE_UNREADABLE */
function tlsFiles(config: Config): TlsFiles | undefined {
  const certFile = config.value("tlsCert");
  const keyFile = config.value("tlsKey");
  if (certFile !== undefined && keyFile !== undefined) {
    readTls({ certFile, keyFile });
    return { certFile, keyFile };
  }
  if (certFile === undefined && keyFile === undefined) return undefined;
  const names = [flagName("tlsCert"), flagName("tlsKey")];
  throw new TlogError("CONFIG_INVALID", `want ${names.join(" and ")} together, got one of them`);
}

function welcome({
  paths,
  url,
  page,
  log,
  access,
  local,
  policyPath,
}: {
  readonly paths: DataPaths;
  readonly url: string;
  /** Of the explorer. */
  readonly page: string | undefined;
  readonly log: Log;
  readonly access: WriteAccess;
  readonly local: LocalWitnesses | undefined;
  readonly policyPath: string | undefined;
}): { text: string; json: object } {
  const vkey = log.vkeys[0] ?? "";
  const { end } = log;
  const steps =
    end === undefined ? firstSteps({ invocation: invocation(), url, vkey, access, policyPath }) : [];
  const { treeSize } = log.published();
  const text = [
    `origin        ${log.origin}`,
    ...log.vkeys.map((key) => `verifier key  ${key}`),
    `listening on  ${url}`,
    ...(page === undefined
      ? []
      : [`explorer      ${page}  (open it in a browser: it verifies what it shows)`]),
    `data in       ${paths.data} (key ${paths.key}, guard ${paths.guard})`,
    `entries       ${treeSize}`,
    ...(end === undefined ? [] : ["frozen        it takes no more entries, and is served for ever"]),
    ...(local === undefined ? [] : localLines(local)),
    "",
    ...(steps.length === 0
      ? []
      : ["Try next, in another terminal:", ...steps.map((step) => `  ${step}`), ""]),
    "Ctrl-C ends the log cleanly.",
  ].join("\n");
  const { duplicates, origin, vkeys } = log;
  return { text, json: { origin, vkeys, url, explorer: page, ...paths, policyPath, treeSize, duplicates } };
}

function localLines({ mounted, policyPath }: LocalWitnesses): readonly string[] {
  return [
    `witnesses     ${mounted.map(({ path }) => path).join(", ")} in this process, under /witness/; policy ${policyPath}`,
    "",
    "These witnesses show how it works, and prove nothing to others: they are yours, as the log is. For witnesses that count,",
    `ask other people to run \`bristlecone witness --log 'VKEY URL'\`, put their keys and URLs into a copy of ${policyPath},`,
    "and start with --policy and that copy.",
  ];
}
