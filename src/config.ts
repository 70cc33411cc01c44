/**
 * Settings, each from the first of: command-line flag, BRISTLECONE_* environment variable, configuration file, default.
 * The only reader of process.env.
 */
import { homedir } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { readConfigFile, readImplicitFile, shown } from "./config-file.ts";
import { TlogError } from "./errors.ts";
import { SETTING_VALUES } from "./setting-values.ts";
import { environmentName, flagKey, flagName, SETTINGS, type SettingName, type Settings } from "./settings.ts";

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
      const valid = SETTING_VALUES[name](raw);
      if (valid !== undefined) return valid.value;
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

/** Their values are not quoted: a token is easily given where its hash belongs, and a password in a URL. */
const MAY_HOLD_SECRETS: readonly SettingName[] = ["token", "tokenHash", "tokens", "tokenFile", "servedAt"];

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
