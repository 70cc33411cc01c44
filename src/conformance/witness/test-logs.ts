/**
 * The logs the tester signs for. Anybody knows the published ones' signing keys: a witness that is in use had better be given
 * others, or logs that nobody relies on.
 */
import { TlogError } from "../../errors.ts";
import {
  formatSigningKey,
  formatVerifierKey,
  generateSigningKey,
  type NoteSigner,
  openSigner,
  parseSigningKey,
} from "../../tlog/key.ts";
import { originHash } from "../../tlog/origin-hash.ts";
import type { TestLogDefinition } from "./cases.ts";

/** A log of the tester's, with the keys to sign for it. */
export interface TestLog extends Pick<TestLogDefinition, "name" | "discovery" | "first" | "again"> {
  readonly origin: string;
  /** Hex of SHA-256 of the origin. */
  readonly originHash: string;
  /** The first one signs wherever nothing else is said. */
  readonly signers: readonly NoteSigner[];
  readonly vkeys: readonly string[];
  /** "configured": the witness is meant to know it; "unknown": it is meant not to; "left-out": in this run it has no place. */
  readonly role: "configured" | "unknown" | "left-out";
}

export interface TestLogs {
  /** In the order of the case file. */
  readonly all: readonly TestLog[];
  /** Those a witness under test has to be configured with. */
  readonly configured: readonly TestLog[];
  /** @throws {TlogError} ARGUMENT_INVALID */
  get(name: string): TestLog;
}

export interface TestLogsOptions {
  readonly definitions: readonly TestLogDefinition[];
  /** Keys of one's own by the log's name, in place of the published ones: as many a log, of the same types. Their name is the origin. */
  readonly signingKeys?: ReadonlyMap<string, readonly string[]>;
  /** The log "main" has this origin, and its keys this name: all other logs count as not configured. */
  readonly origin?: string;
}

/** @throws {TlogError} ARGUMENT_INVALID | SIGNING_KEY_MALFORMED | KEY_TYPE_UNSUPPORTED */
export async function openTestLogs(options: TestLogsOptions): Promise<TestLogs> {
  const all = await Promise.all(options.definitions.map((definition) => openTestLog(definition, options)));
  return {
    all,
    configured: all.filter(({ role }) => role === "configured"),
    get(name) {
      const log = all.find((one) => one.name === name);
      if (log === undefined) throw new TlogError("ARGUMENT_INVALID", `there is no test log ${name}`);
      return log;
    },
  };
}

async function openTestLog(definition: TestLogDefinition, options: TestLogsOptions): Promise<TestLog> {
  const { name, discovery, first, again } = definition;
  const own = options.signingKeys?.get(name);
  if (own !== undefined && own.length !== definition.signingKeys.length) {
    throw new TlogError(
      "ARGUMENT_INVALID",
      `the log ${name} needs ${definition.signingKeys.length} keys, got ${own.length}`,
    );
  }
  const renamed = name === "main" ? options.origin : undefined;
  const texts = own ?? definition.signingKeys;
  const signers = await Promise.all(texts.map(async (text) => openSigner(await withName(text, renamed))));
  const origin = renamed ?? (own === undefined ? definition.origin : signers[0]?.verifierKey.name);
  if (origin === undefined) throw new TlogError("ARGUMENT_INVALID", `the log ${name} has no key`);
  return {
    name,
    discovery,
    first,
    again,
    origin,
    originHash: originHash(origin),
    signers,
    vkeys: signers.map(({ verifierKey }) => formatVerifierKey(verifierKey)),
    role: roleOf(definition, options),
  };
}

function roleOf({ name, isConfigured }: TestLogDefinition, { origin }: TestLogsOptions): TestLog["role"] {
  if (!isConfigured) return "unknown";
  return origin === undefined || name === "main" ? "configured" : "left-out";
}

/** The same secret under another name. */
async function withName(text: string, name: string | undefined): Promise<string> {
  if (name === undefined) return text;
  const { type, seed } = parseSigningKey(text);
  return formatSigningKey(await generateSigningKey({ name, type, seed }));
}
