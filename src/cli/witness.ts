import { type Config, invocation } from "../config.ts";
import { TlogError } from "../errors.ts";
import { shieldedWitness, type WitnessEvents, witnessHeardByAll } from "../events.ts";
import { openMlDsaPool } from "../node/ml-dsa-pool.ts";
import { openRosterFile } from "../node/roster-file.ts";
import { openGuardFile, openWitness, serveWitness, type Witness } from "../server.ts";
import type { SettingName } from "../settings.ts";
import { witnessLines } from "../telemetry/witness-lines.ts";
import type { WitnessMetrics } from "../telemetry/witness-metrics.ts";
import type { CosignerKey } from "../tlog/cosigner.ts";
import { ED25519, parseVerifierKey } from "../tlog/key.ts";
import type { PeerWitness } from "../witness/head-places.ts";
import { parseLogArguments } from "../witness/log-argument.ts";
import { startLogLists } from "../witness/log-lists.ts";
import { startPollers } from "../witness/pollers.ts";
import { findOwnSignatures } from "../witness/recover.ts";
import type { RosterEntry } from "../witness/roster.ts";
import type { OwnSignature } from "../witness/witness.ts";
import { assertSettings } from "./checked-settings.ts";
import { addExamples, addSettings, type Call, type CommandDefinition } from "./command.ts";
import { areKeysToBeMade, openCosignerKeys } from "./cosigner-keys.ts";
import { shellQuoted } from "./first-steps.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, dataPaths, WITNESS_DATA } from "./serve-key.ts";
import { configuredWitnessMetrics } from "./serve-metrics.ts";
import { guardWaysOut, lineOptions, requestLog, untilAborted, type WaysOut, withWaysOut } from "./serving.ts";
import { startThinning } from "./thinning.ts";

const DEFAULT_LISTEN = Object.freeze({ host: "127.0.0.1", port: 6964 });

const OPTIONS: readonly SettingName[] = [
  "listen",
  "data",
  "name",
  "witnessedLogs",
  "logLists",
  "peers",
  "pollInterval",
  "key",
  "mlDsaKey",
  "passphraseFile",
  "guard",
  "adminListen",
  "maxDataBytes",
  "logLevel",
  "slowRequest",
  "logFormat",
  "recreateGuard",
  "adoptOwnSignatures",
];

/** `witness`: cosigns heads of logs until Ctrl-C. */
export const witness: CommandDefinition = {
  define(command) {
    addSettings(command, OPTIONS, {
      listen: `where the witness listens (default: ${DEFAULT_LISTEN.host}:${DEFAULT_LISTEN.port})`,
      data: `where the witness lives; made when missing (default: ${WITNESS_DATA})`,
      key: "the witness's Ed25519 key: a file, made on first start (default: the data directory + .key), ssh-agent:SHA256:… or pkcs11:…",
      mlDsaKey: "a second key, ML-DSA-44 and of the same name, to cosign with too",
      recreateGuard:
        "start without the guard that should be there: only when you know no newer copy of this witness has signed",
    });
    addExamples(command, [
      "bristlecone witness --name witness.example/w1 --log 'example.com/log+8ab5d197+AV…'",
      "bristlecone witness --listen 0.0.0.0:6964 --data /var/lib/witness --log 'VKEY https://log.example.com/'",
      "bristlecone witness --log 'VKEY URL' --peer 'VKEY https://other-witness.example/'",
    ]);
  },
  async run(call) {
    const config = await call.config();
    assertSettings(config, OPTIONS);
    const paths = dataPaths(config, { fallback: WITNESS_DATA });
    const lines = witnessLines(lineOptions(call, config));
    const metrics = await configuredWitnessMetrics(config, paths);
    const events = metrics === undefined ? lines : shieldedWitness(witnessHeardByAll(metrics.events, lines));
    // What is opened last is closed first.
    const opened: (() => Promise<unknown>)[] = [];
    try {
      const running = await start(call, { config, paths, events, metrics, opened });
      await call.output.result(welcome(running));
      await untilAborted(call.signal);
      call.output.notice("finishing what is in flight; Ctrl-C again stops at once");
    } catch (error) {
      throw withWaysOut(error, WAYS_OUT);
    } finally {
      await closeAll(opened.reverse());
    }
  },
};

interface Running {
  readonly witness: Witness;
  readonly url: string;
  readonly paths: DataPaths;
}

async function start(
  call: Call,
  {
    config,
    paths,
    events,
    metrics,
    opened,
  }: {
    readonly config: Config;
    readonly paths: DataPaths;
    readonly events: Required<WitnessEvents>;
    readonly metrics: WitnessMetrics | undefined;
    readonly opened: (() => Promise<unknown>)[];
  },
): Promise<Running> {
  // What may be mistyped is read before a file is made.
  const settings = parseLogs(config.value("witnessedLogs") ?? []);
  const peers = (config.value("peers") ?? []).map(parsePeer);
  const mlDsa44 = openMlDsaPool();
  opened.push(() => mlDsa44.close());
  const recreateGuard = config.value("recreateGuard");
  const keyed = { ...keyOptions(call, config), name: config.value("name"), mlDsa44, recreateGuard };
  const isNewborn = areKeysToBeMade(paths);
  const keys = await openCosignerKeys(paths, keyed);
  const owner = ownerOf(keys);
  const file = await openRosterFile({ directory: paths.data, owner, settings, events });
  opened.push(() => file.close());
  const { roster } = file;
  const search = { logs: roster.logs(), peers, ownKeys: keys.map(({ verifierKey }) => verifierKey), mlDsa44 };
  const witness = await openWitness({
    directory: paths.data,
    keys,
    roster,
    guard: await openGuardFile(paths.guard),
    events,
    mlDsa44,
    maxStoreBytes: config.value("maxDataBytes"),
    recreateGuard: config.value("recreateGuard"),
    ownSignatures: isNewborn ? [] : await ownSignatures(search, events),
    adoptOwnSignatures: config.value("adoptOwnSignatures"),
  });
  opened.push(() => witness.close());
  metrics?.watch(witness);
  const intervalMs = config.value("pollInterval") * 1000;
  const intervals = { pullIntervalMs: intervalMs, crossCheckIntervalMs: intervalMs };
  const pollers = startPollers({ witness, peers, events, now: Date.now, mlDsa44, ...intervals });
  opened.push(() => pollers.close());
  const urls = config.value("logLists") ?? [];
  const lists = startLogLists({ urls, owner, roster, add: file.addListed, events });
  opened.push(() => lists.close());
  const thinning = startThinning(witness, events);
  opened.push(() => thinning.close());
  const listen = config.choice(["listen"]) === undefined ? DEFAULT_LISTEN : config.value("listen");
  const server = await serveWitness({
    witness,
    listen,
    adminListen: config.value("adminListen"),
    metrics,
    requestLog: requestLog(call, config),
    events,
  });
  opened.push(() => server.close());
  return { witness, url: server.url, paths };
}

/** One after the other, all of them whatever becomes of one. @throws what the first that failed threw */
async function closeAll(closings: readonly (() => Promise<unknown>)[]): Promise<void> {
  const [first, ...rest] = closings;
  if (first !== undefined) await first().finally(() => closeAll(rest));
}

function ownerOf(keys: readonly CosignerKey[]) {
  return {
    name: keys[0]?.verifierKey.name,
    ownKeys: keys.map(({ verifierKey }) => verifierKey.publicKey),
  };
}

/** Asked before anything is signed; who does not answer is told, and does not hold the start up. */
async function ownSignatures(
  search: Parameters<typeof findOwnSignatures>[0],
  events: Required<WitnessEvents>,
): Promise<readonly OwnSignature[]> {
  const { found, silent } = await findOwnSignatures(search);
  for (const { host, message } of silent) {
    events.warning({
      code: "OWN_SIGNATURES_UNKNOWN",
      message: `${host} could not say what this witness signed: ${message}`,
    });
  }
  return found;
}

function parseLogs(values: readonly string[]): readonly RosterEntry[] {
  try {
    return parseLogArguments(values);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(cause.code, `--log: ${cause.message}`, { cause });
  }
}

/** "VKEY… URL". @throws {TlogError} CONFIG_INVALID | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
function parsePeer(text: string): PeerWitness {
  const words = text.split(/ +/);
  const url = words.at(-1) ?? "";
  if (!URL.canParse(url) || !/^https?:/i.test(url)) {
    throw new TlogError("CONFIG_INVALID", `--peer: want 'VKEY… URL', got ${JSON.stringify(text)}`);
  }
  const keys = words.slice(0, -1).map(parseVerifierKey);
  if (keys.length === 0 || keys.some(({ type }) => type === ED25519)) {
    throw new TlogError("CONFIG_INVALID", `--peer: want keys of a witness (type 4 or 6) before ${url}`);
  }
  return { name: keys[0]?.name ?? url, url, keys };
}

const WAYS_OUT: WaysOut = {
  ...guardWaysOut([
    "bring back the newest data directory of this witness, or",
    "point --guard at the guard that belongs to this data directory, or",
    "start a new witness with another name, --data and --key;",
    "only if you know for certain that no newer copy of this witness has signed anything: --recreate-guard",
  ]),
  STORE_ORIGIN_MISMATCH: [
    "use the key this witness was made with (--key), or",
    "choose another --data for another witness",
  ],
  WITNESS_ROLLED_BACK: [
    "bring back the newest data directory of this witness, or",
    "if this is the newest there is, and no other process has the key: --adopt-own-signatures goes on from what others show",
  ],
};

function welcome({ witness, url, paths }: Running): { text: string; json: object } {
  const logs = witness.roster.logs();
  const call = invocation().map(shellQuoted).join(" ");
  const vkey = witness.vkeys[0] ?? "";
  const text = [
    `witness       ${witness.name}`,
    ...witness.vkeys.map((key) => `verifier key  ${key}`),
    `listening on  ${url}`,
    `data in       ${paths.data} (key ${paths.key}, guard ${paths.guard})`,
    ...logs
      .slice(0, MAX_LOGS_SHOWN)
      .map(({ origin, urls }) => `log           ${[origin, ...urls].join("  ")}`),
    ...(logs.length > MAX_LOGS_SHOWN ? [`              and ${logs.length - MAX_LOGS_SHOWN} more`] : []),
    ...(logs.length === 0
      ? [
          "log           none yet: give --log VKEY, or",
          `              ${call} witness add-log VKEY --data ${paths.data}`,
        ]
      : []),
    "",
    "A log asks this witness when its policy (serve --policy) has the line",
    `  witness NAME ${vkey} ${url}`,
    "with the URL as the log reaches it. Monitors read",
    `  curl -s ${url}/witness.json`,
    "",
    "Ctrl-C ends the witness cleanly.",
  ].join("\n");
  const json = {
    name: witness.name,
    vkeys: witness.vkeys,
    url,
    ...paths,
    logs: logs.map(({ origin }) => origin),
  };
  return { text, json };
}

const MAX_LOGS_SHOWN = 20;
