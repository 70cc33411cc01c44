import { parseLogCases } from "../conformance/log/cases.ts";
import { runLogConformance } from "../conformance/log/run.ts";
import { TlogError } from "../errors.ts";
import { type HttpProbe, openHttpProbe } from "../node/http-probe.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { addRunOptions, collect, keysOf, probeOptions, readCases } from "./conformance-options.ts";
import { testServer } from "./conformance-run.ts";
import { writeToken } from "./remote.ts";

/** A small log is grown past 256 entries. */
const REQUESTS_WITH_WRITES = 1200;
/** The one request that is no read: logs should refuse it, and it says nothing that could be taken in. */
const REFUSED = { method: "POST", path: "checkpoint" } as const;

/** `conformance log`: tests any log that serves C2SP tlog-tiles, from outside. */
export const conformanceLog: CommandDefinition = {
  define(command) {
    command
      .argument("<url>", "the log's prefix: what stands before /checkpoint")
      .option("--vkey <VKEY>", "the log's verifier key, to check its signatures; may be repeated", collect)
      .option("--origin <NAME>", "the origin that its checkpoint must have")
      .option("--allow-writes", "add entries for good, up to 300 of them: only to a log of your own")
      .option("--write-url <URL>", "what stands before /add (default: the log's prefix)");
    addSettings(command, ["tokenFile"]);
    addRunOptions(command);
    addExamples(command, [
      "bristlecone conformance log https://log.example/2026/ --vkey 'log.example/2026+530d903a+AekyeRrm…'",
      "bristlecone conformance log http://127.0.0.1:6962 --rate 100 --allow-writes",
    ]);
    command.addHelpText("after", SAFETY);
  },
  async run(call) {
    const { args, flags, signal, output } = call;
    const origin = textFlag(flags, "origin");
    const logKeys = keysOf(flags);
    const cases = await readCases(call, "log", parseLogCases);
    const limits = await probeOptions(
      call,
      isFlagOn(flags, "allowWrites") ? REQUESTS_WITH_WRITES : undefined,
    );
    const probe = openHttpProbe({
      ...limits,
      url: args[0] ?? "",
      allowedMethods: ["GET", "HEAD", "OPTIONS"],
      exceptions: [REFUSED],
    });
    const writes = await writesProbe(call, probe);
    output.notice(
      `reads ${probe.url}, at most ${limits.ratePerSecond} times a second and ${limits.maxRequests} in all${writes === undefined ? "; adds nothing" : `; ADDS ENTRIES to ${writes.url}`}`,
    );
    if (logKeys.length === 0) output.notice("without --vkey the log's signatures are not checked");
    await testServer(call, {
      kind: "log",
      probes: writes === undefined ? [probe] : [probe, writes],
      documents: cases.documents,
      cases: cases.cases,
      run: (onResult) =>
        runLogConformance({
          ...{ cases, probe, writes, logKeys, onResult, signal },
          random: Math.random,
          ...(origin !== undefined && { origin }),
        }),
    });
  },
};

const SAFETY = `
It is safe to run against a log that is not yours. Without --allow-writes it sends GET, HEAD and OPTIONS, and once a POST to
/checkpoint without a body, which logs refuse; one request at a time, few a second, to nobody but this URL. It follows no redirect.

Exit codes: 0 no MUST is broken (see the table for the rest), 1 one is, 3 not all could be tried, 4 there was no answer.`;

/** Undefined without --allow-writes: then nothing in the run can send an entry. */
async function writesProbe(call: Call, probe: HttpProbe): Promise<HttpProbe | undefined> {
  const { flags } = call;
  const url = textFlag(flags, "writeUrl");
  if (!isFlagOn(flags, "allowWrites")) {
    const idle = url === undefined ? textFlag(flags, "tokenFile") && "--token-file" : "--write-url";
    if (idle) throw new TlogError("USAGE", `${idle} needs --allow-writes: without it nothing is added`);
    return undefined;
  }
  const token = await writeToken(await call.config());
  return probe.beside({
    url: url ?? probe.url,
    handsOnPushBack: true,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
}
