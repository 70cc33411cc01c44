import { type Sleep, sleepOnTimer } from "../../client/waiting.ts";
import type { LogEvents } from "../events.ts";
import type { ToldLog } from "./messages.ts";
import { Places, type PlacesFile } from "./places.ts";
import { remember, runWebhook } from "./webhook.ts";
import type { WebhookSettings } from "./webhook-file.ts";

/** A receiver, and what its messages are signed with. */
export interface ConfiguredWebhook {
  readonly settings: WebhookSettings;
  readonly secrets: readonly Uint8Array[];
}

export interface OpenWebhooksOptions {
  readonly log: ToldLog;
  readonly webhooks: readonly ConfiguredWebhook[];
  /** Kept with the log, and by one log. */
  readonly file: PlacesFile;
  readonly events: Pick<LogEvents, "webhookDelivered" | "webhookFailed" | "warning">;
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
  const { treeSize } = log.published();
  for (const { settings } of webhooks) {
    if (places.get(settings.name) !== undefined) continue;
    await remember(settings.from ?? treeSize, { settings, places, events });
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
