/** The file that says what is monitored, and who is told. Paths in it are relative to its folder.  spec/monitor.md */
import { z } from "zod";
import { TlogError } from "../errors.ts";

export type MonitorConfig = z.infer<typeof CONFIG>;
export type LogConfig = MonitorConfig["logs"][number];
export type MatchConfig = NonNullable<LogConfig["match"]>[number];
export type AlertConfig = MonitorConfig["alerts"][number];

export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const MAX_LOGS = 10_000;
const MAX_MATCHERS = 64;
const MAX_EQUALS = 64;
const MAX_PLACES = 32;
const MAX_SINKS = 16;
/** A line; it stands in alerts. */
const name = z.string().regex(/^[^\p{Cc}]{1,200}$/u, "want one line of 1 to 200 characters");
const url = z.url({ protocol: /^https?$/, error: "want an http:// or https:// URL" }).max(2048);
const file = z.string().min(1).max(4096);
const seconds = z.int().min(1, "want a whole number of seconds from 1 up").max(31_536_000);
const wantedFrom = 'want an index or "now"';
const index = z.int(wantedFrom).min(0, wantedFrom).max(Number.MAX_SAFE_INTEGER, wantedFrom);

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const MATCH = z
  .strictObject({
    name: name.optional(),
    substring: z.string().min(1).max(1024).optional(),
    ignoreCase: z.boolean().optional(),
    json: z.string().max(1024).optional(),
    equals: z.union([scalar, z.array(scalar).min(1).max(MAX_EQUALS)]).optional(),
    contains: z.string().min(1).max(1024).optional(),
    leafHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "want 64 lowercase hex digits")
      .optional(),
    module: file.optional(),
  })
  .refine((match) => oneOf(match, ["substring", "json", "leafHash", "module"]), {
    error: "want one of substring, json, leafHash and module",
  })
  .refine(({ substring, ignoreCase }) => ignoreCase === undefined || substring !== undefined, {
    error: "ignoreCase: only with substring",
  })
  .refine(
    (match) => (match.equals === undefined && match.contains === undefined) || match.json !== undefined,
    {
      error: "equals, contains: only with json",
    },
  )
  .refine(({ equals, contains }) => equals === undefined || contains === undefined, {
    error: "want one of equals and contains, not both",
  });

const PLACE = z.union([url, z.strictObject({ name: name.optional(), url })], {
  error: "want a URL, or { name, url }",
});

const LOG = z
  .strictObject({
    url,
    vkey: z.string().optional(),
    policy: file.optional(),
    origin: name.optional(),
    from: z.union([index, z.literal("now")], { error: wantedFrom }).optional(),
    mirrors: z.array(PLACE).max(MAX_PLACES).optional(),
    witnesses: z.boolean().optional(),
    match: z.array(MATCH).max(MAX_MATCHERS).optional(),
    push: z.boolean().optional(),
    staleAfterSeconds: seconds.optional(),
    unreachableAfterSeconds: seconds.optional(),
    behindAfterSeconds: seconds.optional(),
    placeAfterSeconds: seconds.optional(),
  })
  .refine((log) => oneOf(log, ["vkey", "policy"]), { error: "want one of vkey and policy" });

const COMMAND = z.array(z.string().min(1)).min(1, "want a program and its arguments");
/** No line break, so no header of a stranger. */
const address = z.string().regex(/^[!-~]+@[!-~]+$/, "want an address such as ops@example.com");

const ALERT = z
  .strictObject({
    name: name.optional(),
    webhook: url.optional(),
    secretFile: file.optional(),
    network: z.enum(["public", "private"]).optional(),
    command: COMMAND.optional(),
    mail: z.strictObject({ to: address, from: address.optional(), sendmail: COMMAND.optional() }).optional(),
  })
  .refine((alert) => oneOf(alert, ["webhook", "command", "mail"]), {
    error: "want one of webhook, command and mail",
  })
  .refine(
    ({ webhook, secretFile, network }) => webhook !== undefined || (secretFile ?? network) === undefined,
    {
      error: "secretFile, network: only with webhook",
    },
  )
  // Schemes are written in any case (RFC 3986, 3.1): "HTTP:" is as plain.
  .refine(
    ({ webhook, network }) => network === "private" || webhook === undefined || !/^http:/i.test(webhook),
    {
      error: 'want an https:// URL; http:// only with "network": "private"',
    },
  );

const CONFIG = z.strictObject({
  state: file.optional(),
  intervalSeconds: z.int().min(1, "want a whole number of seconds from 1 up").max(86_400).optional(),
  logs: z.array(LOG).min(1, "want at least one log").max(MAX_LOGS),
  match: z.array(MATCH).max(MAX_MATCHERS).default([]),
  alerts: z.array(ALERT).max(MAX_SINKS).default([]),
});

/** @throws {TlogError} CONFIG_INVALID, naming the member and what was wanted */
export function parseMonitorConfig(text: string): MonitorConfig {
  const result = CONFIG.safeParse(parseJson(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("");
  const place = where === undefined || where === "" ? "" : `${where.replace(/^\./, "")}: `;
  throw new TlogError("CONFIG_INVALID", `${place}${issue?.message ?? "unreadable"}`);
}

function oneOf<Name extends string>(
  value: Partial<Readonly<Record<Name, unknown>>>,
  names: readonly Name[],
): boolean {
  return names.filter((one) => value[one] !== undefined).length === 1;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TlogError(
      "CONFIG_INVALID",
      `want JSON: ${cause instanceof Error ? cause.message : "unreadable"}`,
    );
  }
}
