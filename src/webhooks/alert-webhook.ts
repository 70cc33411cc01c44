import { TlogError } from "../errors.ts";
import type { AlertSink } from "../monitor/delivery.ts";
import { messageText } from "../monitor/message-json.ts";
import { post } from "./post.ts";
import { signatureHeaders } from "./signature.ts";

/**
 * Posts a monitor's alerts, as Standard Webhooks has it. spec/monitor.md
 * @param options.secrets - one or two of `parseSecrets`; none: not signed, but with an id and a time.
 */
export function alertWebhook(
  name: string,
  options: {
    readonly url: string;
    readonly secrets: readonly Uint8Array[];
    /** Whether addresses that are not public may be connected to. */
    readonly isPrivateAllowed: boolean;
    readonly timeoutMs?: number;
    /** Milliseconds since 1970. */
    readonly now: () => number;
  },
): AlertSink {
  const { secrets, isPrivateAllowed, timeoutMs = 10_000, now } = options;
  const url = new URL(options.url);
  return {
    name,
    async tell(message, signal) {
      const body = messageText(message, now());
      const timestampSeconds = Math.floor(now() / 1000);
      const { "webhook-signature": signature, ...headers } = signatureHeaders(secrets, {
        id: message.id,
        timestampSeconds,
        body,
      });
      const sent = secrets.length === 0 ? headers : { ...headers, "webhook-signature": signature ?? "" };
      const { status } = await post({ url, headers: sent, body, isPrivateAllowed, timeoutMs, signal }, now);
      if (status < 200 || status > 299) {
        throw new TlogError("ALERT_NOT_TOLD", `${name} answered ${status}`);
      }
    },
  };
}
