/** The signing keys of the logs that the tester signs for: published ones, or one's own in a directory. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { TestLogDefinition, WitnessCases } from "../conformance/witness/cases.ts";
import { openTestLogs, type TestLogs } from "../conformance/witness/test-logs.ts";
import { TlogError } from "../errors.ts";
import { readSigningKeyFile, writeSigningKeyFile } from "../keys/key-file.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { ED25519, parseSigningKey, parseVerifierKey } from "../tlog/key.ts";
import { type Flags, textFlag } from "./command.ts";
import { makeFolder } from "./files.ts";
import { newKey } from "./new-key.ts";

/** What a witness can be configured with. */
export const LOG_FORMS = ["vkeys", "list", "yaml"] as const;
export type LogForm = (typeof LOG_FORMS)[number];

/** More requests than a run makes. */
const QUERIES_PER_DAY = 86_400;

/**
 * Opens the test logs with the keys of --keys, made when they are missing, or with the published ones.
 * @throws {TlogError} KEY_FILE_EXPOSED | KEY_FILE_MALFORMED | FILE_UNWRITABLE | ARGUMENT_INVALID | …
 */
export async function testLogsOf(flags: Flags, { logs }: WitnessCases): Promise<TestLogs> {
  const directory = textFlag(flags, "keys");
  const origin = textFlag(flags, "origin");
  return openTestLogs({
    definitions: logs,
    ...(directory !== undefined && { signingKeys: await ownKeys(directory, logs) }),
    ...(origin !== undefined && { origin }),
  });
}

/** The logs in the words of a witness's configuration. */
export function formatLogs(logs: TestLogs, form: LogForm): string {
  const keys = keysIn(logs, form);
  if (form === "vkeys") return keys.map(({ vkey }) => vkey).join("\n");
  if (form === "yaml") {
    // JSON is YAML.
    const Logs = keys.map(({ origin, vkey }) => ({
      Origin: origin,
      PublicKey: vkey,
      URL: `http://${origin}/`,
      Feeder: "none",
    }));
    return JSON.stringify({ Logs }, undefined, 1);
  }
  const blocks = keys.flatMap(({ vkey }) => [
    `vkey ${vkey}`,
    `qpd ${QUERIES_PER_DAY}`,
    "contact a test log of bristlecone conformance, with no entries that matter to anybody",
    "",
  ]);
  return ["logs/v0", "", ...blocks].join("\n").trimEnd();
}

/** A key that a witness can be configured with. */
export interface LogKey {
  readonly origin: string;
  readonly vkey: string;
}

/** The keys that a form has a place for: the list has Ed25519 ones only, the YAML one of each log. */
export function keysIn({ configured }: TestLogs, form: LogForm): readonly LogKey[] {
  return configured.flatMap(({ origin, vkeys }) => {
    const known = form === "list" ? vkeys.filter((vkey) => parseVerifierKey(vkey).type === ED25519) : vkeys;
    return (form === "yaml" ? known.slice(0, 1) : known).map((vkey) => ({ origin, vkey }));
  });
}

/** The keys that it has none for. */
export function keysBeside(logs: TestLogs, form: LogForm): readonly LogKey[] {
  const printed = new Set(keysIn(logs, form).map(({ vkey }) => vkey));
  return keysIn(logs, "vkeys").filter(({ vkey }) => !printed.has(vkey));
}

async function ownKeys(
  directory: string,
  definitions: readonly TestLogDefinition[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  await makeFolder(directory, { mode: 0o700 });
  const keys = new Map<string, readonly string[]>();
  for (const definition of definitions) keys.set(definition.name, await ownKeysOf(directory, definition));
  return keys;
}

/** "main.key", and of a log that signs with more of them "main-2.key". */
async function ownKeysOf(
  directory: string,
  { name, origin, signingKeys }: TestLogDefinition,
): Promise<readonly string[]> {
  // Of a name that nobody else's test logs have: a witness may know both.
  let keyName = `${origin}/${encodeHex(Uint8Array.from(randomBytes(4)))}`;
  const texts: string[] = [];
  for (const [index, published] of signingKeys.entries()) {
    const path = join(directory, index === 0 ? `${name}.key` : `${name}-${index + 1}.key`);
    const { type } = parseSigningKey(published);
    const text = await existingKey(path);
    const own = text ?? (await newKey(keyName, type)).signingKey;
    if (text === undefined) await writeSigningKeyFile(path, own);
    const parsed = parseSigningKey(own);
    if (parsed.type !== type) {
      throw new TlogError("ARGUMENT_INVALID", `${path}: want a key of type ${type}, got ${parsed.type}`);
    }
    keyName = parsed.name;
    texts.push(own);
  }
  return texts;
}

async function existingKey(path: string): Promise<string | undefined> {
  try {
    return await readSigningKeyFile(path);
  } catch (error) {
    if (error instanceof TlogError && error.code === "KEY_FILE_MISSING") return undefined;
    throw error;
  }
}
