/** The configuration file: one JSON object of settings. Their values are checked in `config.ts`, when they are asked for. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { TlogError } from "./errors.ts";
import type { Setting } from "./setting.ts";
import { environmentName, flagName, isSettingName, SETTINGS } from "./settings.ts";

export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads the bristlecone.json that nobody named, if there is one.
 * @throws {TlogError} CONFIG_INVALID also for settings that a file must be named for | FILE_UNREADABLE
 */
export function readImplicitFile(directory: string): ConfigFile {
  const path = join(directory, "bristlecone.json");
  if (!existsSync(path)) return { path, values: {} };
  const file = readConfigFile(path);
  const name = Object.keys(file.values).find((key) => isSettingName(key) && SETTINGS[key].scope === "chosen");
  if (name === undefined) return file;
  throw new TlogError(
    "CONFIG_INVALID",
    `${path}: "${name}" counts only in a file you name; want --config ${path}, or BRISTLECONE_CONFIG, if you trust it`,
  );
}

/** @throws {TlogError} CONFIG_INVALID (not one JSON object, an unknown key) | FILE_UNREADABLE */
export function readConfigFile(path: string): ConfigFile {
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
    const known = Object.entries(SETTINGS).flatMap(([name, { scope }]) => (isOfFiles(scope) ? [name] : []));
    throw new TlogError("CONFIG_INVALID", `${path}: unknown key "${key}"; known: ${known.join(", ")}`);
  }
  const { scope } = SETTINGS[key];
  if (isOfFiles(scope)) return;
  const where = scope === "flag" ? flagName(key) : environmentName(key);
  throw new TlogError("CONFIG_INVALID", `${path}: "${key}" cannot stand in a file; want ${where}`);
}

function isOfFiles(scope: Setting["scope"]): boolean {
  return scope === undefined || scope === "chosen";
}

const MAX_FILE_BYTES = 1024 * 1024;

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (!statSync(path).isFile() || size > MAX_FILE_BYTES) {
      throw new TlogError("FILE_UNREADABLE", `want a file of at most ${MAX_FILE_BYTES} bytes`);
    }
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

/** A value as an error quotes it. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
