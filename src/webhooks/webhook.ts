import { backoffMs } from "../../client/backoff.ts";
import type { Sleep } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { messageOf } from "../node/errno.ts";
import { type Message, nextMessage, type ToldLog } from "./messages.ts";
import type { Place, Places } from "./places.ts";
import { type Delivered, post } from "./post.ts";
import { signatureHeaders } from "./signature.ts";
import type { WebhookSettings } from "./webhook-file.ts";

export interface WebhookOptions {
  readonly log: ToldLog;
  readonly settings: WebhookSettings;
  /** Asked for each attempt: one secret takes the other's place while the log runs. */
  readonly secrets: () => Promise<readonly Uint8Array[]>;
  readonly places: Places;
  readonly events: Pick<LogEvents, "webhookDelivered" | "webhookFailed" | "warning">;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: Sleep;
}

/** How often it is looked for something to tell. */
const LOOK_MS = 250;
const RETRY = { firstDelayMs: 1_000, maxDelayMs: 300_000 };
/** A receiver may ask for more patience than ours, to this. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** Standard Webhooks: the receiver wants no more. */
const GONE = 410;

/**
 * Tells one receiver what is published, in order, one message at a time: the next one goes when the last one was answered with 2xx, however
 * long that takes. So it is told each entry at least once; of checkpoints the newest.
 */
export async function runWebhook(options: WebhookOptions): Promise<void> {
  const { settings, places, events, signal, sleep } = options;
  const { name } = settings;
  let pending: Message | undefined;
  for (let failures = 0; !signal.aborted; ) {
    try {
      // A message about entries stays what it is until it is answered, so that its receiver knows it by its id.
      if (settings.events === "checkpoints") pending = undefined;
      pending ??= await nextMessage(options.log, {
        ...settings,
        from: places.get(name) ?? { treeSize: 0 },
        now: options.now,
      });
      if (pending === undefined) {
        await sleep(LOOK_MS, signal);
        continue;
      }
      const startedAt = options.now();
      await deliver(pending, options);
      const elapsedMs = options.now() - startedAt;
      failures = 0;
      events.webhookDelivered?.({ name, treeSize: pending.place.treeSize, elapsedMs });
      await remember(pending.place, options);
      pending = undefined;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const code = error instanceof TlogError ? error.code : "INTERNAL";
      events.webhookFailed?.({ name, code, message: messageOf(error), failures });
      if (error instanceof RefusedError && error.answer.status === GONE) return;
      await sleep(delayMs(error, failures, options.random), signal);
    }
  }
}

/** One attempt. @returns the status, 200 to 299. @throws {TlogError} REMOTE_REFUSED, and as {@link post} and the secrets */
export async function deliver(
  { id, body }: Pick<Message, "id" | "body">,
  options: Pick<WebhookOptions, "settings" | "secrets" | "signal" | "now">,
): Promise<number> {
  const { settings, secrets, signal, now } = options;
  const timestampSeconds = Math.floor(now() / 1_000);
  const signed = signatureHeaders(await secrets(), { id, timestampSeconds, body });
  const answer = await post(
    {
      url: new URL(settings.url),
      headers: { "user-agent": "bristlecone", ...signed },
      body,
      isPrivateAllowed: settings.network === "private",
      timeoutMs: settings.timeoutSeconds * 1_000,
      signal,
    },
    now,
  );
  if (answer.status < 200 || answer.status > 299) throw new RefusedError(answer);
  return answer.status;
}

/** Notes how far a receiver was told. It is told on while that cannot be written down, and after a restart from the place before. */
export async function remember(
  place: Place,
  { settings, places, events }: Pick<WebhookOptions, "settings" | "places" | "events">,
): Promise<void> {
  try {
    await places.set(settings.name, place);
  } catch (error) {
    const message = `webhook ${settings.name}: how far it was told is not written down: ${messageOf(error)}`;
    events.warning?.({ code: "FILE_UNWRITABLE", message });
  }
}

class RefusedError extends TlogError {
  readonly answer: Delivered;

  constructor(answer: Delivered) {
    super("REMOTE_REFUSED", refusalText(answer));
    this.answer = answer;
  }
}

function refusalText({ status }: Delivered): string {
  if (status === GONE) return "the receiver answered 410 and wants no more: nothing is sent until a restart";
  return `the receiver answered ${status}`;
}

function delayMs(error: unknown, failures: number, random: () => number): number {
  const ownMs = backoffMs(failures - 1, RETRY, random);
  const asked = error instanceof RefusedError ? error.answer.retryAfterMs : undefined;
  return asked === undefined
    ? Math.max(ownMs, RETRY.firstDelayMs / 2)
    : Math.min(asked, MAX_RETRY_AFTER_MS) + ownMs;
}
