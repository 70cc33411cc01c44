import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Log } from "../log/log.ts";
import { codeOf, hasErrorCode } from "../node/errno.ts";
import { type ConfiguredWebhook, openWebhooks, type RunningWebhooks } from "../webhooks/open-webhooks.ts";
import { Places, type PlacesFile } from "../webhooks/places.ts";
import { parseSecrets } from "../webhooks/signature.ts";
import { parseWebhookFile } from "../webhooks/webhook-file.ts";
import { readSmallFile, replaceFile } from "./files.ts";

/** Lies in the data directory: nothing else of a log's machine has to be writable. */
const PLACES_FILE = "webhooks.state";
const MAX_FILE_BYTES = 256 * 1024;
const MAX_SECRET_FILE_BYTES = 4096;

/**
 * The receivers of --webhooks, with their secrets. Read before anything is made.
 * @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE
 */
export async function configuredWebhooks(config: Config): Promise<readonly ConfiguredWebhook[]> {
  const path = config.value("webhooks");
  return path === undefined ? [] : await readWebhooks(path);
}

/** Of one file. @throws as {@link configuredWebhooks} */
export async function readWebhooks(path: string): Promise<readonly ConfiguredWebhook[]> {
  const all = await ofFile(path, async () => parseWebhookFile(await readText(path, MAX_FILE_BYTES)));
  return await Promise.all(
    all.map(async (settings) => {
      const secrets = () => readSecrets(resolve(dirname(path), settings.secretFile));
      await secrets();
      return { settings, secrets };
    }),
  );
}

/**
 * Tells them what the log publishes, each from where it was left: with the data it is written down how far that is. Where that cannot be
 * read nobody is told anything, which is logged and metered as of any other receiver that is not told: no reason to keep a log down.
 */
export async function serveWebhooks(
  log: Log,
  options: {
    readonly webhooks: readonly ConfiguredWebhook[];
    readonly data: string;
    readonly events: LogEvents;
  },
): Promise<RunningWebhooks | undefined> {
  const { webhooks, data, events } = options;
  if (webhooks.length === 0) return undefined;
  const path = join(data, PLACES_FILE);
  try {
    return await ofFile(path, () => openWebhooks({ log, webhooks, file: placesFile(path), events }));
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    for (const { settings } of webhooks) {
      const message = `nothing is told until a restart: ${error.message}`;
      events.webhookFailed?.({ name: settings.name, code: error.code, message, failures: 1 });
    }
    return undefined;
  }
}

/** How far each was told, as `serve` would read it. @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE */
export async function readPlaces(data: string): Promise<void> {
  const path = join(data, PLACES_FILE);
  await ofFile(path, () => Places.open(placesFile(path)));
}

async function readSecrets(path: string): Promise<readonly Uint8Array[]> {
  const secrets = await ofFile(path, async () => parseSecrets(await readText(path, MAX_SECRET_FILE_BYTES)));
  // What groups and others may do is in the last two octal digits.
  const mode = process.platform === "win32" ? 0 : (await stat(path)).mode % 0o100;
  if (mode === 0) return secrets;
  throw new TlogError(
    "CONFIG_INVALID",
    `${path}: want a secret that only its owner can read: chmod 600 ${path}`,
  );
}

function placesFile(path: string): PlacesFile {
  return {
    async read() {
      try {
        await stat(path);
      } catch (error) {
        if (hasErrorCode(error, "ENOENT")) return undefined;
        throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(error)})`, { cause: error });
      }
      return await readText(path, MAX_FILE_BYTES);
    },
    replace: (text) => replaceFile(path, text),
  };
}

async function readText(path: string, maxBytes: number): Promise<string> {
  return new TextDecoder().decode(await readSmallFile(path, { maxBytes }));
}

/** What is wrong with a file is said with its name. */
async function ofFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== "CONFIG_INVALID") throw error;
    throw new TlogError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
