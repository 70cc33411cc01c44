/**
 * Checks a log that is in service, over and over, slowly: `bristlecone fsck` in a process of its own that yields to all others, so
 * that damage is known before somebody asks for what is damaged. spec/decisions/0047
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { hasErrorCode, messageOf } from "../node/errno.ts";
import { replaceDurably } from "../node/replace-durably.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { type CheckReport, checkLog } from "./check-log.ts";
import { copyAt } from "./copy-at.ts";
import type { Extent, Finding, Found } from "./finding.ts";
import type { Done } from "./jobs.ts";
import { openProcessCrew } from "./process-crew.ts";
import { formatScrubState, newScrub, parseScrubState, type ScrubState } from "./scrub-state.ts";
import { StandingFindings } from "./standing-findings.ts";
import type { CheckState } from "./state.ts";

/** In the data directory. spec/storage.md */
export const SCRUB_STATE_FILE = "scrub.state";

export interface ScrubOptions {
  readonly directory: string;
  readonly bytesPerSecond: number;
  /** The published head, as the log signed it. */
  readonly published: () => { readonly treeSize: number; readonly rootHash: Uint8Array };
  /** Told what must not be served from now on: all of it, each time. */
  readonly onSpoilt: (spoilt: readonly Extent[]) => void;
  readonly events: Pick<LogEvents, "scrubProgressed" | "scrubPassed" | "scrubFound" | "warning">;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From the start of a log until its scrub goes on, in milliseconds. Default 60,000: others have more to do then. */
  readonly startAfterMs?: number | undefined;
}

/** What an operator may want to know. */
export interface Scrubbing {
  /** How many findings stand. */
  readonly findings: number;
  /** The first of them, in words. */
  readonly first: string | undefined;
  /** When the first pass over this copy of the log began, in milliseconds since 1970; undefined: none did. */
  readonly beganAtMs: number | undefined;
  /** When a whole pass last found nothing, in milliseconds since 1970; undefined: never. */
  readonly lastPassedAtMs: number | undefined;
}

const START_AFTER_MS = 60_000;
/** From the start of a pass to that of the next: a small log is not read all day. */
const PASS_EVERY_MS = 24 * 60 * 60 * 1000;
/** After a pass that could not be made, and while findings stand: somebody waits for what was mended. */
const RETRY_MS = 10 * 60 * 1000;
const TELL_MS = 10_000;
/** What a killed server does again. */
const SAVE_MS = 5 * 60 * 1000;
const MAX_STATE_BYTES = 256 * 1024 * 1024;
const MAX_FINDINGS = 1000;

export class Scrub {
  readonly #options: ScrubOptions;
  readonly #path: string;
  readonly #stop = new AbortController();
  readonly #findings: StandingFindings;
  #state: ScrubState; // owned by #pass() and #run()
  #running: Promise<void> | undefined; // owned by start() and close()
  #saving: Promise<void> = Promise.resolve(); // owned by #save()
  #savedAtMs: number; // owned by #keep()
  #told: { readonly atMs: number; readonly done: Done }; // owned by #tell()
  #atEntry = 0; // owned by #pass()

  /** Withholds at once what was found before a restart. */
  static async start(options: ScrubOptions): Promise<Scrub> {
    const path = join(options.directory, SCRUB_STATE_FILE);
    const state = await readState(path, await copyAt(join(options.directory, "data.mdb")), options);
    const scrub = new Scrub(options, path, state);
    scrub.#running = scrub.#run();
    return scrub;
  }

  private constructor(options: ScrubOptions, path: string, state: ScrubState) {
    this.#options = options;
    this.#path = path;
    this.#state = state;
    this.#savedAtMs = options.now();
    this.#told = { atMs: options.now(), done: { entries: 0, bytes: 0 } };
    this.#findings = new StandingFindings(state.findings, {
      onFound: (finding) => this.#options.events.scrubFound?.(finding),
      onSpoilt: options.onSpoilt,
    });
  }

  status(): Scrubbing {
    const [first] = this.#findings.all;
    return {
      findings: this.#findings.all.length,
      first: first && wordsOf(first),
      beganAtMs: this.#state.beganAtMs,
      lastPassedAtMs: this.#state.lastPassedAtMs,
    };
  }

  /** Keeps how far it is. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #run(): Promise<void> {
    this.#tell({ entries: 0, bytes: 0 }, true);
    let waitMs = this.#options.startAfterMs ?? START_AFTER_MS;
    const isIdle = this.#state.pass === undefined && this.#findings.all.length === 0;
    if (isIdle) waitMs = Math.max(waitMs, this.#untilDueMs());
    while (await this.#waited(waitMs)) {
      try {
        waitMs = (await this.#pass()) ? this.#untilDueMs() : START_AFTER_MS;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        waitMs = RETRY_MS;
        const message = `the scrub could not go on: ${messageOf(error)}; it is tried again in ${RETRY_MS / 60_000} minutes`;
        this.#options.events.warning?.({ code: "SCRUB_FAILED", message });
      }
    }
    if (this.#state.startedAtMs !== undefined) await this.#save();
  }

  /** @returns false once it is to end. */
  async #waited(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
    return !this.#stop.signal.aborted;
  }

  /** A clock that was set back delays a pass by one interval at most. */
  #untilDueMs(): number {
    const { startedAtMs } = this.#state;
    if (this.#findings.all.length > 0) return RETRY_MS;
    if (startedAtMs === undefined) return 0;
    return Math.min(PASS_EVERY_MS, Math.max(0, startedAtMs + PASS_EVERY_MS - this.#options.now()));
  }

  /** Goes on with the pass that is under way, or begins one. @returns false when the log is empty. */
  async #pass(): Promise<boolean> {
    const { published, now } = this.#options;
    const { copy, pass: resume } = this.#state;
    const { treeSize, rootHash } = published();
    if (treeSize === 0) return false;
    if (resume === undefined) {
      const startedAtMs = now();
      const { beganAtMs = startedAtMs } = this.#state;
      this.#state = { ...this.#state, beganAtMs, startedAtMs, pass: undefined };
    }
    const report = await this.#check({ copy, resume, at: { treeSize, rootHash } }).catch((error: unknown) => {
      // The tree is not what the pass began with: it is looked at from the beginning.
      if (error instanceof TlogError && error.code === "CONFIG_INVALID" && resume !== undefined) {
        this.#state = { ...this.#state, pass: undefined };
      }
      throw error;
    });
    this.#end(report, resume?.treeSize ?? treeSize);
    await this.#save();
    return true;
  }

  async #check(of: {
    readonly copy: string;
    readonly resume: CheckState | undefined;
    readonly at: { readonly treeSize: number; readonly rootHash: Uint8Array };
  }): Promise<CheckReport> {
    const { directory, bytesPerSecond } = this.#options;
    const crew = openProcessCrew({
      target: { kind: "store", directory },
      processes: 1,
      bytesPerSecond,
      onProgress: (done) => {
        this.#atEntry += done.entries;
        this.#tell(done, false);
      },
      signal: this.#stop.signal,
    });
    try {
      return await checkLog({
        ...of,
        crew,
        first: this.#findings.slices,
        maxFindings: MAX_FINDINGS,
        onPlan: ({ doneEntries }) => {
          this.#atEntry = doneEntries;
        },
        onSlice: (index, found) => this.#take(index, found),
        onState: (pass) => this.#keep(pass),
      });
    } finally {
      await crew.close();
    }
  }

  #take(slice: number, found: Found): void {
    if (this.#findings.replaceSlice(slice, found)) void this.#save();
  }

  #keep(pass: CheckState): void {
    this.#state = { ...this.#state, pass };
    if (this.#options.now() - this.#savedAtMs < SAVE_MS) return;
    this.#savedAtMs = this.#options.now();
    void this.#save();
  }

  #end(report: CheckReport, treeSize: number): void {
    const { now, events } = this.#options;
    const findings = report.findings.length + report.more;
    this.#findings.replaceAll(report.findings);
    const endedAtMs = now();
    const { startedAtMs = endedAtMs, lastPassedAtMs } = this.#state;
    this.#state = {
      ...this.#state,
      pass: undefined,
      lastPassedAtMs: findings === 0 ? endedAtMs : lastPassedAtMs,
    };
    this.#atEntry = treeSize;
    this.#tell({ entries: 0, bytes: 0 }, true);
    events.scrubPassed?.({ treeSize, findings, endedAtMs, elapsedMs: Math.max(0, endedAtMs - startedAtMs) });
  }

  #tell({ entries, bytes }: Done, atOnce: boolean): void {
    const { now, events, published } = this.#options;
    const { done, atMs } = this.#told;
    const sum = { entries: done.entries + entries, bytes: done.bytes + bytes };
    if (!atOnce && now() - atMs < TELL_MS) {
      this.#told = { atMs, done: sum };
      return;
    }
    this.#told = { atMs: now(), done: { entries: 0, bytes: 0 } };
    const treeSize = this.#state.pass?.treeSize ?? published().treeSize;
    const { lastPassedAtMs } = this.#state;
    events.scrubProgressed?.({
      ...sum,
      atEntry: Math.min(this.#atEntry, treeSize),
      treeSize,
      lastPassedAtMs,
    });
  }

  /** What cannot be kept is checked again after a restart. */
  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      const text = formatScrubState({ ...this.#state, findings: this.#findings.all });
      await replaceDurably(this.#path, text, { mode: 0o600 }).catch((error: unknown) => {
        const message = `${this.#path} cannot be written: ${messageOf(error)}`;
        this.#options.events.warning?.({ code: "SCRUB_FAILED", message });
      });
    });
    return this.#saving;
  }
}

function wordsOf({ where, detail }: Finding): string {
  return `${where}: ${detail}`;
}

/** Of another copy nothing is believed: a directory may be copied with its state. */
async function readState(path: string, copy: string, { events }: ScrubOptions): Promise<ScrubState> {
  try {
    const { size } = await stat(path);
    if (size > MAX_STATE_BYTES) throw new TlogError("CONFIG_INVALID", `${path} has ${size} bytes`);
    const state = parseScrubState(decodeUtf8(await readFile(path)), path);
    return state.copy === copy ? state : newScrub(copy);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return newScrub(copy);
    const message = `${messageOf(error)}: the scrub begins anew`;
    events.warning?.({ code: "SCRUB_FAILED", message });
    return newScrub(copy);
  }
}
