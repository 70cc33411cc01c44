import { setTimeout } from "node:timers/promises";
import type { LogClient } from "../../client/log-client.ts";
import type { LogReceipt } from "../../client/receipts.ts";
import { InvariantError, TlogError } from "../errors.ts";
import { MAX_WAIT_MS } from "../setting.ts";
import { encodeHex } from "../tlog/encoding.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, textFlag } from "./command.ts";
import { entryFlag, indexArgument, type NamedEntry } from "./entry-argument.ts";
import { replaceFile } from "./files.ts";
import { openRemote } from "./remote.ts";
import { REMOTE_SETTINGS } from "./remote-settings.ts";
import { headJson } from "./show-head.ts";

const RECEIPT_WAIT_SECONDS = 10;
/** Shorter, because an entry that was never added looks like one that is not published yet. */
const LOOKUP_WAIT_SECONDS = 2;
const LOOKUP_PAUSE_MS = 100;

/** `receipt`: fetches a receipt, verifies it, and gives it to keep. */
export const receipt: CommandDefinition = {
  define(command) {
    command
      .argument("[index]", "leaf index; or name the entry")
      .option("--entry <FILE>", "the entry: every byte of this file; - for standard input")
      .option("--leaf-hash <HEX>", "the entry's leaf hash")
      .option("--out <FILE>", "save it here; .tlog-proof is the usual ending")
      .option(
        "--wait <SECONDS>",
        `how long to wait for an entry just added (default: ${RECEIPT_WAIT_SECONDS})`,
      );
    addSettings(command, REMOTE_SETTINGS);
    addExamples(command, [
      "bristlecone receipt 0 --out first.tlog-proof",
      "bristlecone receipt --entry hello.txt --out hello.tlog-proof",
    ]);
  },
  async run(call) {
    const named = await entryFlag(call);
    const index = call.args[0] === undefined ? undefined : indexArgument("index", call.args[0]);
    const timeoutMs = waitMs(call, RECEIPT_WAIT_SECONDS);
    if (index === undefined && named === undefined) {
      throw new TlogError("USAGE", "want an index, --entry FILE or --leaf-hash HEX");
    }
    const { client } = await openRemote(call);
    const leafIndex = index ?? (await findEntry(call, client, named));
    const found = await client.waitForReceipt(leafIndex, {
      ...(named !== undefined && { leafHash: named.leafHash }),
      timeoutMs,
      signal: call.signal,
    });
    await printReceipt(call, found);
  },
};

/** Asks again for a while: an entry is found once a checkpoint covers it, shortly after it was added. */
async function findEntry(call: Call, client: LogClient, named: NamedEntry | undefined): Promise<number> {
  if (named === undefined) throw new InvariantError("nothing to look up");
  const { signal, now } = call;
  const deadlineMs = now() + waitMs(call, LOOKUP_WAIT_SECONDS);
  for (;;) {
    const leafIndex = await client.lookup(named.leafHash, { signal });
    if (leafIndex !== undefined) return leafIndex;
    if (now() >= deadlineMs) break;
    await setTimeout(LOOKUP_PAUSE_MS, undefined, { signal });
  }
  throw new TlogError("ENTRY_UNKNOWN", `${named.words}: not in ${client.origin}, or not yet published`);
}

function waitMs({ flags }: Call, defaultSeconds: number): number {
  const text = textFlag(flags, "wait");
  return (text === undefined ? defaultSeconds : indexArgument("--wait", text, MAX_WAIT_MS / 1000)) * 1000;
}

async function printReceipt({ flags, output }: Call, found: LogReceipt): Promise<void> {
  const file = textFlag(flags, "out");
  const { leafIndex, leafHash, treeSize, origin, text } = found;
  const json = { leafIndex, leafHash: encodeHex(leafHash), ...headJson(found), receipt: text, file };
  if (file === undefined) {
    await (output.isJson ? output.result({ text: "", json }) : output.bytes(new TextEncoder().encode(text)));
    return;
  }
  await replaceFile(file, text);
  const words = `receipt of entry ${leafIndex} of ${origin}, verified at tree size ${treeSize}, is in ${file}`;
  await output.result({ text: words, json });
}
