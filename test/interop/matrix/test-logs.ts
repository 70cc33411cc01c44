/** The logs that the tester signs for, as a witness has to be configured with them. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
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

/** The origin that Sigsum's witness takes the main test log under: it is made of the log's key. */
export async function sigsumOrigin(): Promise<string> {
  return (await read()).find((log) => log.sigsumOrigin !== undefined)?.sigsumOrigin ?? "";
}
