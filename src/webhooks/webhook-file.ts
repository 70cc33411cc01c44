/**
 * {"webhooks":[{"name":"ci","url":"https://ci.example.com/hook","secretFile":"ci.secret","events":"entries"}]}: whom a log tells.
 * spec/push.md, "Webhooks"
 */
import { z } from "zod";
import { TlogError } from "../errors.ts";
import { addressIn, isPublicAddress } from "./public-address.ts";

/** One receiver, as the file names it. */
export interface WebhookSettings {
  /** What its place is remembered by, and the operator sees. */
  readonly name: string;
  readonly url: string;
  /** Relative to the file. */
  readonly secretFile: string;
  readonly events: "checkpoints" | "entries";
  /** "public": https to public addresses alone. */
  readonly network: "public" | "private";
  /** The tree size up to which it knows the log when it is first told. Default: what is published then. */
  readonly from?: number | undefined;
  readonly timeoutSeconds: number;
}

/** Each has a message in memory. */
const MAX_WEBHOOKS = 32;

const Webhook = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "want a name of 1 to 64 letters, digits, dots and dashes"),
  url: z.string().refine(isWebhookUrl, "want an https:// URL without credentials and fragment"),
  secretFile: z.string().min(1),
  events: z.enum(["checkpoints", "entries"]),
  network: z.enum(["public", "private"]).default("public"),
  from: z.int().min(0).optional(),
  timeoutSeconds: z.int().min(1).max(60).default(15),
});

const WebhookFile = z.strictObject({
  webhooks: z
    .array(Webhook)
    .max(MAX_WEBHOOKS)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "want each name once")
    .refine(
      (all) => all.every(({ url, network }) => network === "private" || url.startsWith("https:")),
      'want https:// URLs; http:// only with "network": "private"',
    )
    .refine(
      (all) => all.every(({ url, network }) => network === "private" || !isNotPublic(url)),
      'want names or public addresses; others only with "network": "private"',
    ),
});

/** @throws {TlogError} CONFIG_INVALID */
export function parseWebhookFile(text: string): readonly WebhookSettings[] {
  const result = WebhookFile.safeParse(jsonOf(text));
  if (result.success) return result.data.webhooks;
  const [issue] = result.error.issues;
  throw new TlogError(
    "CONFIG_INVALID",
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "want webhooks"}`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TlogError("CONFIG_INVALID", "want JSON", { cause });
  }
}

function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return ["https:", "http:"].includes(protocol) && username + password + hash === "";
}

/** What a name stands for is looked at with each delivery. */
function isNotPublic(url: string): boolean {
  const address = URL.canParse(url) ? addressIn(new URL(url)) : undefined;
  return address !== undefined && !isPublicAddress(address);
}
