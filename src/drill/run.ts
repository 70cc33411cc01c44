/** Runs rehearsals one after the other, each in a folder and within a time of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { raceAbort, throwIfAborted } from "../../client/waiting.ts";
import { TlogError } from "../errors.ts";
import { codeOf, messageOf } from "../node/errno.ts";
import type { Policy } from "../tlog/policy.ts";
import { Notes, type Step } from "./notes.ts";
import type { Rehearsal, RehearsalName, RehearsalResult } from "./rehearsal.ts";
import { copyOfStage, type Stage, setStage } from "./stage.ts";

export interface DrillOptions {
  /** A data directory, whose server may run; or a backup. Only read. */
  readonly from: string;
  /** Where the drill makes a folder of its own. */
  readonly scratch: string;
  readonly rehearsals: readonly Rehearsal[];
  /** See Scene. */
  readonly program: readonly string[] | undefined;
  readonly policy: Policy | undefined;
  /** Longest time for one rehearsal. */
  readonly timeoutMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly date: () => Date;
  readonly signal: AbortSignal;
  readonly onCopied?: (done: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly onRehearsal?: (name: RehearsalName) => void;
  readonly onStep?: (step: Step) => void;
  readonly onResult?: (result: RehearsalResult) => void;
}

export interface DrillReport {
  readonly startedAt: string;
  /** The log that was copied: its name and its entries at that moment. */
  readonly origin: string;
  readonly treeSize: number;
  readonly bytes: number;
  /** The name and the key that the drill signed with. */
  readonly drillOrigin: string;
  readonly drillVkey: string;
  readonly isFrozen: boolean;
  readonly keyChanges: number;
  readonly seconds: number;
  readonly results: readonly RehearsalResult[];
}

export const FOLDER_PREFIX = "bristlecone-drill-";
/** What a rehearsal whose time is over may take to end what it started. */
const ENDS_WITHIN_MS = 15_000;

/**
 * Rehearses on copies, and leaves nothing behind.
 * @throws {TlogError} FILE_UNWRITABLE (the scratch folder) | ABORTED, and as `setStage`: what goes wrong in a rehearsal is a result
 */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const { scratch, now, signal } = options;
  const begun = now();
  const startedAt = options.date().toISOString();
  const folder = folderIn(scratch);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    const stage = await setStage({
      from: options.from,
      folder,
      signal,
      now: options.date,
      onCopied: options.onCopied ?? (() => undefined),
    });
    const results: RehearsalResult[] = [];
    for (const rehearsal of options.rehearsals) {
      throwIfAborted(signal);
      options.onRehearsal?.(rehearsal.name);
      const result = await rehearse(rehearsal, stage, options);
      results.push(result);
      options.onResult?.(result);
    }
    const { origin: drillOrigin, vkey: drillVkey, treeSize, bytes, original } = stage;
    const seconds = (now() - begun) / 1000;
    return { startedAt, ...original, treeSize, bytes, drillOrigin, drillVkey, seconds, results };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    process.off("exit", remove);
  }
}

async function rehearse(rehearsal: Rehearsal, stage: Stage, options: DrillOptions): Promise<RehearsalResult> {
  const { name, title, advice } = rehearsal;
  const { now, program, policy } = options;
  const begun = now();
  const notes = new Notes(now, options.onStep ?? (() => undefined));
  const result = (verdict: RehearsalResult["verdict"], reason?: string): RehearsalResult => ({
    ...{ name, title, verdict, reason, steps: notes.steps, figures: notes.figures },
    advice: verdict === "failed" ? advice : undefined,
    seconds: (now() - begun) / 1000,
  });
  const obstacle = rehearsal.obstacle?.({ program, policy });
  if (obstacle !== undefined) return result("skipped", obstacle);
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new TlogError("INCOMPLETE", `not done within ${options.timeoutMs / 1000} s`)),
    options.timeoutMs,
  );
  const signal = AbortSignal.any([options.signal, late.signal]);
  const folder = join(stage.folder, name);
  await mkdir(folder, { mode: 0o700 });
  const copyLog = (copy: string) => copyOfStage(stage, join(folder, copy));
  const scene = { stage: { ...stage, folder }, notes, copyLog, program, policy, now, signal };
  const running = rehearsal.run(scene);
  try {
    await raceAbort(running, signal);
    return result("passed");
  } catch (error) {
    late.abort();
    await settled(running);
    throwIfAborted(options.signal);
    return result("failed", reasonOf(error));
  } finally {
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What was left behind ends, or is left to the end of the process. */
async function settled(running: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ENDS_WITHIN_MS);
  });
  await Promise.race([running.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}

/** Whatever ends a rehearsal is a finding of it. */
function reasonOf(error: unknown): string {
  return error instanceof TlogError ? `${error.message} [${error.code}]` : messageOf(error);
}

function folderIn(scratch: string): string {
  try {
    return mkdtempSync(join(scratch, FOLDER_PREFIX));
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${scratch}: no folder can be made there (${codeOf(cause)})`, {
      cause,
    });
  }
}
