/** What a monitor's file says, turned into logs to follow and people to tell. */
import { dirname, join, resolve } from "node:path";
import { type Trust, trustIn } from "../../client/policy.ts";
import { stateDirectory } from "../config.ts";
import { TlogError } from "../errors.ts";
import { alertId } from "../monitor/alert.ts";
import type { AlertSink } from "../monitor/delivery.ts";
import { parseJsonPath } from "../monitor/json-path.ts";
import { jsonMatcher, leafHashMatcher, substringMatcher } from "../monitor/matchers.ts";
import {
  type AlertConfig,
  type LogConfig,
  MAX_CONFIG_BYTES,
  type MatchConfig,
  type MonitorConfig,
  parseMonitorConfig,
} from "../monitor/monitor-config.ts";
import {
  DEFAULT_PATIENCE,
  type MonitoredLog,
  STALE_WITH_WITNESSES_MS,
  type WatchedPlace,
} from "../monitor/monitored-log.ts";
import { commandSink, mailSink } from "../node/alert-sinks.ts";
import { loadMatcherModule } from "../node/matcher-module.ts";
import { decodeHex, decodeUtf8 } from "../tlog/encoding.ts";
import { type Policy, showOctets } from "../tlog/policy.ts";
import { alertWebhook } from "../webhooks/alert-webhook.ts";
import { parseSecrets } from "../webhooks/signature.ts";
import type { Call } from "./command.ts";
import { readSmallFile } from "./files.ts";

type AnyMatcher = MonitoredLog["matchers"][number];

const MAX_POLICY_FILE_BYTES = 1024 * 1024;
const MAX_SECRET_FILE_BYTES = 4096;
/** Whoever sees the program's output. */
export const OWN_SINK = "log";
const DEFAULT_SENDMAIL = ["/usr/sbin/sendmail", "-t", "-i"];

/**
 * @param folder - that paths are relative to.
 * @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE | POLICY_MALFORMED | VKEY_MALFORMED | KEY_TYPE_UNSUPPORTED
 */
export async function monitoredLogs(config: MonitorConfig, folder: string): Promise<readonly MonitoredLog[]> {
  const shared = await matchersOf(config.match, { folder, where: "match" });
  const logs: MonitoredLog[] = [];
  for (const [at, log] of config.logs.entries()) {
    const made = async () => monitoredLog(log, { trust: await trustOf(log, folder), folder, shared });
    logs.push(await inConfig(`logs[${at}]`, made));
  }
  return logs;
}

async function trustOf({ vkey, policy, origin }: LogConfig, folder: string): Promise<Trust> {
  return trustIn({
    ...(policy === undefined
      ? { vkey: vkey ?? "" }
      : { policy: await readSmallFile(resolve(folder, policy), { maxBytes: MAX_POLICY_FILE_BYTES }) }),
    ...(origin !== undefined && { origin }),
  });
}

/** @param log - its key or policy is not looked at: `trust` is what it says. */
export async function monitoredLog(
  log: Omit<LogConfig, "vkey" | "policy" | "origin">,
  {
    trust,
    folder,
    shared,
  }: { readonly trust: Trust; readonly folder: string; readonly shared: readonly AnyMatcher[] },
): Promise<MonitoredLog> {
  const { url } = log;
  const matchers = [...shared, ...(await matchersOf(log.match ?? [], { folder, where: "match" }))];
  const twice = matchers.find(({ name }, index) =>
    matchers.some((other, before) => before < index && other.name === name),
  );
  if (twice !== undefined) throw invalid(`two matchers are named ${JSON.stringify(twice.name)}`);
  const asksWitnesses = log.witnesses ?? true;
  return {
    url,
    trust,
    from: log.from ?? 0,
    matchers,
    isHeard: log.push ?? true,
    places: placesOf(log, asksWitnesses ? trust.policy : undefined),
    patience: patienceOf(log, trust.policy),
  };
}

function placesOf(
  { mirrors = [], url: own }: Pick<LogConfig, "mirrors" | "url">,
  policy: Policy | undefined,
): readonly WatchedPlace[] {
  const ofMirrors = mirrors.map((mirror): WatchedPlace => {
    const { name, url } = typeof mirror === "string" ? { name: undefined, url: mirror } : mirror;
    return { name: name ?? url, url, role: "mirror" };
  });
  const ofWitnesses = (policy?.witnesses ?? []).flatMap(({ name, url }): readonly WatchedPlace[] =>
    url === undefined ? [] : [{ name: showOctets(name), url: showOctets(url), role: "witness" }],
  );
  const places = [...ofMirrors, ...ofWitnesses];
  const bad = places.find(({ url }) => !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""));
  if (bad !== undefined) throw invalid(`want an http:// or https:// URL, got ${JSON.stringify(bad.url)}`);
  const isSame = (one: string, other: string) =>
    new URL(one).href.replace(/\/$/, "") === new URL(other).href.replace(/\/$/, "");
  const twice = places.find(
    ({ url }, at) => isSame(url, own) || places.findIndex((other) => isSame(other.url, url)) < at,
  );
  if (twice !== undefined) throw invalid(`${twice.url} stands there twice`);
  return places;
}

function patienceOf(
  log: Omit<LogConfig, "vkey" | "policy" | "origin">,
  { quorum }: Policy,
): MonitoredLog["patience"] {
  const ms = (seconds: number | undefined, fallback: number) =>
    seconds === undefined ? fallback : seconds * 1000;
  const stale = log.staleAfterSeconds;
  return {
    ...DEFAULT_PATIENCE,
    unreachableMs: ms(log.unreachableAfterSeconds, DEFAULT_PATIENCE.unreachableMs),
    behindMs: ms(log.behindAfterSeconds, DEFAULT_PATIENCE.behindMs),
    placeMs: ms(log.placeAfterSeconds, DEFAULT_PATIENCE.placeMs),
    staleMs: stale !== undefined ? stale * 1000 : quorum === "none" ? undefined : STALE_WITH_WITNESSES_MS,
  };
}

async function matchersOf(
  matches: readonly MatchConfig[],
  { folder, where }: { readonly folder: string; readonly where: string },
): Promise<readonly AnyMatcher[]> {
  const matchers: AnyMatcher[] = [];
  for (const [at, match] of matches.entries()) {
    matchers.push(await inConfig(`${where}[${at}]`, () => matcherOf(match, folder)));
  }
  return matchers;
}

async function matcherOf(match: MatchConfig, folder: string): Promise<AnyMatcher> {
  const { substring, ignoreCase = false, json, equals, contains, leafHash, module } = match;
  const name = match.name ?? defaultName(match);
  if (substring !== undefined) return substringMatcher(name, { text: substring, ignoresCase: ignoreCase });
  if (leafHash !== undefined) return leafHashMatcher(name, decodeHex(leafHash));
  if (module !== undefined) return await loadMatcherModule(name, resolve(folder, module));
  const { path, rest } = parseJsonPath(json ?? "");
  if (rest !== "") throw invalid(`json: want a path, got ${JSON.stringify(rest)} behind it`);
  const test =
    equals !== undefined ? { equals: [equals].flat() } : contains !== undefined ? { contains } : undefined;
  return jsonMatcher(name, path, test);
}

function defaultName({ substring, json, equals, contains, leafHash, module }: MatchConfig): string {
  if (substring !== undefined) return JSON.stringify(substring);
  if (json === undefined) return leafHash ?? module ?? "";
  if (equals !== undefined)
    return `${json} = ${[equals]
      .flat()
      .map((one) => JSON.stringify(one))
      .join(" or ")}`;
  return contains === undefined ? json : `${json} contains ${JSON.stringify(contains)}`;
}

/** @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE */
export async function alertSinks(
  alerts: readonly AlertConfig[],
  { folder, now }: { readonly folder: string; readonly now: () => number },
): Promise<readonly AlertSink[]> {
  const sinks: AlertSink[] = [];
  for (const [at, alert] of alerts.entries()) {
    const sink = await inConfig(`alerts[${at}]`, () => alertSink(alert, { folder, now }));
    if (sink.name === OWN_SINK)
      throw invalid(`alerts[${at}]: ${OWN_SINK} is the name of the log lines; give it another`);
    if (sinks.some(({ name }) => name === sink.name)) {
      throw invalid(`alerts[${at}]: ${JSON.stringify(sink.name)} stands there twice; give them names`);
    }
    sinks.push(sink);
  }
  return sinks;
}

async function alertSink(
  alert: AlertConfig,
  { folder, now }: { readonly folder: string; readonly now: () => number },
): Promise<AlertSink> {
  const { webhook: url, secretFile, command, mail } = alert;
  if (url !== undefined) {
    const secrets = secretFile === undefined ? [] : await webhookSecrets(resolve(folder, secretFile));
    const isPrivateAllowed = alert.network === "private";
    // A URL may be a secret by itself: the name, which is shown, has only its host.
    const name = alert.name ?? `webhook ${new URL(url).host} ${shortHash(url)}`;
    return alertWebhook(name, { url, secrets, isPrivateAllowed, now });
  }
  if (command !== undefined) {
    return commandSink(alert.name ?? `command ${command[0]} ${shortHash(command.join("\0"))}`, {
      command: programIn(folder, command),
      now,
    });
  }
  const { to = "", from = to, sendmail = DEFAULT_SENDMAIL } = mail ?? {};
  return mailSink(alert.name ?? `mail ${to}`, { to, from, sendmail: programIn(folder, sendmail), now });
}

/** A path is relative to the file's folder, as all are; a name is looked for in PATH. */
function programIn(folder: string, [program = "", ...args]: readonly string[]): readonly string[] {
  return [program.includes("/") ? resolve(folder, program) : program, ...args];
}

/** One, or two while one takes the other's place. */
async function webhookSecrets(path: string): Promise<readonly Uint8Array[]> {
  const bytes = await readSmallFile(path, { maxBytes: MAX_SECRET_FILE_BYTES });
  return await inConfig(path, async () => parseSecrets(new TextDecoder().decode(bytes)));
}

function shortHash(text: string): string {
  return alertId([text]).slice(0, 8);
}

/** Says where in the file. */
async function inConfig<T>(where: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const code = cause.code === "ARGUMENT_INVALID" ? "CONFIG_INVALID" : cause.code;
    throw new TlogError(code, `${where}: ${cause.message}`, { cause });
  }
}

/** @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE */
export async function readMonitorConfig(path: string): Promise<MonitorConfig> {
  const bytes = await readSmallFile(path, { maxBytes: MAX_CONFIG_BYTES });
  try {
    return parseMonitorConfig(decodeUtf8(bytes));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("CONFIG_INVALID", `${path}: ${cause.message}`, { cause });
  }
}

/** What is typed, then the monitor's own file, then what holds for all commands. @param file - where it is, and what it says. */
export async function monitorStateOf(
  call: Call,
  file?: { readonly path: string; readonly state: string | undefined },
): Promise<string> {
  const isTyped = call.flags.state !== undefined;
  if (file?.state !== undefined && !isTyped) return resolve(folderOf(file.path), file.state);
  return join(stateDirectory((await call.config()).value("state")), "monitor");
}

/** The folder that a configuration's paths are relative to. */
export function folderOf(configFile: string): string {
  return dirname(resolve(configFile));
}

function invalid(reason: string): TlogError {
  return new TlogError("CONFIG_INVALID", reason);
}
