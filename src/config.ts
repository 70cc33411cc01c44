/**
 * Settings, each from the first of: command-line flag, BRISTLECONE_* environment variable, configuration file, default.
 * The only reader of process.env.
 */
import { homedir } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { z } from "zod";
import { readConfigFile, readImplicitFile, shown } from "./config-file.ts";
import { TlogError } from "./errors.ts";
import { MAX_WAIT_MS } from "./setting.ts";
import {
  environmentName,
  flagKey,
  flagName,
  isWriteToken,
  type ListenAddress,
  MAX_READERS,
  SETTINGS,
  type SettingName,
  type Settings,
} from "./settings.ts";
import { MAX_LOCAL_WITNESSES } from "./settings-witness.ts";

/** Environment variables, as process.env has them; an empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources {
  /** Values given on the command line, by setting name; absent when not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The configuration file; when undefined, BRISTLECONE_CONFIG, then ./bristlecone.json if there is one. */
  readonly configFile?: string | undefined;
  /** Defaults to process.env. */
  readonly environment?: Environment;
  /** Where an unnamed bristlecone.json is looked for. Default: the working directory. */
  readonly directory?: string;
}

export interface Config {
  /** @throws {TlogError} CONFIG_INVALID, naming the source and what was wanted. */
  value<N extends SettingName>(name: N): Settings[N];
  /** Names where the setting was set, for a message: "--listen". Undefined: nowhere. */
  source(name: SettingName): string | undefined;
  /**
   * Which of several settings that exclude each other counts: the one of the nearest source.
   * @returns undefined when none is set.
   * @throws {TlogError} CONFIG_INVALID when the nearest source sets two.
   */
  choice<N extends SettingName>(names: readonly N[]): N | undefined;
}

/** Nearest first. */
const SOURCES = ["flag", "environment", "file", "default"] as const;

interface Found {
  readonly from: (typeof SOURCES)[number];
  /** Names it in a message: "--listen". */
  readonly source: string;
  readonly raw: unknown;
}

/**
 * Reads the configuration file at once, so that a mistake in it is an error whatever the command needs; a value is
 * checked when it is asked for. Paths in the file are relative to the working directory, like those of the flags.
 * @throws {TlogError} CONFIG_INVALID (not JSON, an unknown key) | FILE_UNREADABLE
 */
export function openConfig(sources: ConfigSources): Config {
  const environment = sources.environment ?? process.env;
  const chosen = sources.configFile ?? nonEmpty(environment.BRISTLECONE_CONFIG);
  const file = chosen === undefined ? readImplicitFile(sources.directory ?? ".") : readConfigFile(chosen);

  function find(name: SettingName): Found {
    const { scope, fallback } = SETTINGS[name];
    const flag = sources.flags[flagKey(name)];
    if (flag !== undefined && scope !== "environment")
      return { from: "flag", source: flagName(name), raw: flag };
    const variable = nonEmpty(environment[environmentName(name)]);
    if (variable !== undefined && scope !== "flag")
      return { from: "environment", source: environmentName(name), raw: variable };
    const value = file.values[name];
    if (value !== undefined) return { from: "file", source: `"${name}" in ${file.path}`, raw: value };
    return { from: "default", source: `the default of ${flagName(name)}`, raw: fallback };
  }

  return {
    value(name) {
      const { source, raw } = find(name);
      const result = SCHEMAS[name].safeParse(raw);
      if (result.success) return result.data;
      const got = MAY_HOLD_SECRETS.includes(name) ? "" : `, got ${shown(raw)}`;
      throw new TlogError("CONFIG_INVALID", `${source}: want ${SETTINGS[name].wanted}${got}`);
    },
    source(name) {
      const { from, source } = find(name);
      return from === "default" ? undefined : source;
    },
    choice(names) {
      for (const from of SOURCES.slice(0, -1)) {
        const [only, ...others] = names.filter((name) => find(name).from === from);
        if (others.length === 0 && only === undefined) continue;
        if (others.length === 0) return only;
        const spellings = names.map((name) => find(name).source).join(", ");
        throw new TlogError("CONFIG_INVALID", `want one of ${spellings}, not both`);
      }
      return undefined;
    },
  };
}

/** Where remembered heads live: `chosen`, else bristlecone in the XDG state directory. XDG Base Directory Specification 0.8 */
export function stateDirectory(chosen: string | undefined, environment: Environment = process.env): string {
  if (chosen !== undefined) return chosen;
  const base = nonEmpty(environment.XDG_STATE_HOME) ?? join(homedir(), ".local", "state");
  return join(base, "bristlecone");
}

/** Where an ssh-agent listens, as its tools find it; undefined: there is none. */
export function sshAgentSocket(environment: Environment = process.env): string | undefined {
  return nonEmpty(environment.SSH_AUTH_SOCK);
}

/** Where systemd puts what LoadCredential= names; undefined: this is no such service. systemd.exec(5), "Credentials" */
export function credentialsDirectory(environment: Environment = process.env): string | undefined {
  return nonEmpty(environment.CREDENTIALS_DIRECTORY);
}

/** Whether a person asked programs not to print colours. no-color.org */
export function isColourless(environment: Environment = process.env): boolean {
  return nonEmpty(environment.NO_COLOR) !== undefined;
}

/** How the person at the keyboard would start this program again, in words, for commands printed to be copied. */
export function invocation(
  environment: Environment = process.env,
  program: Program = process,
): readonly string[] {
  // Under npx and npm start the PATH holds `bristlecone`; in the shell they were typed into it need not.
  if (environment.npm_command !== undefined) return ["npx", "bristlecone"];
  const script = program.argv[1] ?? "bristlecone";
  if (basename(script) === "bristlecone") return ["bristlecone"];
  const steps = relative(program.cwd(), script);
  return ["node", ...program.execArgv, steps.startsWith("..") ? script : steps];
}

/** How a program starts this one again, word by word. */
export function commandLine(
  program: Program & Pick<NodeJS.Process, "execPath"> = process,
): readonly string[] {
  return [program.execPath, ...program.execArgv, resolve(program.cwd(), program.argv[1] ?? "")];
}

/** The part of `process` that tells how the program was started. */
type Program = Pick<NodeJS.Process, "argv" | "execArgv" | "cwd">;

function text(): z.ZodType<string> {
  return z.string().min(1);
}

/** A number as JSON or as its one decimal spelling. */
function wholeNumber({ min, max }: { min: number; max: number }): z.ZodType<number> {
  const decimal = z.string().regex(/^(0|[1-9][0-9]{0,15})$/);
  return z.union([z.int(), decimal.transform((digits) => Number(digits))]).pipe(z.int().min(min).max(max));
}

function truth(): z.ZodType<boolean> {
  return z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
}

function address(): z.ZodType<ListenAddress> {
  return z
    .string()
    .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):(0|[1-9][0-9]{0,4})$/)
    .transform((hostPort) => {
      const colon = hostPort.lastIndexOf(":");
      return {
        host: hostPort.slice(0, colon).replace(/^\[|\]$/g, ""),
        port: Number(hostPort.slice(colon + 1)),
      };
    })
    .refine(({ port }) => port <= 65_535);
}

/** A port alone is one that only this machine reaches. */
function onLoopback(raw: unknown): unknown {
  const isPort = typeof raw === "number" || (typeof raw === "string" && /^\d+$/.test(raw));
  return isPort ? `127.0.0.1:${raw}` : raw;
}

function list(item: RegExp): z.ZodType<readonly string[]> {
  const items = z.array(z.string().regex(item));
  return z.union([
    items,
    z
      .string()
      .transform((joined) => joined.split(","))
      .pipe(items),
  ]);
}

/** Their values are not quoted: a token is easily given where its hash belongs, and a password in a URL. */
const MAY_HOLD_SECRETS: readonly SettingName[] = ["token", "tokenHash", "tokens", "tokenFile", "servedAt"];

const WORDS = /^\S+( +\S+)*$/;
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER };

const SCHEMAS: { readonly [N in SettingName]: z.ZodType<Settings[N]> } = {
  listen: address(),
  adminListen: z.preprocess(onLoopback, address()).optional(),
  data: text(),
  name: z
    .string()
    .regex(/^[^\s\p{Cc}+]+$/u)
    .optional(),
  witnessedLogs: list(WORDS).optional(),
  logLists: list(/^https?:\/\/\S+$/).optional(),
  peers: list(WORDS).optional(),
  pollInterval: wholeNumber({ min: 1, max: MAX_WAIT_MS / 1000 }),
  adoptOwnSignatures: truth(),
  localWitnesses: wholeNumber({ min: 0, max: MAX_LOCAL_WITNESSES }),
  readers: wholeNumber({ min: 0, max: MAX_READERS }),
  explorer: truth(),
  origin: z
    .string()
    .regex(/^[^\s\p{Cc}+]+$/u)
    .optional(),
  key: text().optional(),
  mlDsaKey: text().optional(),
  formerKey: text().optional(),
  formerMlDsaKey: text().optional(),
  passphraseFile: text().optional(),
  formerPassphraseFile: text().optional(),
  guard: text().optional(),
  recreateGuard: truth(),
  servedAt: list(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/).optional(),
  duplicates: z.enum(["first", "allow"]),
  checkpointInterval: wholeNumber({ min: 1, max: MAX_WAIT_MS }).optional(),
  witnessPolicy: text().optional(),
  quorumMode: z.enum(["strict", "best-effort"]),
  witnessTimeout: wholeNumber({ min: 1, max: 60_000 }).optional(),
  witnessRefresh: wholeNumber({ min: 1, max: MAX_WAIT_MS }).optional(),
  allowSharedParties: truth(),
  tokenHash: list(/^[0-9a-f]{64}$/).optional(),
  tokens: text().optional(),
  webhooks: text().optional(),
  openWrites: truth(),
  tlsCert: text().optional(),
  tlsKey: text().optional(),
  maxEntryBytes: wholeNumber({ min: 1, max: 65_535 }).optional(),
  maxBatchEntries: wholeNumber(COUNT).optional(),
  maxPendingEntries: wholeNumber(COUNT).optional(),
  maxPendingBytes: wholeNumber(COUNT).optional(),
  maxDataBytes: wholeNumber(COUNT).optional(),
  minFreeBytes: wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER }).optional(),
  scrubBytesPerSecond: wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  logLevel: z.enum(["debug", "info", "warn", "error"]),
  slowRequest: wholeNumber({ min: 0, max: MAX_WAIT_MS }),
  logFormat: z.enum(["auto", "pretty", "json"]),
  log: z.url({ protocol: /^https?$/ }),
  vkey: text().optional(),
  policy: text().optional(),
  token: z.string().refine(isWriteToken).optional(),
  tokenFile: text().optional(),
  state: text().optional(),
  memory: truth(),
  timeout: wholeNumber({ min: 1, max: MAX_WAIT_MS / 1000 }),
};

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
