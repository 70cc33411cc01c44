import { parseWitnessCases } from "../conformance/witness/cases.ts";
import { runWitnessConformance } from "../conformance/witness/run.ts";
import type { TestLogs } from "../conformance/witness/test-logs.ts";
import { TlogError } from "../errors.ts";
import { isLoopbackName } from "../http/access.ts";
import { openHttpProbe } from "../node/http-probe.ts";
import { ED25519, formatVerifierKey, type VerifierKey } from "../tlog/key.ts";
import { addExamples, type Call, type CommandDefinition, isFlagOn, textFlag } from "./command.ts";
import { formatLogs, keysBeside, LOG_FORMS, testLogsOf } from "./conformance-keys.ts";
import { addRunOptions, collect, keysOf, probeOptions, readCases } from "./conformance-options.ts";
import { testServer } from "./conformance-run.ts";

/** `conformance witness`: tests any C2SP tlog-witness, from outside, with logs that only the tester signs for. */
export const conformanceWitness: CommandDefinition = {
  define(command) {
    command
      .argument("[url]", "the witness's submission prefix: what stands before /add-checkpoint")
      .option(
        "--vkey <VKEY>",
        "a verifier key of the witness, to check its cosignatures; may be repeated",
        collect,
      )
      .option("--monitoring <URL>", "its monitoring prefix, to look at what it shows of its logs")
      .option("--keys <DIR>", "sign for test logs with private keys in this directory; made when missing")
      .option("--published-keys", "let another machine's witness be tested with keys that everybody knows")
      .option("--origin <NAME>", "one log only, of this origin: for a witness that has just one")
      .option(
        "--print-logs [FORM]",
        `print the logs to configure the witness with, as ${LOG_FORMS.join(", ")}`,
      );
    addRunOptions(command);
    addExamples(command, [
      "bristlecone conformance witness --keys ./test-logs --print-logs list > test-logs.txt",
      "bristlecone conformance witness https://witness.example/ --keys ./test-logs --vkey 'witness.example+7a1b2c3d+BEx4…'",
      'bristlecone conformance witness http://127.0.0.1:6964 --vkey "$VKEY" --monitoring http://127.0.0.1:6964',
    ]);
    command.addHelpText("after", SAFETY);
  },
  async run(call) {
    const { args, flags, signal } = call;
    const cases = await readCases(call, "witness", parseWitnessCases);
    if (flags.printLogs !== undefined) return printLogs(call, await testLogsOf(flags, cases));
    const url = args[0];
    if (url === undefined) throw new TlogError("USAGE", "want the URL of a witness, or --print-logs");
    const witnessKeys = witnessKeysOf(call);
    const limits = await probeOptions(call);
    const probe = openHttpProbe({ ...limits, url, allowedMethods: ["GET", "HEAD", "POST", "OPTIONS"] });
    assertKeysFit(call, probe.url);
    const logs = await testLogsOf(flags, cases);
    const monitoringUrl = textFlag(flags, "monitoring");
    const monitoring =
      monitoringUrl === undefined
        ? undefined
        : probe.beside({ url: monitoringUrl, allowedMethods: ["GET", "HEAD", "OPTIONS"] });
    call.output.notice(
      `asks ${probe.url}, at most ${limits.ratePerSecond} times a second and ${limits.maxRequests} in all, about ${logsText(logs)}`,
    );
    await testServer(call, {
      kind: "witness",
      probes: monitoring === undefined ? [probe] : [probe, monitoring],
      documents: cases.documents,
      cases: cases.cases,
      run: (onResult) =>
        runWitnessConformance({
          ...{ cases, probe, monitoring, logs, witnessKeys, onResult, signal },
          now: Date.now,
        }),
    });
  },
};

const SAFETY = `
The witness has to know the test logs first: --print-logs says what to configure. It is asked to cosign only for them, so it signs
nothing about anybody's log. Some of them are forked on purpose: a good witness will not cosign those again, and may show evidence
against them. Requests go out one at a time, few a second, at most 1 MiB each, to nobody but these URLs; no redirect is followed.

Exit codes: 0 no MUST is broken (see the table for the rest), 1 one is, 3 not all could be tried, 4 there was no answer.`;

/** No key: what needs one is not run. */
function witnessKeysOf({ flags, output }: Call): readonly VerifierKey[] {
  const keys = keysOf(flags);
  const wrong = keys.find(({ type }) => type === ED25519);
  if (wrong !== undefined) {
    throw new TlogError(
      "USAGE",
      `--vkey: want a witness's key (type 4 or 6), got a log's: ${formatVerifierKey(wrong)}`,
    );
  }
  if (keys.length === 0) output.notice("without --vkey the witness's cosignatures are not checked");
  return keys;
}

/** For a log whose key is published anybody can have a witness cosign whatever he likes, and have it frozen for everybody else. */
function assertKeysFit({ flags }: Call, url: string): void {
  if (textFlag(flags, "keys") !== undefined || isFlagOn(flags, "publishedKeys")) return;
  if (isLoopbackName(new URL(url).hostname)) return;
  throw new TlogError(
    "USAGE",
    `want --keys DIR: ${url} is another machine, and everybody knows the keys of the published test logs; if its operator agrees, give --published-keys`,
  );
}

/** "the test log a/b", or how many others there are. */
function logsText({ configured }: TestLogs): string {
  const [first, ...others] = configured.map(({ origin }) => origin);
  if (first === undefined) return "no test log";
  return `the test log ${first}${others.length === 0 ? "" : ` and ${others.length} others`}`;
}

async function printLogs({ flags, output }: Call, logs: TestLogs): Promise<void> {
  const wanted = flags.printLogs === true ? "vkeys" : flags.printLogs;
  const form = LOG_FORMS.find((one) => one === wanted);
  if (form === undefined) {
    throw new TlogError("USAGE", `--print-logs: want ${LOG_FORMS.join(", ")}, got ${String(wanted)}`);
  }
  for (const { origin, vkey } of keysBeside(logs, form))
    output.notice(`not in this form, and cases not run without it: ${origin} also signs with ${vkey}`);
  await output.result({
    text: formatLogs(logs, form),
    json: { logs: logs.configured.map(({ name, origin, vkeys }) => ({ name, origin, vkeys })) },
  });
}
