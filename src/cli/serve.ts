import { type Config, invocation } from "../config.ts";
import { type ErrorCode, TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { type WriteAccess, writeAccessFor } from "../http/access.ts";
import type { Log, LogLimits } from "../log/log.ts";
import { openGuardFile, openLog, serveLog } from "../server.ts";
import type { SettingName } from "../settings.ts";
import { logLines } from "../telemetry/log-lines.ts";
import { addExamples, addSettings, type Call, type CommandDefinition } from "./command.ts";
import { readSmallFile } from "./files.ts";
import { firstSteps } from "./first-steps.ts";
import { type LogPaths, logPaths, openLogKeys } from "./serve-key.ts";
import { policyWitnesses, WITNESS_SETTINGS } from "./serve-witnesses.ts";

const OPTIONS: readonly SettingName[] = [
  "listen",
  "data",
  "origin",
  "key",
  "mlDsaKey",
  "guard",
  "duplicates",
  "checkpointInterval",
  ...WITNESS_SETTINGS,
  "tokenHash",
  "tokens",
  "openWrites",
  "adminListen",
  "maxEntryBytes",
  "maxBatchEntries",
  "maxPendingEntries",
  "maxPendingBytes",
  "maxDataBytes",
  "logLevel",
  "logFormat",
  "recreateGuard",
];

const MAX_TOKENS_FILE_BYTES = 1024 * 1024;

/** `serve`: runs a log until Ctrl-C. */
export const serve: CommandDefinition = {
  define(command) {
    addSettings(command, OPTIONS);
    addExamples(command, [
      "bristlecone serve",
      "bristlecone serve --listen 0.0.0.0:6962 --data /var/lib/log --origin example.com/log --tokens tokens.txt",
      "BRISTLECONE_LISTEN=127.0.0.1:7000 bristlecone serve --data ./other",
    ]);
  },
  async run(call) {
    const config = await call.config();
    const paths = logPaths(config);
    const tokenHashes = await tokenHashesOf(config);
    const writers = {
      ...(tokenHashes !== undefined && { tokenHashes }),
      openWrites: config.value("openWrites"),
    };
    const events = openEvents(call, config);
    // Not `await using`: TypeScript 6.0 leaves the ".ts" of an import() that stands beside one.
    const log = await openConfiguredLog({ config, paths, events });
    try {
      const server = await serveLog({
        log,
        listen: config.value("listen"),
        ...writers,
        adminListen: config.value("adminListen"),
        events,
      });
      try {
        const access = writeAccessFor({ host: config.value("listen").host, ...writers });
        await call.output.result(welcome({ paths, url: server.url, log, access }));
        await untilAborted(call.signal);
        call.output.notice("finishing what is in flight; Ctrl-C again stops at once");
      } finally {
        await server.close();
      }
    } finally {
      await log.close();
    }
  },
};

async function openConfiguredLog({
  config,
  paths,
  events,
}: {
  readonly config: Config;
  readonly paths: LogPaths;
  readonly events: LogEvents;
}): Promise<Log> {
  const signers = await openLogKeys(paths, { origin: config.value("origin") });
  const witnesses = await policyWitnesses(config, { signers });
  const checkpointIntervalMs = config.value("checkpointInterval");
  try {
    return await openLog({
      directory: paths.data,
      signers,
      guard: await openGuardFile(paths.guard),
      duplicates: config.value("duplicates"),
      ...(checkpointIntervalMs !== undefined && { checkpointIntervalMs }),
      witnesses,
      limits: limitsOf(config),
      events,
      recreateGuard: config.value("recreateGuard"),
      maxStoreBytes: config.value("maxDataBytes"),
    });
  } catch (error) {
    throw withWaysOut(error);
  }
}

/** Only what was set: the rest is the engine's to decide. */
function limitsOf(config: Config): Partial<LogLimits> {
  const names = ["maxEntryBytes", "maxBatchEntries", "maxPendingEntries", "maxPendingBytes"] as const;
  const limits: Partial<Record<(typeof names)[number], number>> = {};
  for (const name of names) {
    const value = config.value(name);
    if (value !== undefined) limits[name] = value;
  }
  return limits;
}

/**
 * The hashes of --token-hash and of the file of --tokens: one a line, empty lines and # comments aside.
 * @returns undefined when neither was given; empty when they were, and hold none: then nobody may write.
 */
async function tokenHashesOf(config: Config): Promise<readonly string[] | undefined> {
  const file = config.value("tokens");
  if (file === undefined) return config.value("tokenHash");
  const text = new TextDecoder().decode(await readSmallFile(file, { maxBytes: MAX_TOKENS_FILE_BYTES }));
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  for (const [index, line] of lines.entries()) {
    if (line === "" || /^[0-9a-f]{64}$/.test(line)) continue;
    throw new TlogError(
      "CONFIG_INVALID",
      `${file}, line ${index + 1}: want SHA-256 of a token, 64 lowercase hex digits`,
    );
  }
  return [...(config.value("tokenHash") ?? []), ...lines.filter((line) => line !== "")];
}

function openEvents({ output }: Call, config: Config): LogEvents {
  const chosen = config.value("logFormat");
  const format = chosen === "auto" ? (output.isWatched ? "pretty" : "json") : chosen;
  return logLines({ write: output.logLine, format, level: config.value("logLevel"), now: Date.now });
}

/** A refusal to start is only half the message; what to do about it is the other half. */
function withWaysOut(error: unknown): unknown {
  const waysOut = error instanceof TlogError ? WAYS_OUT[error.code] : undefined;
  if (!(error instanceof TlogError) || waysOut === undefined) return error;
  const message = [`${error.message}. Ways out:`, ...waysOut.map((way) => `  - ${way}`)].join("\n");
  return new TlogError(error.code, message, { cause: error });
}

const GUARD_WAYS_OUT = [
  "bring back the newest data directory of this log, or",
  "point --guard at the guard that belongs to this data directory, or",
  "start a new log with another name, --data and --key;",
  "only if you know for certain that no newer copy of this log has signed anything: --recreate-guard",
];

const WAYS_OUT: Partial<Readonly<Record<ErrorCode, readonly string[]>>> = {
  GUARD_MISSING: GUARD_WAYS_OUT,
  GUARD_AHEAD: GUARD_WAYS_OUT,
  GUARD_MISMATCH: GUARD_WAYS_OUT,
  GUARD_MALFORMED: GUARD_WAYS_OUT,
  STORE_ORIGIN_MISMATCH: [
    "use the key this log was made with (--key), or",
    "choose another --data for another log",
  ],
};

function welcome({
  paths,
  url,
  log,
  access,
}: {
  readonly paths: LogPaths;
  readonly url: string;
  readonly log: Log;
  readonly access: WriteAccess;
}): { text: string; json: object } {
  const vkey = log.vkeys[0] ?? "";
  const steps = firstSteps({ invocation: invocation(), url, vkey, access });
  const { treeSize } = log.published();
  const text = [
    `origin        ${log.origin}`,
    ...log.vkeys.map((key) => `verifier key  ${key}`),
    `listening on  ${url}`,
    `data in       ${paths.data} (key ${paths.key}, guard ${paths.guard})`,
    `entries       ${treeSize}`,
    "",
    "Try next, in another terminal:",
    ...steps.map((step) => `  ${step}`),
    "",
    "Ctrl-C ends the log cleanly.",
  ].join("\n");
  const { duplicates, origin, vkeys } = log;
  return { text, json: { origin, vkeys, url, ...paths, treeSize, duplicates } };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // A signal alone does not keep the process alive, the server's sockets do.
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
