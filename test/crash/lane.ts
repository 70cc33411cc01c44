/** One log that is started, used and killed again and again, and what it said held against what it keeps. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import type { CheckpointTrust } from "../../src/tlog/checkpoint.ts";
import { parseVerifierKey } from "../../src/tlog/key.ts";
import { parsePolicy } from "../../src/tlog/policy.ts";
import { load } from "./clients.ts";
import { entryNumbered } from "./entries.ts";
import { ask } from "./exchange.ts";
import { Ledger } from "./ledger.ts";
import { fsck, type LogProcess, pause, readNote, startLog } from "./log-process.ts";
import { isPersisted } from "./look.ts";
import type { Outcomes } from "./outcomes.ts";
import { type Ending, type Endings, type LaneKind, nthOf } from "./rounds.ts";
import type { Note, Plan, Stage } from "./server/failpoints.ts";
import { walk } from "./walk.ts";

export interface LaneOptions {
  readonly kind: LaneKind;
  readonly program: string;
  readonly folder: string;
  readonly random: () => number;
  readonly outcomes: Outcomes;
  /** Of all lanes. */
  readonly endings: Endings;
}

const CLIENTS = 12;
/** A server whose end is at random dies when it has answered up to so many entries, however fast the machine is. */
const MAX_ANSWERED = 400;
/** How long a server lives at most, also one whose plan does not come about. */
const LIFE_MS = 10_000;
/** After which stages a failure leaves the log read-only; after others it goes on. */
const ENDS_WRITING: readonly Stage[] = ["pool", "commit", "flush", "guard", "publish"];
const SETTLES_WITHIN_MS = 10_000;
/** Every so many rounds the log is read from its first leaf; and what was left is checked byte by byte. */
const WHOLE_WALK = 10;
const FSCK = 5;

export class Lane {
  readonly ledger = new Ledger();
  readonly kills = { planned: 0, random: 0, opening: 0, readers: 0, fsck: 0 };
  readonly #options: LaneOptions;
  #walked = 0; // owned by #check(): how many leaves were read before
  #round = 0; // owned by round()
  #log: LogProcess | undefined; // owned by #start()
  #vkey: string | undefined; // owned by #check()
  #trust: ((treeSize: number) => CheckpointTrust) | undefined; // owned by #check()

  constructor(options: LaneOptions) {
    this.#options = options;
    mkdirSync(options.folder);
  }

  /** Ends what still runs. */
  close(): void {
    this.#log?.child.kill("SIGKILL");
  }

  /** One life: start, check all that was said before, use, kill, look at the disks. */
  async round(): Promise<void> {
    this.#round += 1;
    const ending = this.#options.endings.next(this.#options.kind);
    const plan = this.#planFor(ending);
    await this.#told(`round ${this.#round}, ${JSON.stringify(plan ?? ending)}`, () =>
      this.#live(ending, plan),
    );
  }

  /** One life more, in which nothing happens: everything must be there, and what is in doubt gets its place. */
  async finish(): Promise<void> {
    this.#round = 0;
    await this.#told("the last start", async () => {
      const log = await this.#start(undefined);
      if (log.listening === undefined) throw new Error("it does not start");
      await this.#check(log, log.listening);
      for (const number of this.ledger.inDoubt) await this.#addAgain(log.listening.url, number);
      await this.#check(log, log.listening);
      log.child.kill("SIGTERM");
      const code = await log.ended;
      if (code !== 0) throw new Error(`a clean end with exit code ${code}`);
      await this.#fsck();
      if (this.#trust !== undefined) await this.ledger.verifyAll(this.#trust);
      this.ledger.checkHeads();
    });
  }

  /** Whatever goes wrong in `life` is a violation, and said with where and how it was. */
  async #told(where: string, life: () => Promise<void>): Promise<void> {
    const { violations } = this.ledger;
    await life().catch((error: unknown) => violations.push(String(error)));
    if (violations.length === 0) return;
    this.close();
    violations.push(`${this.#options.kind.name}, ${where}: ${this.#log?.errors()}`);
  }

  async #live(ending: Ending, plan: Plan | undefined): Promise<void> {
    const { random } = this.#options;
    const { ledger } = this;
    const log = await this.#start(plan);
    if (log.listening !== undefined) {
      await this.#check(log, log.listening, plan).catch((error: unknown) =>
        this.#unplanned(log, plan, error),
      );
      const gone = new AbortController();
      void log.ended.then(() => gone.abort());
      const { url } = log.listening;
      const using = load({ url, ledger, random, clients: CLIENTS, signal: gone.signal });
      await this.#untilEnd(log, ending, plan).finally(() => log.child.kill("SIGKILL"));
      await using;
    }
    await this.#conclude(log, ending, plan);
    if (this.#round % FSCK === 0) await this.#fsck();
    if (this.#trust !== undefined) await ledger.verifyAll(this.#trust);
  }

  async #fsck(): Promise<void> {
    const { program, folder } = this.#options;
    if (this.#vkey === undefined) return;
    this.kills.fsck += 1;
    const wrong = await fsck({ program, folder, vkey: this.#vkey });
    if (wrong !== undefined) throw new Error(wrong);
  }

  async #addAgain(url: string, number: number): Promise<void> {
    const agent = new Agent();
    const { body } = await ask(`${url}/add`, { agent, method: "POST", body: entryNumbered(number) });
    this.ledger.answered(number, Number(body));
  }

  async #start(plan: Plan | undefined): Promise<LogProcess> {
    const { program, folder, kind } = this.#options;
    this.#log = await startLog({ program, folder, ...kind, plan });
    return this.#log;
  }

  #planFor(ending: Ending): Plan | undefined {
    if (ending.how === "at random") return undefined;
    const { stage, moment, how: action } = ending;
    const notePath = join(this.#options.folder, `note-${this.#round}`);
    return { stage, moment, nth: nthOf(stage, this.#options.random), action, notePath };
  }

  async #check(
    log: LogProcess,
    { url, vkey }: { readonly url: string; readonly vkey: string },
    plan?: Plan,
  ): Promise<void> {
    const { random, kind } = this.#options;
    this.#vkey = vkey;
    this.#trust ??= this.#trustIn(vkey);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const isWhole = this.#round % WHOLE_WALK === 0;
    const hasFailed = () => plan !== undefined && readNote(plan.notePath) !== undefined;
    const { ledger } = this;
    const at = { url, vkey, agent, ledger, random, witnesses: kind.witnesses, hasFailed };
    await walk(at, isWhole ? 0 : this.#walked).finally(() => agent.destroy());
    this.#walked = ledger.size;
    const { status, body } = await ask(`${log.adminUrl}/readyz`, { agent: new Agent() });
    if (status !== 200) throw new Error(`not ready after a start: ${body.toString()}`);
  }

  /** With witnesses, only what a quorum cosigned is believed; but for the empty tree. */
  #trustIn(vkey: string): (treeSize: number) => CheckpointTrust {
    const byLog = { logKeys: [parseVerifierKey(vkey)] };
    if (this.#options.kind.witnesses === 0) return () => byLog;
    const policy = parsePolicy(readFileSync(join(this.#options.folder, "log.policy")));
    return (treeSize) => (treeSize === 0 ? byLog : { policy });
  }

  /** A server that died where it was to die answers nothing more, and one that failed publishes nothing more. All else is wrong. */
  async #unplanned(log: LogProcess, plan: Plan | undefined, error: unknown): Promise<void> {
    const ended = await Promise.race([log.ended, pause(500).then(() => undefined)]);
    if (ended === undefined && (plan === undefined || readNote(plan.notePath) === undefined)) throw error;
  }

  async #untilEnd(log: LogProcess, ending: Ending, plan: Plan | undefined): Promise<void> {
    const { random, kind } = this.#options;
    // Not while entries must be new to the log: of one whose reader died the log may have the first sending in flight.
    const isPool = ending.how !== "at random" && ending.stage === "pool";
    if (kind.readers > 0 && !isPool && random() < 0.3) {
      void pause(30 + random() * 50).then(() => this.#killReader(log));
    }
    const deadline = performance.now() + LIFE_MS;
    const isOver = () => log.child.exitCode !== null || log.child.signalCode !== null;
    const enough = this.ledger.counts.answered + random() * MAX_ANSWERED;
    const isTime = () =>
      plan === undefined ? this.ledger.counts.answered >= enough : readNote(plan.notePath) !== undefined;
    while (!isOver() && !isTime() && performance.now() < deadline) await pause(3);
    const note = plan && readNote(plan.notePath);
    if (ending.how === "fail" && note !== undefined && !isOver()) await this.#settled(log, ending, note);
    log.child.kill("SIGKILL");
    await log.ended;
  }

  /** What a log makes of a stage that failed: it stops writing, says why, and answers reads; or it goes on. */
  async #settled(
    { adminUrl, listening }: LogProcess,
    ending: Exclude<Ending, { readonly how: "at random" }>,
    { stage }: Note,
  ): Promise<void> {
    const agent = new Agent();
    const deadline = performance.now() + SETTLES_WITHIN_MS;
    const isReadOnly = ENDS_WRITING.includes(stage);
    for (;;) {
      const { body } = await ask(`${adminUrl}/readyz`, { agent });
      const { status, code }: { status?: unknown; code?: unknown } = JSON.parse(body.toString());
      if (isReadOnly && status === "read-only" && code === "LOG_READ_ONLY") break;
      if (!isReadOnly && (await this.#isReceiptThere(listening?.url ?? ""))) break;
      if (performance.now() > deadline) {
        throw new Error(`${SETTLES_WITHIN_MS} ms after ${stage} failed: ${body.toString()}`);
      }
      await pause(5);
    }
    if (!isReadOnly) {
      this.#options.outcomes.recovered(ending);
      return;
    }
    const body = entryNumbered(0);
    const [added, read] = [
      await ask(`${listening?.url}/add`, { agent, method: "POST", body }),
      await ask(`${listening?.url}/checkpoint`, { agent }),
    ];
    if (added.status !== 503 || read.status !== 200)
      throw new Error(`after ${stage} failed an add was answered ${added.status}, a read ${read.status}`);
  }

  async #isReceiptThere(url: string): Promise<boolean> {
    const headers = { Accept: "text/x.tlog.proof", Prefer: "wait=8" };
    const number = this.ledger.next();
    const body = entryNumbered(number);
    const { status, body: text } = await ask(`${url}/add`, {
      agent: new Agent(),
      method: "POST",
      headers,
      body,
    });
    if (status === 200) this.ledger.receipt(text.toString(), number);
    else this.ledger.doubt([number]);
    return status === 200;
  }

  #killReader({ child }: LogProcess): void {
    const pids = childrenOf(child.pid ?? 0);
    const pid = pids[Math.floor(this.#options.random() * pids.length)];
    if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(pid, "SIGKILL");
      this.kills.readers += 1;
    } catch {
      // It ended by itself.
    }
  }

  async #conclude(log: LogProcess, ending: Ending, plan: Plan | undefined): Promise<void> {
    const { outcomes, endings, folder } = this.#options;
    const ended = await log.ended;
    const note = plan && readNote(plan.notePath);
    if (log.listening === undefined) {
      this.kills.opening += 1;
      // A failure of the opening is told, and ends it.
      if (note === undefined || ![2, 3, "SIGKILL"].includes(ended))
        throw new Error(`it does not start (${ended})`);
    }
    if (note === undefined || ending.how === "at random") {
      this.kills.random += 1;
      if (ending.how !== "at random") endings.again(ending);
      return;
    }
    this.kills.planned += 1;
    // What a log gets over may be there by now.
    if (ending.how === "fail" && !ENDS_WRITING.includes(note.stage) && note.stage !== "claim") return;
    outcomes.add(ending, await isPersisted(join(folder, "log"), note));
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const out = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
    return out.split("\n").flatMap((line) => (line.trim() === "" ? [] : [Number(line)]));
  } catch {
    return [];
  }
}
