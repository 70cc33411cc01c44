/**
 * Settings, each from the first of: command-line flag, BRISTLECONE_* environment variable, configuration file, default.
 * The only reader of process.env.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, relative } from "node:path";
import { z } from "zod";
import { TlogError } from "./errors.ts";
import {
  environmentName,
  flagName,
  isSettingName,
  type ListenAddress,
  SETTINGS,
  type SettingName,
  type Settings,
} from "./settings.ts";

/** Environment variables, as process.env has them; an empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources {
  /** Values given on the command line, by setting name; absent when not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** The configuration file; when undefined, BRISTLECONE_CONFIG, then ./bristlecone.json if there is one. */
  readonly configFile?: string | undefined;
  /** Defaults to process.env. */
  readonly environment?: Environment;
}

export interface Config {
  /** @throws {TlogError} CONFIG_INVALID, naming the source and what was wanted. */
  value<N extends SettingName>(name: N): Settings[N];
}

/**
 * Reads the configuration file at once, so that a mistake in it is an error whatever the command needs; a value is
 * checked when it is asked for. Paths in the file are relative to the working directory, like those of the flags.
 * @throws {TlogError} CONFIG_INVALID (not JSON, an unknown key) | FILE_UNREADABLE
 */
export function openConfig(sources: ConfigSources): Config {
  const environment = sources.environment ?? process.env;
  const file = readConfigFile(sources.configFile ?? nonEmpty(environment.BRISTLECONE_CONFIG));

  function find(name: SettingName): { source: string; raw: unknown } {
    const { scope, fallback } = SETTINGS[name];
    const flag = sources.flags[name];
    if (flag !== undefined && scope !== "environment") return { source: flagName(name), raw: flag };
    const variable = nonEmpty(environment[environmentName(name)]);
    if (variable !== undefined && scope !== "flag") return { source: environmentName(name), raw: variable };
    const value = file.values[name];
    if (value !== undefined) return { source: `"${name}" in ${file.path}`, raw: value };
    return { source: `the default of ${flagName(name)}`, raw: fallback };
  }

  return {
    value(name) {
      const { source, raw } = find(name);
      const result = SCHEMAS[name].safeParse(raw);
      if (result.success) return result.data;
      const got = name === "token" ? "something else" : shown(raw);
      throw new TlogError("CONFIG_INVALID", `${source}: want ${SETTINGS[name].wanted}, got ${got}`);
    },
  };
}

/** Where remembered heads live: `chosen`, else bristlecone in the XDG state directory. XDG Base Directory Specification 0.8 */
export function stateDirectory(chosen: string | undefined, environment: Environment = process.env): string {
  if (chosen !== undefined) return chosen;
  const base = nonEmpty(environment.XDG_STATE_HOME) ?? join(homedir(), ".local", "state");
  return join(base, "bristlecone");
}

/** How the person at the keyboard would start this program again, for commands printed to be copied. */
export function invocation(environment: Environment = process.env, program: Program = process): string {
  // Under npx and npm start the PATH holds `bristlecone`; in the shell they were typed into it need not.
  if (environment.npm_command !== undefined) return "npx bristlecone";
  const script = program.argv[1] ?? "bristlecone";
  if (basename(script) === "bristlecone") return "bristlecone";
  const steps = relative(program.cwd(), script);
  return ["node", ...program.execArgv, steps.startsWith("..") ? script : steps].join(" ");
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

const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER };

const SCHEMAS: { readonly [N in SettingName]: z.ZodType<Settings[N]> } = {
  listen: address(),
  adminListen: address().optional(),
  data: text(),
  origin: z
    .string()
    .regex(/^[^\s\p{Cc}+]+$/u)
    .optional(),
  key: text().optional(),
  mlDsaKey: text().optional(),
  guard: text().optional(),
  recreateGuard: truth(),
  duplicates: z.enum(["first", "allow"]),
  checkpointInterval: wholeNumber(COUNT),
  tokenHash: list(/^[0-9a-f]{64}$/),
  tokens: text().optional(),
  openWrites: truth(),
  maxEntryBytes: wholeNumber({ min: 1, max: 65_535 }).optional(),
  maxBatchEntries: wholeNumber(COUNT).optional(),
  maxPendingEntries: wholeNumber(COUNT).optional(),
  maxPendingBytes: wholeNumber(COUNT).optional(),
  maxDataBytes: wholeNumber(COUNT).optional(),
  logLevel: z.enum(["debug", "info", "warn"]),
  logFormat: z.enum(["auto", "pretty", "json"]),
  log: z.url({ protocol: /^https?$/ }),
  vkey: text().optional(),
  policy: text().optional(),
  token: text().optional(),
  tokenFile: text().optional(),
  state: text().optional(),
  memory: truth(),
  timeout: wholeNumber({ min: 1, max: 86_400 }),
};

function readConfigFile(chosen: string | undefined): { path: string; values: Record<string, unknown> } {
  const path = chosen ?? "bristlecone.json";
  if (chosen === undefined && !existsSync(path)) return { path, values: {} };
  const parsed = parseJson(path, readText(path));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new TlogError("CONFIG_INVALID", `${path}: want one JSON object, got ${shown(parsed)}`);
  }
  const values: Record<string, unknown> = Object.fromEntries(Object.entries(parsed));
  for (const key of Object.keys(values)) assertFileKey(path, key);
  return { path, values };
}

function assertFileKey(path: string, key: string): void {
  if (!isSettingName(key)) {
    const known = Object.entries(SETTINGS).flatMap(([name, { scope }]) =>
      scope === undefined ? [name] : [],
    );
    throw new TlogError("CONFIG_INVALID", `${path}: unknown key "${key}"; known: ${known.join(", ")}`);
  }
  const { scope } = SETTINGS[key];
  if (scope === undefined) return;
  const where = scope === "flag" ? flagName(key) : environmentName(key);
  throw new TlogError("CONFIG_INVALID", `${path}: "${key}" cannot stand in a file; want ${where}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new TlogError("FILE_UNREADABLE", `configuration file ${path} cannot be read`, { cause });
  }
}

function parseJson(path: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "not JSON";
    throw new TlogError("CONFIG_INVALID", `${path}: want JSON: ${reason}`, { cause });
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
