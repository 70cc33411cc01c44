/** Every setting: its type, what it wants, its default and its line in the help. `config.ts` finds and checks the values. */
import { ADDRESS, BYTES, COUNT, FILE, MAX_WAIT_MS, type Setting, SWITCH } from "./setting.ts";
import { WITNESS_ROWS } from "./settings-witness.ts";
import type { LogLevel } from "./telemetry/log-level.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** Host name or IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface Settings {
  readonly listen: ListenAddress;
  readonly adminListen: ListenAddress | undefined;
  readonly data: string;
  readonly name: string | undefined;
  readonly witnessedLogs: readonly string[] | undefined;
  readonly logLists: readonly string[] | undefined;
  readonly peers: readonly string[] | undefined;
  readonly pollInterval: number;
  readonly adoptOwnSignatures: boolean;
  readonly localWitnesses: number;
  readonly readers: number;
  readonly explorer: boolean;
  readonly origin: string | undefined;
  readonly key: string | undefined;
  readonly mlDsaKey: string | undefined;
  readonly formerKey: string | undefined;
  readonly formerMlDsaKey: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly formerPassphraseFile: string | undefined;
  readonly guard: string | undefined;
  readonly recreateGuard: boolean;
  readonly servedAt: readonly string[] | undefined;
  readonly duplicates: "first" | "allow";
  readonly checkpointInterval: number | undefined;
  readonly witnessPolicy: string | undefined;
  readonly quorumMode: "strict" | "best-effort";
  readonly witnessTimeout: number | undefined;
  readonly witnessRefresh: number | undefined;
  readonly allowSharedParties: boolean;
  /** Undefined: not set. Empty: set, to nobody. */
  readonly tokenHash: readonly string[] | undefined;
  readonly tokens: string | undefined;
  readonly webhooks: string | undefined;
  readonly openWrites: boolean;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly maxEntryBytes: number | undefined;
  readonly maxBatchEntries: number | undefined;
  readonly maxPendingEntries: number | undefined;
  readonly maxPendingBytes: number | undefined;
  readonly maxDataBytes: number | undefined;
  readonly minFreeBytes: number | undefined;
  readonly scrubBytesPerSecond: number;
  readonly logLevel: LogLevel;
  readonly slowRequest: number;
  readonly logFormat: "auto" | "pretty" | "json";
  readonly log: string;
  readonly vkey: string | undefined;
  readonly policy: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly state: string | undefined;
  readonly memory: boolean;
  readonly timeout: number;
}

export type SettingName = keyof Settings;

/** Each takes slots of the storage, which has 510. */
export const MAX_READERS = 64;

/** One row per setting. */
export const SETTINGS: { readonly [N in SettingName]: Setting } = Object.freeze({
  ...WITNESS_ROWS,
  listen: { ...ADDRESS, help: "where the log listens", fallback: "127.0.0.1:6962" },
  adminListen: {
    wanted: "a port of this machine, or HOST:PORT",
    placeholder: "PORT",
    help: "where /healthz, /readyz and /metrics listen: a port of 127.0.0.1, or HOST:PORT; off unless given",
  },
  readers: {
    wanted: `a whole number from 0 to ${MAX_READERS}`,
    placeholder: "N",
    help: "answer reads and take entries in N further processes; 0: in the log's own",
    fallback: 0,
  },
  explorer: {
    ...SWITCH,
    negated: true,
    help: "do not serve the explorer, a web page that verifies the log in the reader's browser, at /",
    fallback: true,
  },
  data: {
    wanted: "the path of a directory",
    placeholder: "DIR",
    help: "where the log lives; made when missing",
    fallback: "./data",
  },
  origin: {
    wanted: "a log name: no spaces, no plus sign, such as example.com/log",
    placeholder: "NAME",
    help: "the log's name; of a log that exists it is known, and needed only when a policy has several logs",
  },
  key: {
    wanted: "the path of a file, ssh-agent:SHA256:… or pkcs11:…",
    placeholder: "KEY",
    help: "the log's signing key: a file, made on first start (default: the data directory + .key), ssh-agent:SHA256:… or pkcs11:…",
  },
  mlDsaKey: { ...FILE, help: "a second key, ML-DSA-44 and of the same name, to sign every checkpoint too" },
  formerKey: {
    wanted: "the path of a file, ssh-agent:SHA256:… or pkcs11:…",
    placeholder: "KEY",
    help: "the log's key from before `rotate`: signs beside --key as long as it is given, for readers who know no other",
  },
  formerMlDsaKey: { ...FILE, help: "the same, of --ml-dsa-key" },
  passphraseFile: {
    ...FILE,
    help: "a file with the passphrase of encrypted key files (default: ask on the terminal)",
  },
  formerPassphraseFile: {
    ...FILE,
    help: "a second one, of former keys: each is tried on each key",
  },
  guard: {
    ...FILE,
    help: "the guard, outside the data directory (default: the data directory + .guard)",
  },
  servedAt: {
    wanted: "the http:// or https:// URL where readers see this log, without credentials and query",
    placeholder: "URL",
    help: "where readers see this log: asked at start, and then every 10 seconds, whether more was signed than is here; may be repeated",
    repeatable: true,
  },
  recreateGuard: {
    ...SWITCH,
    scope: "flag",
    help: "start without the guard that should be there: only when you know no newer copy of this log has signed",
    fallback: false,
  },
  duplicates: {
    wanted: '"first" or "allow"',
    placeholder: "first|allow",
    help: "what the same bytes get the second time: their first index, or a new one",
    fallback: "first",
  },
  checkpointInterval: {
    wanted: `a whole number of milliseconds from 1 to ${MAX_WAIT_MS}`,
    placeholder: "MS",
    help: "longest time between a durable entry and a checkpoint that covers it (default: 100); with witnesses the shortest between two checkpoints (default: 1000)",
  },
  tokenHash: {
    wanted: "SHA-256 of a write token, 64 lowercase hex digits",
    placeholder: "HEX",
    help: "let writers in who send the token with this hash; may be repeated (see `token new`)",
    repeatable: true,
  },
  tokens: {
    ...FILE,
    help: "a file of token hashes, one a line, with names and limits; read again when it changes (see `token new`)",
  },
  webhooks: {
    ...FILE,
    help: "a JSON file of whom to tell of new checkpoints, or of entries with their receipts (spec/push.md); read at the start, its secrets for each message",
  },
  openWrites: { ...SWITCH, help: "let anybody write who can reach the port", fallback: false },
  tlsCert: {
    ...FILE,
    help: "speak TLS: the certificate, with those that lead to a root, PEM; read again when it changes",
  },
  tlsKey: { ...FILE, help: "the private key of --tls-cert, PEM" },
  maxEntryBytes: {
    ...BYTES,
    wanted: "a whole number of bytes from 1 to 65535",
    help: "largest entry (at most 65535)",
  },
  maxBatchEntries: { ...COUNT, help: "most entries in one POST /add-batch" },
  maxPendingEntries: { ...COUNT, help: "most entries waiting before 429" },
  maxPendingBytes: { ...BYTES, help: "most bytes waiting before 429" },
  maxDataBytes: { ...BYTES, help: "largest database" },
  minFreeBytes: {
    ...BYTES,
    wanted: "a whole number of bytes from 0 up",
    help: "turn entries away while less is free on the data's disk (default: 268435456; 0: never)",
  },
  scrubBytesPerSecond: {
    ...BYTES,
    wanted: "a whole number of bytes from 0 up",
    help: "go through all stored bytes, over and over, this fast, and withhold what is wrong; 0: never",
    fallback: 4_194_304,
  },
  logLevel: {
    wanted: '"debug", "info", "warn" or "error"',
    placeholder: "LEVEL",
    help: "how much is logged: debug (each stage, each request), info, warn or error; SIGUSR2 switches to debug and back",
    fallback: "info",
  },
  slowRequest: {
    wanted: `a whole number of milliseconds from 0 to ${MAX_WAIT_MS}`,
    placeholder: "MS",
    help: "log a request that takes this long, at level info; 0: none",
    fallback: 1000,
  },
  logFormat: {
    wanted: '"auto", "pretty" or "json"',
    placeholder: "FORMAT",
    help: "log lines for people or for programs; auto: pretty on a terminal",
    fallback: "auto",
  },
  log: {
    wanted: "an http:// or https:// URL",
    scope: "chosen",
    placeholder: "URL",
    help: "the log to talk to",
    fallback: "http://127.0.0.1:6962",
  },
  vkey: {
    wanted: "a verifier key: NAME+HASH+KEY",
    scope: "chosen",
    placeholder: "VKEY",
    help: "trust heads signed by this verifier key",
  },
  policy: { ...FILE, scope: "chosen", help: "trust heads that meet this C2SP tlog-policy file" },
  token: { wanted: "one write token and nothing else", scope: "environment", help: "the write token" },
  tokenFile: { ...FILE, scope: "chosen", help: "a file with the write token; or set BRISTLECONE_TOKEN" },
  state: {
    wanted: "the path of a directory",
    scope: "chosen",
    placeholder: "DIR",
    help: "where the last verified head of each log is remembered (default: $XDG_STATE_HOME/bristlecone)",
  },
  memory: {
    ...SWITCH,
    scope: "chosen",
    negated: true,
    help: "neither use nor update the remembered head of the log",
    fallback: true,
  },
  timeout: {
    wanted: `a whole number of seconds from 1 to ${MAX_WAIT_MS / 1000}`,
    placeholder: "SECONDS",
    help: "give up on one request after this long",
    fallback: 30,
  },
});

/** The command-line spelling of a setting: "--checkpoint-interval". */
export function flagName(name: SettingName): string {
  const kebab = flagKey(name).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return SETTINGS[name].negated ? `--no-${kebab}` : `--${kebab}`;
}

/** A setting's name among parsed flags. */
export function flagKey(name: SettingName): string {
  return SETTINGS[name].flag ?? name;
}

/** The environment's spelling of a setting: "BRISTLECONE_CHECKPOINT_INTERVAL". */
export function environmentName(name: SettingName): string {
  return `BRISTLECONE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** True for a name this program knows. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** True for what an Authorization header can carry as one bearer token: nothing that would be quoted back in an error. RFC 6750 §2.1 */
export function isWriteToken(text: string): boolean {
  return /^[A-Za-z0-9._~+/-]+=*$/.test(text);
}
