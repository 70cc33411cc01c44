/** The logs that the tester signs for, as a witness has to be configured with them. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ED25519, parseVerifierKey } from "../../../src/tlog/key.ts";
import type { PeerLog } from "../witness-programs.ts";

const FILE = new URL("../../../spec/vectors/conformance-witness.json", import.meta.url);
const LOG = z.object({
  name: z.string(),
  origin: z.string(),
  isConfigured: z.boolean(),
  vkeys: z.array(z.string()),
});
const CASES = z.object({ logs: z.array(LOG.extend({ sigsumOrigin: z.string().optional() })) });

async function read(): Promise<z.infer<typeof CASES>["logs"]> {
  return CASES.parse(JSON.parse(await readFile(FILE, "utf8"))).logs;
}

/** One row a key: a log may have several. */
export async function testLogs(): Promise<readonly PeerLog[]> {
  const configured = (await read()).filter((log) => log.isConfigured);
  return configured.flatMap(({ origin, vkeys }) => vkeys.map((vkey) => ({ origin, vkey })));
}

/** Those that have no key but Ed25519 ones: what else there is many a program cannot be configured with. */
export async function ed25519TestLogs(): Promise<readonly PeerLog[]> {
  const logs = await testLogs();
  return logs.filter(({ vkey }) => parseVerifierKey(vkey).type === ED25519);
}

/** Those of them that have one key only. */
export async function oneKeyTestLogs(): Promise<readonly PeerLog[]> {
  const logs = await ed25519TestLogs();
  return logs.filter(({ origin }) => logs.filter((log) => log.origin === origin).length === 1);
}

/** The origin that Sigsum's witness takes the main test log under: it is made of the log's key. */
export async function sigsumOrigin(): Promise<string> {
  return (await read()).find((log) => log.sigsumOrigin !== undefined)?.sigsumOrigin ?? "";
}
