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
import { type LogProcess, pause, readNote, startLog } from "./log-process.ts";
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
const LIFE_MS = 4_000;
/** After which stages a failure leaves the log read-only; after others it goes on. */
const ENDS_WRITING: readonly Stage[] = ["pool", "commit", "flush", "guard", "publish"];
const SETTLES_WITHIN_MS = 10_000;
/** Every so many rounds the log is read from its first leaf. */
const WHOLE_WALK = 10;

export class Lane {
  readonly ledger = new Ledger();
  readonly kills = { planned: 0, random: 0, opening: 0, readers: 0 };
  readonly #options: LaneOptions;
  #walked = 0; // owned by #check(): how many leaves were read before
  #round = 0; // owned by round()
  #log: LogProcess | undefined; // owned by #start()
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
    const log = await this.#start(plan);
    const gone = new AbortController();
    void log.ended.then(() => gone.abort());
    if (log.listening !== undefined) {
      await this.#check(log, log.listening).catch((error: unknown) => this.#whileAlive(log, error));
      const { ledger } = this;
      const { random } = this.#options;
      const { url } = log.listening;
      const using = load({ url, ledger, random, clients: CLIENTS, signal: gone.signal });
      await this.#untilEnd(log, ending, plan);
      await using;
    }
    await this.#conclude(log, ending, plan);
    if (this.#trust !== undefined) await this.ledger.verifyAll(this.#trust);
    const { violations } = this.ledger;
    if (violations.length > 0)
      violations.push(
        `in round ${this.#round} of ${this.#options.kind.name}: ${JSON.stringify(plan ?? ending)}`,
      );
  }

  /** One life more, in which nothing happens: everything must be there. */
  async finish(): Promise<void> {
    this.#round = 0;
    const log = await this.#start(undefined);
    if (log.listening === undefined) throw new Error(`the log did not start: ${log.errors()}`);
    await this.#check(log, log.listening);
    const { ledger } = this;
    for (const number of ledger.inDoubt) {
      const agent = new Agent();
      const { body } = await ask(`${log.listening.url}/add`, {
        agent,
        method: "POST",
        body: entryNumbered(number),
      });
      ledger.answered(number, Number(body));
      agent.destroy();
    }
    await this.#check(log, log.listening);
    log.child.kill("SIGTERM");
    const code = await log.ended;
    if (code !== 0) ledger.violations.push(`a clean end: exit code ${code}: ${log.errors()}`);
    if (this.#trust !== undefined) await ledger.verifyAll(this.#trust);
    ledger.checkHeads();
  }

  async #start(plan: Plan | undefined): Promise<LogProcess> {
    const { program, folder, kind } = this.#options;
    this.#log = await startLog({ program, folder, args: kind.args, plan });
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
  ): Promise<void> {
    const { random, kind } = this.#options;
    this.#trust ??= this.#trustIn(vkey);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const isWhole = this.#round % WHOLE_WALK === 0;
    const at = { url, vkey, agent, ledger: this.ledger, random, witnesses: kind.witnesses };
    await walk(at, isWhole ? 0 : this.#walked).finally(() => agent.destroy());
    this.#walked = this.ledger.size;
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

  /** A server that died where it was to die answers nothing more; whatever else goes wrong is a failure. */
  async #whileAlive(log: LogProcess, error: unknown): Promise<void> {
    const ended = await Promise.race([log.ended, pause(500).then(() => undefined)]);
    if (ended === undefined) this.ledger.violations.push(`round ${this.#round}: ${String(error)}`);
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
        this.ledger.violations.push(`${SETTLES_WITHIN_MS} ms after ${stage} failed: ${body.toString()}`);
        return;
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
      this.ledger.violations.push(
        `after ${stage} failed an add was answered ${added.status}, a read ${read.status}`,
      );
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
        this.ledger.violations.push(`round ${this.#round}: no start (${ended}): ${log.errors()}`);
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
