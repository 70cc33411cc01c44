import { type Sleep, sleepOnTimer } from "../../client/waiting.ts";
import type { LogEvents } from "../events.ts";
import { placeNow, type ToldLog } from "./messages.ts";
import { type Place, Places, type PlacesFile } from "./places.ts";
import { remember, runWebhook } from "./webhook.ts";
import type { WebhookSettings } from "./webhook-file.ts";

/** A receiver, and what its messages are signed with. */
export interface ConfiguredWebhook {
  readonly settings: WebhookSettings;
  /** Asked for each attempt. @throws {TlogError} CONFIG_INVALID | FILE_UNREADABLE */
  readonly secrets: () => Promise<readonly Uint8Array[]>;
}

export interface OpenWebhooksOptions {
  readonly log: ToldLog;
  readonly webhooks: readonly ConfiguredWebhook[];
  /** Kept with the log, and by one log. */
  readonly file: PlacesFile;
  readonly events: Pick<LogEvents, "webhookOpened" | "webhookDelivered" | "webhookFailed" | "warning">;
  /** Default: Date.now. */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly sleep?: Sleep;
}

export interface RunningWebhooks {
  /** Ends what is under way: a receiver that did not answer is told again by the next opening. */
  close(): Promise<void>;
}

/**
 * Tells receivers what a log publishes, from where each was left. One that is new begins with what is published from now on.
 * @throws {TlogError} CONFIG_INVALID, and as reading the file
 */
export async function openWebhooks(options: OpenWebhooksOptions): Promise<RunningWebhooks> {
  const { log, webhooks, file, events } = options;
  const { now = Date.now, random = Math.random, sleep = sleepOnTimer } = options;
  const places = await Places.open(file);
  for (const { settings } of webhooks) {
    const { name } = settings;
    const place = places.get(name) ?? firstPlace(log, settings);
    events.webhookOpened?.({ name, treeSize: place.treeSize });
    if (places.get(name) === undefined) await remember(place, { settings, places, events });
  }
  const closing = new AbortController();
  const { signal } = closing;
  const all = webhooks.map((webhook) =>
    runWebhook({ ...webhook, log, places, events, signal, now, random, sleep }),
  );
  return {
    async close() {
      closing.abort();
      await Promise.all(all);
    },
  };
}

function firstPlace(log: ToldLog, { from, events }: WebhookSettings): Place {
  if (from !== undefined) return { treeSize: from };
  const { treeSize, told } = placeNow(log);
  return events === "checkpoints" ? { treeSize, told } : { treeSize };
}
