/** A crew of processes: one for each core, each with the store open for itself. One that dies is replaced, and what killed it named. */
import { type ChildProcess, fork } from "node:child_process";
import { constants, setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { InvariantError, TlogError } from "../errors.ts";
import { type Crew, type Done, isAnswerTo, type Job, type Target } from "./jobs.ts";
import { type FromProcess, isFromProcess, type ToProcess } from "./messages.ts";

export interface ProcessCrewOptions {
  readonly target: Target;
  readonly processes: number;
  /** Of a check beside work that comes first: it reads no more than that, and gets the processor when nobody else wants it. */
  readonly bytesPerSecond?: number | undefined;
  readonly onProgress: (done: Done) => void;
  /** Ends all processes. */
  readonly signal: AbortSignal;
}

/** How many things that end a process are named in one job, and how many in all, before the rest is given up. */
const MAX_DEATHS_OF_JOB = 8;
const MAX_DEATHS = 40;
/** What the system's keeper of memory sends, or a person: reading damaged bytes ends otherwise. So often a process is started again. */
const KILLS: ReadonlySet<string> = new Set(["SIGKILL", "SIGTERM"]);
const MAX_KILLS = 3;
/** One that is not heard of for so long hangs: a damaged file can send LMDB in circles. */
const SILENCE_MS = 180_000;
/** One that yields to all others may not be let in for long. */
const PATIENT_SILENCE_MS = 3_600_000;
const HUNG = "it hung";
const MAX_LAST_WORDS = 2_000;

/** Processes start at their first job. */
export function openProcessCrew(options: ProcessCrewOptions): Crew {
  return new ProcessCrew(options);
}

class ProcessCrew implements Crew {
  readonly size: number;
  readonly #options: ProcessCrewOptions;
  readonly #idle: CrewProcess[] = []; // owned by #take() and #give()
  readonly #all = new Set<CrewProcess>(); // owned by #take() and #drop()
  #deaths = 0; // owned by run()
  #kills = 0; // owned by run()

  constructor(options: ProcessCrewOptions) {
    this.size = options.processes;
    this.#options = options;
    options.signal.addEventListener("abort", () => void this.close(), { once: true });
  }

  async run<J extends Job>(job: J) {
    const avoid = new Map<string, string>();
    let announces = false;
    for (let deaths = 0; ; deaths++) {
      this.#assertWanted();
      const outcome = await this.#attempt({ kind: "job", job, announces, avoid });
      this.#assertWanted();
      if ("end" in outcome && (KILLS.has(outcome.end) || outcome.isUnopened)) {
        this.#kills += 1;
        if (this.#kills <= MAX_KILLS) continue;
        const message = `processes of the check end before they read, or are ended by others (${outcome.end})`;
        throw new TlogError("STORE_FAILED", message);
      }
      if ("answer" in outcome) {
        if (isAnswerTo(job, outcome.answer)) return { answer: outcome.answer };
        throw new InvariantError(`${job.kind} was answered by ${outcome.answer.kind}`);
      }
      this.#deaths += 1;
      // The first death tells nothing of where: the job is done again, and says what it reads.
      if (announces && outcome.at === undefined) return { died: outcome.end };
      if (outcome.at !== undefined) avoid.set(outcome.at, `reading it ended the process (${outcome.end})`);
      if (deaths === MAX_DEATHS_OF_JOB || this.#deaths > MAX_DEATHS) return { died: outcome.end };
      announces = true;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((one) => one.end()));
    this.#all.clear();
  }

  #assertWanted(): void {
    const { signal } = this.#options;
    if (signal.aborted) throw new TlogError("ABORTED", "the check was ended", { cause: signal.reason });
  }

  async #attempt(message: ToProcess) {
    const one = this.#idle.pop() ?? this.#start();
    const outcome = await one.do(message);
    if ("answer" in outcome) this.#idle.push(one);
    else this.#all.delete(one);
    if (!("failed" in outcome)) return outcome;
    throw outcome.failed;
  }

  #start(): CrewProcess {
    const one = new CrewProcess(this.#options);
    this.#all.add(one);
    return one;
  }
}

type Outcome =
  | { readonly answer: Extract<FromProcess, { readonly kind: "answer" }>["answer"] }
  | { readonly failed: TlogError | InvariantError }
  /** `end`: "SIGBUS". `at`: what it had announced. `isUnopened`: it had read nothing. */
  | { readonly end: string; readonly at: string | undefined; readonly isUnopened: boolean };

class CrewProcess {
  readonly #child: ChildProcess;
  readonly #onProgress: (done: Done) => void;
  readonly #gone: Promise<string>;
  readonly #opening: ToProcess;
  readonly #silenceMs: number;
  #isOpened = false; // owned by do()
  #at: string | undefined; // owned by #hear()
  #settle: ((outcome: Outcome) => void) | undefined; // owned by do()
  #silence: NodeJS.Timeout | undefined; // owned by #wait()
  #lastWords = ""; // owned by the constructor
  #isHanging = false; // owned by #wait()

  constructor({ target, onProgress, bytesPerSecond }: ProcessCrewOptions) {
    this.#silenceMs = bytesPerSecond === undefined ? SILENCE_MS : PATIENT_SILENCE_MS;
    this.#opening = { kind: "open", target, bytesPerSecond };
    this.#onProgress = onProgress;
    this.#child = fork(fileURLToPath(new URL(PROGRAM, import.meta.url)), [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    if (bytesPerSecond !== undefined) yieldToOthers(this.#child.pid);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = `${this.#lastWords}${text}`.slice(-MAX_LAST_WORDS);
    });
    this.#child.on("message", (message: unknown) => {
      if (isFromProcess(message)) this.#hear(message);
    });
    this.#gone = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("exit", (code, signal) =>
        resolve(this.#isHanging ? HUNG : (signal ?? `exit code ${code}${lastLine(this.#lastWords)}`)),
      );
    });
    void this.#gone.then(() => clearTimeout(this.#silence));
  }

  /** Does one thing at a time. */
  async do(message: ToProcess): Promise<Outcome> {
    this.#at = undefined;
    if (!this.#isOpened) {
      const opened = await this.#ask(this.#opening);
      if (opened !== undefined) return opened;
      this.#isOpened = true;
    }
    const outcome = await this.#ask(message);
    return outcome ?? { failed: new InvariantError("a process of the check opened twice") };
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone;
  }

  /** @returns undefined once it has opened. */
  #ask(message: ToProcess): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#onOpened = () => resolve(undefined);
      void this.#gone.then((end) => resolve({ end, at: this.#at, isUnopened: !this.#isOpened }));
      this.#wait();
      // One that is gone hears nothing, and its end says so.
      if (this.#child.connected) this.#child.send(message, () => {});
    });
  }

  #onOpened: () => void = () => {}; // owned by #ask()

  #hear(message: FromProcess): void {
    this.#wait();
    if (message.kind === "progress") this.#onProgress(message.done);
    if (message.kind === "before") this.#at = message.name;
    if (message.kind === "opened") this.#onOpened();
    if (message.kind === "answer") this.#settle?.({ answer: message.answer });
    if (message.kind === "failed") {
      const { code, message: words } = message;
      this.#settle?.({ failed: code === undefined ? new InvariantError(words) : new TlogError(code, words) });
      void this.end();
    }
    if (message.kind === "answer" || message.kind === "opened") clearTimeout(this.#silence);
  }

  #wait(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#isHanging = true;
      this.#child.kill("SIGKILL");
    }, this.#silenceMs);
  }
}

function yieldToOthers(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It may be gone; and a check that was slowed down is not much in anybody's way.
  }
}

/** Beside this file, built or not. */
const PROGRAM = import.meta.url.endsWith(".ts") ? "./fsck-process.ts" : "./fsck-process.js";

function lastLine(words: string): string {
  const [line = ""] = words.trim().split("\n").slice(-1);
  return line === "" ? "" : `: ${line}`;
}
