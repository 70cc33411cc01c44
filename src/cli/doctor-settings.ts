/** What `serve` would be told, and the small files that its settings name. */
import type { Config } from "../config.ts";
import { fail, type Outcome, ok, type Sheet, skipped, warn } from "../doctor/check.ts";
import { modeOf } from "../doctor/file-modes.ts";
import { withoutSecrets } from "../doctor/hidden.ts";
import { TlogError } from "../errors.ts";
import { isLoopbackName } from "../http/access.ts";
import { flagName, type SettingName } from "../settings.ts";
import { assertSettings } from "./checked-settings.ts";
import { SERVE_SETTINGS } from "./serve.ts";
import { type DataPaths, dataPaths } from "./serve-key.ts";
import { configuredWebhooks, readPlaces } from "./serve-webhooks.ts";
import { assertWitnessesAsked } from "./serve-witnesses.ts";
import { readTokenFile } from "./token-file.ts";

/** A setting, and where it comes from. */
export interface SettingSight {
  readonly name: SettingName;
  /** As text, without what may be a secret. */
  readonly value: string;
  /** "--listen", "BRISTLECONE_LISTEN", "\"listen\" in log.json"; undefined: it is the default. */
  readonly source: string | undefined;
}

const PRIVATE: readonly SettingName[] = ["tokenHash"];

/** @returns no paths when the settings are wrong: then nothing is known of what `serve` would use. */
export async function lookAtSettings(
  sheet: Sheet,
  config: Config,
): Promise<{ readonly paths: DataPaths | undefined; readonly settings: readonly SettingSight[] }> {
  const settings: SettingSight[] = [];
  let wrong = 0;
  for (const name of SERVE_SETTINGS) {
    try {
      const value = withoutSecrets(shownValue(name, config.value(name)));
      settings.push({ name, value, source: config.source(name) });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      wrong += 1;
      sheet.note({
        check: "settings",
        of: flagName(name),
        ...fail(error.message, "set it right: `serve --help` tells what it wants"),
      });
    }
  }
  const paths =
    wrong > 0 ? undefined : await sheet.look({ check: "settings", see: () => seeSettings(config, settings) });
  if (paths === undefined) {
    sheet.note({
      check: "all-others",
      verdict: "unknown",
      saw: "what `serve` would use is not known",
      advice: "set the settings right, and look again",
    });
  }
  return { paths, settings };
}

function seeSettings(config: Config, settings: readonly SettingSight[]) {
  try {
    assertSettings(config, SERVE_SETTINGS);
    assertWitnessesAsked(config);
    const found = dataPaths(config);
    const set = settings.filter(({ source }) => source !== undefined).length;
    const words = `${set === 0 ? "none is" : set === 1 ? "1 is" : `${set} are`} set, the others have their defaults`;
    if (config.value("recreateGuard")) {
      return {
        ...warn(
          `${words}; --recreate-guard is among them`,
          "leave it out: it takes away what keeps two copies from signing",
        ),
        found,
      };
    }
    return { ...ok(words), found };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return fail(error.message, "`serve` refuses to start so");
  }
}

function shownValue(name: SettingName, value: unknown): string {
  if (value === undefined) return "";
  if (PRIVATE.includes(name)) return "(set)";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object" && value !== null && "host" in value && "port" in value)
    return `${String(value.host)}:${String(value.port)}`;
  return String(value);
}

/** Who may write, and who is told. */
export async function lookAtFiles(sheet: Sheet, config: Config): Promise<void> {
  const tokens = config.value("tokens");
  await sheet.look({ check: "writers", of: tokens, see: () => seeWriters(config, tokens) });
  const webhooks = config.value("webhooks");
  await sheet.look({ check: "webhooks", of: webhooks, see: () => seeWebhooks(config) });
}

async function seeWriters(config: Config, path: string | undefined): Promise<Outcome> {
  const { host } = config.value("listen");
  const hashes = config.value("tokenHash") ?? [];
  const isOpen = config.value("openWrites");
  if (path === undefined && hashes.length === 0) {
    if (isOpen) {
      return warn("anybody may write who can reach the port", "give --tokens FILE, unless that is meant");
    }
    if (isLoopbackName(host)) return ok("programs on this machine, and nobody through a proxy");
    return warn(
      `nobody: it listens on ${host}, and no token is given`,
      "`bristlecone token new` makes one; give its line to --tokens FILE",
    );
  }
  try {
    const inFile = path === undefined ? [] : await readTokenFile(path);
    const seconds = Date.now() / 1000;
    const live = inFile.filter(
      ({ expiresAtSeconds = Number.POSITIVE_INFINITY }) => expiresAtSeconds > seconds,
    );
    const soon = live.filter(
      ({ expiresAtSeconds = Number.POSITIVE_INFINITY }) => expiresAtSeconds < seconds + SOON_SECONDS,
    );
    const count = live.length + hashes.length;
    const expired = inFile.length - live.length;
    const words = `${count} ${count === 1 ? "token" : "tokens"}${expired === 0 ? "" : `, and ${expired} expired`}`;
    const mode = path === undefined ? undefined : await modeOf(path);
    if (count === 0) return warn(`${words}: nobody may write`, "`bristlecone token new` makes one");
    if (mode?.isWritableByOthers === true) {
      return fail(
        `${words}; others may write to the file (mode ${mode.mode}), and so let themselves in`,
        `chmod go-w ${path}`,
      );
    }
    if (soon.length > 0) {
      const names = soon.map(({ name, hash }) => name ?? hash.slice(0, 8)).join(", ");
      return warn(
        `${words}; ${names} will expire within a week`,
        "make another with `bristlecone token new`",
      );
    }
    return ok(words);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return fail(
      `${error.message} [${error.code}]`,
      "`serve` refuses to start so; one that runs keeps the tokens of before",
    );
  }
}

const SOON_SECONDS = 7 * 86_400;

async function seeWebhooks(config: Config): Promise<Outcome> {
  if (config.value("webhooks") === undefined) return skipped("none is set up");
  try {
    const all = await configuredWebhooks(config);
    const unreadable = await readPlaces(dataPaths(config).data).catch((error: unknown) => error);
    if (unreadable instanceof TlogError) {
      return fail(
        `${unreadable.message} [${unreadable.code}]`,
        "until then `serve` tells none of them anything",
      );
    }
    if (unreadable !== undefined) throw unreadable;
    return ok(
      `${all.length} ${all.length === 1 ? "receiver" : "receivers"}, each with a secret; none was called`,
    );
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return fail(`${error.message} [${error.code}]`, "`serve` refuses to start so");
  }
}
