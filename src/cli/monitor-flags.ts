/** The flags of `monitor` for one log; several, and more, stand in a file. */
import type { Command } from "commander";
import { TlogError } from "../errors.ts";
import { parseJsonPath } from "../monitor/json-path.ts";
import type { AlertConfig, LogConfig, MatchConfig } from "../monitor/monitor-config.ts";
import { MAX_WAIT_MS } from "../setting.ts";
import { type Flags, textFlag } from "./command.ts";
import { indexArgument, parseLeafHash } from "./entry-argument.ts";

const MAX_FIND_LENGTH = 1024;

/** Flags that say what stands in a file otherwise. */
const OF_ONE_LOG = [
  "log",
  "vkey",
  "policy",
  "origin",
  "find",
  "jsonPath",
  "leafHash",
  "module",
  "from",
  "mirror",
  "webhook",
  "staleAfter",
];

export function addMonitorFlags(command: Command): void {
  const list = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
  command
    .option(
      "--once",
      "look once, read to the end, tell, and end: for cron; exit code 1 for an alarm, 5 for a match",
    )
    .option("--interval <SECONDS>", "pause between two looks at a log (default: 10)")
    .option("--find <TEXT>", "tell entries that contain this text; may be repeated", list)
    .option(
      "--json-path <PATH[=TEXT]>",
      "tell entries that are JSON and have this, such as $.user.name=alice; may be repeated",
      list,
    )
    .option("--leaf-hash <HEX>", "tell the entry with this leaf hash; may be repeated", list)
    .option(
      "--module <FILE>",
      "tell entries for which a module's function match says so; may be repeated",
      list,
    )
    .option("--from <INDEX>", 'the first entry to look at, or "now", where nothing was read yet (default: 0)')
    .option("--mirror <URL>", "another place that shows the log; may be repeated", list)
    .option("--stale-after <SECONDS>", "an alarm when the newest head, or its quorum, is older")
    .option("--webhook <URL>", "POST alerts there, too; may be repeated", list);
}

/** What a file would say. @throws {TlogError} USAGE */
export function oneLogFlags(flags: Flags): {
  readonly log: Omit<LogConfig, "url" | "vkey" | "policy" | "origin">;
  readonly alerts: readonly AlertConfig[];
} {
  const staleAfter = textFlag(flags, "staleAfter");
  const from = textFlag(flags, "from");
  const mirrors = texts(flags, "mirror");
  for (const url of [...mirrors, ...texts(flags, "webhook")]) assertUrl(url);
  return {
    log: {
      match: matchFlags(flags),
      mirrors: [...mirrors],
      ...(from !== undefined && { from: from === "now" ? "now" : indexArgument("--from", from) }),
      ...(staleAfter !== undefined && { staleAfterSeconds: secondsFlag("--stale-after", staleAfter) }),
    },
    alerts: texts(flags, "webhook").map((webhook) => ({ webhook, network: "private" })), // who types it means it
  };
}

/** @returns undefined when it was not given. @throws {TlogError} USAGE */
export function intervalFlag(flags: Flags): number | undefined {
  const text = textFlag(flags, "interval");
  return text === undefined ? undefined : secondsFlag("--interval", text);
}

/** A file says all of it, or none. @throws {TlogError} USAGE */
export function assertNoLogFlags(flags: Flags): void {
  const given = OF_ONE_LOG.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new TlogError("USAGE", `want a file or --${flag}, not both: say it in the file`);
}

function matchFlags(flags: Flags): MatchConfig[] {
  return [
    ...texts(flags, "find").map(findFlag),
    ...texts(flags, "jsonPath").map(jsonFlag),
    ...texts(flags, "leafHash").map((leafHash) => {
      parseLeafHash(leafHash);
      return { leafHash };
    }),
    ...texts(flags, "module").map((module) => ({ module })),
  ];
}

function findFlag(substring: string): MatchConfig {
  if (substring !== "" && substring.length <= MAX_FIND_LENGTH) return { substring };
  throw new TlogError("USAGE", `--find: want 1 to ${MAX_FIND_LENGTH} characters`);
}

function jsonFlag(text: string): MatchConfig {
  try {
    const { rest } = parseJsonPath(text);
    const json = text.slice(0, text.length - rest.length);
    if (rest === "") return { json };
    if (rest.startsWith("=")) {
      const value = rest.slice(1);
      return { name: `${json} = ${JSON.stringify(value)}`, json, equals: asTyped(value) };
    }
    throw new TlogError(
      "USAGE",
      `want a path, or a path and =TEXT, got ${JSON.stringify(rest)} behind the path`,
    );
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError("USAGE", `--json-path: ${cause.message}`, { cause });
  }
}

/** "5" is a text and a number: who types it means either. */
function asTyped(text: string): (string | number | boolean | null)[] {
  if (/^(?:true|false|null)$/.test(text)) return [text, text === "null" ? null : text === "true"];
  const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
  return isNumber ? [text, JSON.parse(text)] : [text];
}

function assertUrl(url: string): void {
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return;
  throw new TlogError("USAGE", `want an http:// or https:// URL, got ${url}`);
}

function secondsFlag(name: string, text: string): number {
  const seconds = indexArgument(name, text, MAX_WAIT_MS / 1000);
  if (seconds >= 1) return seconds;
  throw new TlogError("USAGE", `${name}: want a whole number of seconds from 1 up`);
}

function texts(flags: Flags, name: string): readonly string[] {
  const given = flags[name];
  return Array.isArray(given) ? given.filter((value) => typeof value === "string") : [];
}
