import { access, constants, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { commandLine } from "../config.ts";
import type { Rehearsal } from "../drill/rehearsal.ts";
import { REHEARSALS } from "../drill/rehearsals.ts";
import { runDrill } from "../drill/run.ts";
import { TlogError } from "../errors.ts";
import { codeOf } from "../node/errno.ts";
import { freeBytes } from "../node/free-bytes.ts";
import { DEFAULT_MIN_FREE_BYTES } from "../server.ts";
import { parseDecimal } from "../tlog/encoding.ts";
import { MAX_POLICY_BYTES, type Policy, parsePolicy } from "../tlog/policy.ts";
import {
  addExamples,
  addSettings,
  type Call,
  type CommandDefinition,
  isFlagOn,
  textFlag,
} from "./command.ts";
import { collect, textFlags } from "./conformance-options.ts";
import { openCopyProgress } from "./copy-progress.ts";
import { drillText, formatDrillReport, resultJson, throwDrillVerdict } from "./drill-report.ts";
import { readSmallFile, replaceFile } from "./files.ts";
import { humanBytes } from "./progress.ts";

const DEFAULT_MAX_SECONDS = 900;
const MAX_SECONDS = 86_400;
/** For what rehearsals append, and for indices that are made anew. */
const WORKING_BYTES = 128 * 1024 * 1024;

/** `drill`: rehearses on copies of a log what its operator hopes never to meet, and reports how it went. */
export const drill: CommandDefinition = {
  define(command) {
    command
      .argument(
        "[directory]",
        "a log's data directory, whose server may run, or a backup of it (default: --data)",
      )
      .option("--only <NAME>", "only this rehearsal; may be repeated", collect)
      .option("--list", "say what is rehearsed, and do nothing")
      .option(
        "--scratch <DIR>",
        "where the copies are made, and removed again (default: the folder for temporary files)",
      )
      .option("--max-seconds <N>", `end a rehearsal after so long (default: ${DEFAULT_MAX_SECONDS})`)
      .option("--report <FILE>", "write a report to file away, as Markdown");
    addSettings(command, ["data", "witnessPolicy"], {
      data: "the log's data directory (default: ./data)",
      witnessPolicy:
        "the policy that the log is served with: its groups and quorum are rehearsed, with witnesses of the drill's own",
    });
    addExamples(command, [
      "bristlecone drill",
      "bristlecone drill /var/lib/log --policy policy.txt --report drill-2026-11.md",
      "bristlecone drill /backup/2026-11-22 --only restore --only crash --scratch /var/tmp",
    ]);
    command.addHelpText("after", HELP_AFTER);
  },
  async run(call) {
    const { output, flags, signal, now } = call;
    const rehearsals = chosen(textFlags(flags, "only"));
    if (isFlagOn(flags, "list")) return await list(call, rehearsals);
    const config = await call.config();
    const from = resolve(call.args[0] ?? config.value("data"));
    const scratch = resolve(textFlag(flags, "scratch") ?? tmpdir());
    const timeoutMs = 1000 * secondsFlag(textFlag(flags, "maxSeconds"));
    const policy = await policyFrom(config.value("witnessPolicy"));
    const path = textFlag(flags, "report");
    if (path !== undefined) await assertWritable(path);
    await assertRoom({ from, scratch, copies: 1 + Math.max(...rehearsals.map(({ copies }) => copies)) });
    const copying = openCopyProgress(output, now);
    let doing = ""; // owned by the listeners below
    const options = { from, scratch, rehearsals, policy, timeoutMs, now, signal };
    try {
      const report = await runDrill({
        ...options,
        program: commandLine(),
        date: () => new Date(),
        onCopied: copying.copied,
        onRehearsal: (name) => {
          doing = name;
          output.progressLine(`${doing} …`);
        },
        onStep: ({ did }) => output.progressLine(`${doing}: ${did}`),
      });
      output.progressLine("");
      if (path !== undefined) await replaceFile(path, formatDrillReport(report));
      if (output.isJson) {
        for (const result of report.results) await output.result({ text: "", json: resultJson(result) });
      }
      const { results: _, ...summary } = report;
      await output.result({ text: drillText(report, path), json: { summary: { ...summary, report: path } } });
      throwDrillVerdict(report);
    } finally {
      output.progressLine("");
    }
  },
};

const HELP_AFTER = `
It works on copies: the log's directory is only read, as \`backup\` reads it, its key and its guard are not even opened. A copy gets another name
and a key of the drill's own, so what the drill signs is nobody's; its servers and witnesses listen on loopback, and all of it is removed
at the end. Exit codes: 0 all passed, or was skipped with a reason; 1 something did not go as it must; 3 it could not be tried.`;

/** @throws {TlogError} USAGE */
function chosen(names: readonly string[]): readonly Rehearsal[] {
  const unknown = names.find((name) => !REHEARSALS.some((one) => one.name === name));
  if (unknown !== undefined) {
    const all = REHEARSALS.map(({ name }) => name).join(", ");
    throw new TlogError("USAGE", `--only: want one of ${all}, got ${unknown}`);
  }
  return names.length === 0 ? REHEARSALS : REHEARSALS.filter(({ name }) => names.includes(name));
}

async function list({ output }: Call, rehearsals: readonly Rehearsal[]): Promise<void> {
  for (const { name, title } of rehearsals) {
    await output.result({ text: `${name.padEnd(14)}${title}`, json: { name, title } });
  }
}

/** @throws {TlogError} USAGE */
function secondsFlag(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_SECONDS;
  const seconds = /^[1-9][0-9]{0,5}$/.test(text) ? parseDecimal(text) : 0;
  if (seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new TlogError("USAGE", `--max-seconds: want a whole number from 1 to ${MAX_SECONDS}, got ${text}`);
}

/** Minutes before it is written. @throws {TlogError} FILE_UNWRITABLE */
async function assertWritable(path: string): Promise<void> {
  await access(dirname(resolve(path)), constants.W_OK).catch((cause: unknown) => {
    throw new TlogError("FILE_UNWRITABLE", `--report: ${path} cannot be written (${codeOf(cause)})`, {
      cause,
    });
  });
}

/** @throws {TlogError} POLICY_MALFORMED | FILE_UNREADABLE */
async function policyFrom(path: string | undefined): Promise<Policy | undefined> {
  if (path === undefined) return undefined;
  return parsePolicy(await readSmallFile(path, { maxBytes: MAX_POLICY_BYTES, tooLarge: "POLICY_MALFORMED" }));
}

/** Before anything is copied; and a log in service is never brought below its floor. @throws {TlogError} STORE_DIRECTORY_FOREIGN | SPACE_LOW | FILE_UNREADABLE */
async function assertRoom(args: {
  readonly from: string;
  readonly scratch: string;
  readonly copies: number;
}): Promise<void> {
  const { from, scratch, copies } = args;
  const path = join(from, "data.mdb");
  const data = await stat(path).catch((cause: unknown) => {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new TlogError(
        "STORE_DIRECTORY_FOREIGN",
        `${from} holds no log: want a data directory or a backup`,
      );
    }
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be looked at (${code})`, { cause });
  });
  const place = await stat(scratch).catch((cause: unknown) => {
    throw new TlogError("FILE_UNWRITABLE", `--scratch: ${scratch} cannot be looked at (${codeOf(cause)})`, {
      cause,
    });
  });
  const floor = place.dev === data.dev ? DEFAULT_MIN_FREE_BYTES : 0;
  const wanted = copies * data.size + WORKING_BYTES + floor;
  const free = await freeBytes(scratch);
  if (free >= wanted) return;
  throw new TlogError(
    "SPACE_LOW",
    `${copies} copies of ${humanBytes(data.size)} and room to work want ${humanBytes(wanted)} free in ${scratch}, there are ${humanBytes(free)}; name a larger place with --scratch DIR`,
  );
}
