/** A server that is killed under load, again and again: what it answered must be there, and soon it must answer again. */
import {
  type CheckpointMemory,
  type LogClient,
  memoryCheckpoints,
  openLogClient,
} from "../../client/index.ts";
import { InvariantError } from "../errors.ts";
import { Entries, Ledger, pause, startWriters, untilAdded } from "./load.ts";
import { type Rehearsal, type Scene, wantsProgram } from "./rehearsal.ts";
import {
  killWhileStarting,
  runCommand,
  type ServerOptions,
  type ServerProcess,
  startServer,
} from "./server-process.ts";
import { seconds } from "./words.ts";

const WRITERS = 16;
const KILLS_UNDER_LOAD = 4;
/** A kill comes when so many entries were answered, at random up to the larger one; and in any case after so long. */
const FEWEST_ANSWERED = 50;
const MOST_ANSWERED = 1_000;
const LONGEST_LOAD_MS = 5_000;
/** Where in the time that a start takes it is killed. */
const KILLS_WHILE_STARTING = [0.35, 0.7, 0.95];
const ADDED_WITHIN_MS = 60_000;

export const crash: Rehearsal = {
  name: "crash",
  title: "the server is killed (SIGKILL) under load and while it starts, and started again",
  copies: 1,
  obstacle: wantsProgram,
  advice:
    "an answered entry that is gone, or a log that does not come back, must not be: keep the report and the version, and ask the authors before you rely on this machine. `bristlecone doctor` says whether its disk is one that keeps what it says it wrote",
  run,
};

async function run(scene: Scene): Promise<void> {
  const { program, stage, signal, notes } = scene;
  if (program === undefined) throw new InvariantError("a crash needs a program that crashes");
  const place = await scene.copyLog("log");
  const options = { program, folder: stage.folder, place, keyFile: stage.keyFile, signal };
  const lives = new Lives(scene, options);
  await notes.step(
    { did: "started a server on the copy", expected: `it listens, with ${stage.treeSize} entries` },
    async () => await lives.begin(),
  );
  for (let kill = 1; kill <= KILLS_UNDER_LOAD; kill++) {
    const did = `kill ${kill} of ${KILLS_UNDER_LOAD}: SIGKILL while ${WRITERS} writers append, then a start`;
    await notes.step({ did, expected: EXPECTED }, async () => await lives.killUnderLoad());
  }
  await notes.step(
    {
      did: `SIGKILL while it starts, ${KILLS_WHILE_STARTING.length} times, then a start`,
      expected: EXPECTED,
    },
    async () => await lives.killStarts(),
  );
  await notes.step({ did: "ended it (SIGTERM)", expected: "exit code 0" }, async () => {
    const code = await lives.stop();
    return { saw: `exit code ${code}`, isAsExpected: code === 0 };
  });
  await notes.step(
    { did: "fsck: hashed every entry and compared every tile", expected: "nothing is wrong" },
    async () => {
      const { code, said } = await runCommand(["fsck", place.data, "--vkey", stage.vkey], options);
      return {
        saw: code === 0 ? "nothing is wrong" : `exit code ${code}: ${said}`,
        isAsExpected: code === 0,
      };
    },
  );
  lives.conclude();
}

const EXPECTED =
  "it takes entries again; each answered one is at its index, below a head that continues what was seen";

/** One log through several lives of its server. */
class Lives {
  readonly #scene: Scene;
  readonly #options: ServerOptions;
  readonly #entries = new Entries("crash");
  readonly #ledger = new Ledger();
  readonly #checkpoints: CheckpointMemory = memoryCheckpoints();
  readonly #recoveries: number[] = []; // owned by #recovered()
  #server: ServerProcess | undefined; // owned by #start()
  #startMs = 0; // owned by #start(): how long the last one took

  constructor(scene: Scene, options: ServerOptions) {
    this.#scene = scene;
    this.#options = options;
  }

  async begin() {
    const log = await this.#start();
    const { treeSize } = await log.checkpoint({ signal: this.#scene.signal });
    const saw = `listens after ${seconds(this.#startMs)}, with ${treeSize} entries`;
    return { saw, isAsExpected: treeSize === this.#scene.stage.treeSize };
  }

  async killUnderLoad() {
    const { signal } = this.#scene;
    const log = this.#client();
    const before = this.#ledger.size;
    const load = { entries: this.#entries, ledger: this.#ledger, count: WRITERS, signal };
    const writers = startWriters(log, load);
    const wanted = before + FEWEST_ANSWERED + Math.random() * (MOST_ANSWERED - FEWEST_ANSWERED);
    const latest = this.#scene.now() + LONGEST_LOAD_MS;
    while (this.#ledger.size < wanted && this.#scene.now() < latest) await pause(1, signal);
    const inFlight = writers.inFlight();
    const killedAt = this.#scene.now();
    await this.#server?.kill();
    await writers.stop();
    const answered = this.#ledger.size - before;
    const seen = await this.#recovered(`${answered} entries answered, ${inFlight} in flight`, killedAt);
    // A kill of a server that answered nobody shows nothing.
    return { ...seen, isAsExpected: seen.isAsExpected && answered > 0 };
  }

  async killStarts() {
    await this.#server?.kill();
    for (const share of KILLS_WHILE_STARTING) {
      await killWhileStarting(this.#options, this.#startMs * share);
    }
    return await this.#recovered("killed before it listened", this.#scene.now());
  }

  async stop(): Promise<number | string> {
    return (await this.#server?.stop()) ?? "nothing runs";
  }

  conclude(): void {
    const { notes } = this.#scene;
    const sorted = this.#recoveries.toSorted((left, right) => left - right);
    const longest = sorted.at(-1) ?? 0;
    notes.figure({
      name: "recovery-seconds-longest",
      value: longest / 1000,
      means: `RTO: ${seconds(longest)} at most from the kill to the first entry taken, in ${sorted.length} crashes`,
    });
    const lost = this.#ledger.size - this.#ledger.checked;
    notes.figure({
      name: "lost-entries",
      value: lost,
      means: `RPO: ${lost} of ${this.#ledger.size} answered entries lost`,
    });
  }

  async #recovered(how: string, killedAt: number) {
    const { signal, now, stage } = this.#scene;
    const log = await this.#start();
    const adding = { entries: this.#entries, ledger: this.#ledger, withinMs: ADDED_WITHIN_MS, signal };
    await untilAdded(log, adding);
    const tookMs = now() - killedAt;
    this.#recoveries.push(tookMs);
    const { lost, extra } = await this.#ledger.check(log, { start: stage.treeSize, signal });
    const saw = `${how}; takes entries again after ${seconds(tookMs)}; of all that was answered ${this.#ledger.checked} entries are there and ${lost} are lost; ${extra} whose answer did not arrive were kept`;
    return { saw, isAsExpected: lost === 0 };
  }

  async #start(): Promise<LogClient> {
    const begun = this.#scene.now();
    this.#server = await startServer(this.#options);
    this.#startMs = this.#scene.now() - begun;
    return this.#client();
  }

  #client(): LogClient {
    const url = this.#server?.url ?? "";
    return openLogClient({ url, vkey: this.#scene.stage.vkey, checkpoints: this.#checkpoints });
  }
}
