import { type Command, Option } from "commander";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import { environmentName, flagName, SETTINGS, type SettingName } from "../settings.ts";
import type { Output } from "./output.ts";

/** One subcommand: what it accepts, and what it does. */
export interface CommandDefinition {
  /** Adds description, arguments, options and examples. Cheap: it runs at every start, also for `--help`. */
  define(command: Command): void;
  /** @throws {TlogError} whose code decides the exit code; returning means 0. */
  run(call: Call): Promise<void>;
}

/** One use of a subcommand. */
export interface Call {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly output: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** How much is logged beyond what the settings say. Default: nothing. */
  readonly verbosity?: Verbosity | undefined;
  /** Milliseconds, for rates and waits; not a date. */
  readonly now: () => number;
  /** The settings, checked as they are asked for; the file of them is read with the first. */
  config(): Promise<Config>;
}

/** May change at any time. */
export interface Verbosity {
  /** Log lines of level debug are wanted. */
  readonly isRaised: boolean;
}

/** What was given on the command line, by camel-case option name. */
export type Flags = Readonly<Record<string, unknown>>;

/** An option's text, or undefined when it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}

/** True when the switch was given. */
export function isFlagOn(flags: Flags, name: string): boolean {
  return flags[name] === true;
}

/** @returns the one option among `names` that was given, or undefined. @throws {TlogError} USAGE for two of them. */
export function onlyOneOf<Name extends string>(flags: Flags, names: readonly Name[]): Name | undefined {
  const given = names.filter((name) => flags[name] !== undefined && flags[name] !== false);
  if (given.length > 1)
    throw new TlogError("USAGE", `want one of ${names.map(dashed).join(", ")}, not several`);
  return given[0];
}

/**
 * Adds the flags of settings that also come from the environment and the configuration file.
 * @param words - what the help of this command says instead of the setting's own.
 */
export function addSettings(
  command: Command,
  names: readonly SettingName[],
  words: { readonly [N in SettingName]?: string } = {},
): void {
  for (const name of names) command.addOption(settingOption(name, words[name]));
}

/** Examples below the help, one command a line. */
export function addExamples(command: Command, examples: readonly string[]): void {
  const lines = examples.map((example) => `  ${example}`);
  command.addHelpText("after", ["", "Examples:", ...lines].join("\n"));
}

function settingOption(name: SettingName, words: string | undefined): Option {
  const { flag, placeholder, help, fallback, repeatable } = SETTINGS[name];
  const isWorthShowing = typeof fallback === "string" || typeof fallback === "number";
  const said = words ?? (isWorthShowing ? `${help} (default: ${fallback})` : help);
  // Where the flag's own name is another setting, or none, in the environment.
  const description = flag === undefined ? said : `${said} [${environmentName(name)}]`;
  const spelling = placeholder === undefined ? flagName(name) : `${flagName(name)} <${placeholder}>`;
  const option = new Option(spelling, description);
  return repeatable ? option.argParser(collect) : option;
}

function collect(value: string, before: unknown): readonly string[] {
  return Array.isArray(before) ? [...before, value] : [value];
}

function dashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
