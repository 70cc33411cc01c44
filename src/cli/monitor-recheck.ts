import { trustIn } from "../../client/policy.ts";
import { TlogError } from "../errors.ts";
import { MAX_WRONG_BYTES_CHARS, parseWrongBytes, verifyWrongBytes } from "../monitor/wrong-bytes.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type CommandDefinition } from "./command.ts";
import { readSmallFile } from "./files.ts";
import { grouped } from "./progress.ts";
import { requiredTrust } from "./trust.ts";

/** `monitor recheck`: that bytes which a monitor kept are not those that the log signed. */
export const monitorRecheck: CommandDefinition = {
  define(command) {
    command.argument("<file>", "what a monitor kept in a folder wrong-bytes; - for standard input");
    addSettings(command, ["vkey", "policy", "origin"]);
    addExamples(command, [
      "bristlecone monitor recheck wrong-bytes/5e08ef6d….json --vkey 'log.example.com+8ab5d197+AV…'",
    ]);
  },
  async run(call) {
    const text = await readSmallFile(call.args[0] ?? "-", {
      maxBytes: MAX_WRONG_BYTES_CHARS,
      tooLarge: "EVIDENCE_MALFORMED",
      stdin: call.stdin,
    });
    const { trust: chosen } = await requiredTrust(call);
    const origin = (await call.config()).value("origin");
    const trust = trustIn({ ...chosen, ...(origin !== undefined && { origin }) });
    const kept = parseWrongBytes(decodeUtf8(text));
    const { treeSize, contradiction } = await verifyWrongBytes(kept, trust.logKeys).catch(notShown);
    const at = new Date(kept.atMs).toISOString();
    const paths = kept.served.map(({ path }) => path);
    await call.output.result({
      text: [
        "NOT WHAT WAS SIGNED",
        `signed       size ${grouped(treeSize)} of ${kept.origin}`,
        `wrong        ${contradiction.message} (${contradiction.code})`,
        ...paths.map((path) => `served       ${path}`),
        `where, when  ${kept.url}, ${at}: the word of who kept it, for nobody signs what is served`,
      ].join("\n"),
      json: {
        contradicts: true,
        origin: kept.origin,
        treeSize,
        code: contradiction.code,
        message: contradiction.message,
        served: paths,
        url: kept.url,
        at,
      },
    });
  },
};

function notShown(error: unknown): never {
  if (!(error instanceof TlogError)) throw error;
  throw new TlogError(error.code, `NOT SHOWN TO BE WRONG: ${error.message}`, { cause: error });
}
