/** The logs that the tester signs for, as a witness has to be configured with them: what `--print-logs` prints. */
import { readFile } from "node:fs/promises";
import { keysIn, type LogForm } from "../../../src/cli/conformance-keys.ts";
import { parseWitnessCases } from "../../../src/conformance/witness/cases.ts";
import { openTestLogs } from "../../../src/conformance/witness/test-logs.ts";
import type { PeerLog } from "../witness-programs.ts";

const FILE = new URL("../../../spec/vectors/conformance-witness.json", import.meta.url);

/** @param form - "vkeys": every key; "list": without keys of new kinds; "yaml": one key a log. */
export async function testLogs(form: LogForm): Promise<readonly PeerLog[]> {
  const { logs } = parseWitnessCases(await readFile(FILE, "utf8"));
  return keysIn(await openTestLogs({ definitions: logs }), form);
}

/** The origin that Sigsum's witness takes the main test log under: it is made of the log's key. */
export async function sigsumOrigin(): Promise<string> {
  const { logs } = parseWitnessCases(await readFile(FILE, "utf8"));
  return logs.find((log) => log.sigsumOrigin !== undefined)?.sigsumOrigin ?? "";
}
