import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { TlogError } from "../errors.ts";
import { type CheckReport, checkLog } from "../fsck/check-log.ts";
import type { Done } from "../fsck/jobs.ts";
import { openProcessCrew } from "../fsck/process-crew.ts";
import { type CheckState, formatState, parseState } from "../fsck/state.ts";
import { hasErrorCode } from "../node/errno.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { addExamples, addSettings, type Call, type CommandDefinition, textFlag } from "./command.ts";
import { readSmallFile, replaceFile } from "./files.ts";
import { fsckReport, fsckVerdict } from "./fsck-report.ts";
import { fsckSubject } from "./fsck-subject.ts";
import { openProgress } from "./progress.ts";

const MAX_STATE_BYTES = 1024 ** 3;
const SAVE_MS = 5_000;

/** `fsck`: checks every byte of a log against what was signed. */
export const fsck: CommandDefinition = {
  define(command) {
    command
      .argument(
        "[where]",
        "a data directory, a static directory with a log's tiles, or a log's URL (default: --data)",
      )
      .option(
        "--resume <FILE>",
        "keep in FILE what is done; when it is there, go on from it (one file for each copy)",
      )
      .option("--processes <N>", "check in N processes (default: one for each core)")
      .option("--max-findings <N>", "list at most N findings (default: 100)");
    addSettings(command, ["data", "vkey", "policy", "origin", "guard", "timeout"], {
      data: "the data directory, when nothing else is named",
      vkey: "check the signature of the log's last checkpoint with this verifier key",
      policy: "check all signatures of the log's last checkpoint with this C2SP tlog-policy file",
      guard: "compare with this guard (default: the data directory + .guard, when it is there)",
    });
    addExamples(command, [
      "bristlecone fsck /srv/log --policy policy.txt",
      "bristlecone fsck /srv/log --resume /var/tmp/log.fsck",
      "bristlecone fsck https://log.example.com --vkey 'log.example.com+530d903a+AekyeRrm…'",
    ]);
    command.addHelpText("after", HELP);
  },
  async run(call) {
    const { flags, output } = call;
    const processes = countFlag(call, "processes") ?? availableParallelism();
    const maxFindings = countFlag(call, "maxFindings") ?? 100;
    const subject = await fsckSubject(call);
    const resumePath = textFlag(flags, "resume");
    const resume = resumePath === undefined ? undefined : await readState(resumePath);
    const startedMs = call.now();
    const meter = openMeter(call);
    const saver = openSaver(resumePath, call.now);
    const crew = openProcessCrew({ ...subject, processes, onProgress: meter.advance, signal: call.signal });
    const { copy, checkpoint, keyHistory, verify, guard } = subject;
    let report: CheckReport;
    try {
      report = await checkLog({
        ...{ crew, copy, checkpoint, keyHistory, verify, guard, maxFindings, resume },
        onPlan: meter.plan,
        onState: saver.take,
      });
      meter.end();
    } catch (error) {
      meter.end();
      throw (await saver.save()) ? withWayOn(error, resumePath ?? "") : error;
    } finally {
      await crew.close();
    }
    await saver.remove();
    const run = { elapsedMs: call.now() - startedMs, processes, entries: meter.entries() };
    await output.result(fsckReport(subject, report, run));
    fsckVerdict(subject.where, report);
  },
};

const HELP = `
It only reads; a server may go on running on the same data directory. Every entry is hashed, every tile made anew and compared, up to
the root and the last signed checkpoint; then the rows, the inner nodes and the leaf index. Of each difference it says which bytes are
wrong, as far as the signed root can tell, whether it looks like corruption or like tampering, and what brings it back. Where the log
replaced its keys, its signed history leads from the key given to those that signed the checkpoint, and is checked too.

Exit codes: 0 all is right, 1 something is not (listed), 2 it could not be checked, 4 the log's URL did not answer.`;

function countFlag({ flags }: Call, name: "processes" | "maxFindings"): number | undefined {
  const text = textFlag(flags, name);
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  const flag = name === "processes" ? "--processes" : "--max-findings";
  throw new TlogError("USAGE", `${flag}: want a whole number from 1 up, got ${text}`);
}

async function readState(path: string): Promise<CheckState | undefined> {
  try {
    return parseState(decodeUtf8(await readSmallFile(path, { maxBytes: MAX_STATE_BYTES })), path);
  } catch (error) {
    if (error instanceof TlogError && hasErrorCode(error.cause, "ENOENT")) return undefined;
    throw error;
  }
}

/** Counts what the processes tell, and draws it. */
function openMeter({ output, now }: Call) {
  let done = { entries: 0, bytes: 0 }; // owned by advance() and plan()
  let before = 0; // owned by plan()
  let progress = openProgress(output, { totalBytes: undefined, now });
  return {
    plan(plan: { readonly entries: number; readonly doneEntries: number; readonly doneBytes: number }): void {
      before = plan.doneEntries;
      done = { entries: plan.doneEntries, bytes: plan.doneBytes };
      progress = openProgress(output, {
        totalEntries: plan.entries,
        doneEntries: before,
        totalBytes: undefined,
        now,
      });
    },
    advance({ entries, bytes }: Done): void {
      done = { entries: done.entries + entries, bytes: done.bytes + bytes };
      progress.advance(done);
    },
    /** In this run. */
    entries: () => done.entries - before,
    end: () => progress.end(),
  };
}

/** Keeps the state in its file, now and then and at the end. */
function openSaver(path: string | undefined, now: () => number) {
  let latest: CheckState | undefined; // owned by take()
  let savedMs = Number.NEGATIVE_INFINITY; // owned by take()
  let failure: unknown; // owned by take()
  let saving: Promise<void> = Promise.resolve(); // owned by write()
  const write = (file: string, state: CheckState): Promise<void> => {
    saving = saving.catch(() => {}).then(() => replaceFile(file, formatState(state)));
    return saving;
  };
  return {
    take(state: CheckState): void {
      latest = state;
      if (path === undefined || (failure === undefined && now() - savedMs < SAVE_MS)) return;
      // Early: hours of work are to be kept there.
      if (failure !== undefined) throw failure;
      savedMs = now();
      write(path, state).catch((error: unknown) => {
        failure = error;
      });
    },
    /** @returns whether there is something to go on from. */
    async save(): Promise<boolean> {
      if (path === undefined || latest === undefined || failure !== undefined) return false;
      await write(path, latest);
      return true;
    },
    async remove(): Promise<void> {
      await saving.catch(() => {});
      if (path !== undefined) await rm(path, { force: true });
    },
  };
}

function withWayOn(error: unknown, path: string): unknown {
  if (!(error instanceof TlogError)) return error;
  return new TlogError(error.code, `${error.message}; the same command goes on from ${path}`, {
    cause: error,
  });
}
