import { setTimeout as pause } from "node:timers/promises";
import { arrivalTimes, seededRandom } from "./arrivals.ts";
import { Connection } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import { type GeneratorUse, type LoadPlan, type LoadReport, loopbackAddress } from "./plan.ts";
import { type RequestSource, requestSource } from "./requests.ts";
import { Tally } from "./tally.ts";

/** How long answers are waited for when nothing is sent any more. */
export const DRAIN_MS = 10_000;
const TICK_MS = 1;
const MAX_QUEUED = 1_000_000;
/** Beyond these it is the generator that is slow. */
const BUSY_SHARE = 0.9;
const LATE_MS = 5;

/** Loads a server as planned, in this process. Ends at the latest DRAIN_MS after the window. */
export async function load(
  plan: LoadPlan,
  events: { windowBegan(): void; windowEnded(): void },
): Promise<LoadReport> {
  const { host, port } = loopbackAddress(plan.url);
  const source = requestSource(plan.request, { seed: plan.seed, host: `127.0.0.1:${port}` });
  const startMs = performance.now() + plan.warmupMs;
  const window = { startMs, endMs: startMs + plan.durationMs };
  const tally = new Tally(window, source);
  const sender = new Sender(source, tally);
  const begin = plan.shape.kind === "closed" ? beginClosed : beginOpen;
  const late = begin(sender, plan, window.endMs);
  for (let count = 0; count < plan.connections; count += 1) {
    sender.add((handlers) => new Connection({ host, port, keepsBodies: source.keepsBodies, ...handlers }));
  }
  await pause(window.startMs - performance.now());
  events.windowBegan();
  const before = { cpu: process.cpuUsage(), atMs: performance.now() };
  await pause(Math.max(0, window.endMs - performance.now()));
  events.windowEnded();
  const { user, system } = process.cpuUsage(before.cpu);
  const cpuShare = (user + system) / 1000 / (performance.now() - before.atMs);
  await sender.drain(DRAIN_MS);
  return tally.report(generatorUse(cpuShare, late, sender.mostQueued));
}

function generatorUse(cpuShare: number, late: Histogram, mostQueued: number): GeneratorUse {
  const p99LateMs = late.count === 0 ? 0 : late.percentile(0.99) / 1000;
  return { cpuShare, p99LateMs, mostQueued, wasBottleneck: cpuShare > BUSY_SHARE || p99LateMs > LATE_MS };
}

type Handlers = Pick<
  ConstructorParameters<typeof Connection>[0],
  "onFree" | "onAnswer" | "onError" | "onIdleError"
>;

/** The connections, and what waits for one. */
class Sender {
  readonly #source: RequestSource;
  readonly #tally: Tally;
  readonly #connections: Connection[] = [];
  readonly #free: Connection[] = [];
  // A list and where it begins: to shift a long list moves all of it.
  #queued: number[] = [];
  #queueStart = 0;
  mostQueued = 0;
  /** What a free connection does when nothing waits. Set by the shape. */
  onFree: (connection: Connection) => void = (connection) => this.#free.push(connection);

  constructor(source: RequestSource, tally: Tally) {
    this.#source = source;
    this.#tally = tally;
  }

  add(make: (handlers: Handlers) => Connection): void {
    this.#connections.push(
      make({
        onFree: (connection) => this.#take(connection),
        onAnswer: (dueAtMs, answer) => this.#tally.answer(dueAtMs, answer),
        onError: (dueAtMs, code) => this.#tally.error(dueAtMs, code),
        onIdleError: (code) => this.#tally.idleError(code),
      }),
    );
  }

  /** Sends what was due at `dueAtMs` by a free connection, or has it wait for one. */
  offer(dueAtMs: number): void {
    this.#tally.due(dueAtMs);
    const connection = this.#nextFree();
    if (connection !== undefined) {
      this.#send(connection, dueAtMs);
      return;
    }
    const waiting = this.#queued.length - this.#queueStart;
    if (waiting >= MAX_QUEUED) {
      this.#tally.error(dueAtMs, "not sent");
      return;
    }
    this.#queued.push(dueAtMs);
    this.mostQueued = Math.max(this.mostQueued, waiting + 1);
  }

  /** Sends by this connection, now. */
  sendNow(connection: Connection): void {
    const dueAtMs = performance.now();
    this.#tally.due(dueAtMs);
    this.#send(connection, dueAtMs);
  }

  /** Waits for what is under way, at most `withinMs`, counts what is not answered then, and closes. */
  async drain(withinMs: number): Promise<void> {
    const endMs = performance.now() + withinMs;
    const isUnderWay = ({ dueAtMs }: Connection): boolean => dueAtMs !== undefined;
    while (performance.now() < endMs) {
      if (this.#queueStart === this.#queued.length && !this.#connections.some(isUnderWay)) break;
      await pause(5);
    }
    for (const connection of this.#connections) {
      if (connection.dueAtMs !== undefined) this.#tally.error(connection.dueAtMs, "unanswered");
      connection.close();
    }
    for (const dueAtMs of this.#queued.slice(this.#queueStart)) this.#tally.error(dueAtMs, "unanswered");
  }

  #take(connection: Connection): void {
    const waiting = this.#queued[this.#queueStart];
    if (waiting === undefined) {
      this.onFree(connection);
      return;
    }
    this.#queueStart += 1;
    if (this.#queueStart > 4096 && this.#queueStart * 2 > this.#queued.length) {
      this.#queued = this.#queued.slice(this.#queueStart);
      this.#queueStart = 0;
    }
    this.#send(connection, waiting);
  }

  /** One that was lost while it was free has no socket that could be written to. */
  #nextFree(): Connection | undefined {
    for (;;) {
      const connection = this.#free.pop();
      if (connection === undefined || connection.isOpen) return connection;
    }
  }

  #send(connection: Connection, dueAtMs: number): void {
    connection.send(this.#source.next(connection.scratch), dueAtMs);
  }
}

function beginClosed(sender: Sender, { shape }: LoadPlan, endMs: number): Histogram {
  const pauseMs = shape.kind === "closed" ? (shape.pauseMs ?? 0) : 0;
  const sendUntilEnd = (connection: Connection): void => {
    if (performance.now() < endMs && connection.isOpen) sender.sendNow(connection);
  };
  sender.onFree = (connection) => {
    if (pauseMs === 0) sendUntilEnd(connection);
    else setTimeout(() => sendUntilEnd(connection), pauseMs).unref();
  };
  return new Histogram();
}

/** Ticks of a millisecond: what is due since the last one is offered, each with the time it was due. */
function beginOpen(
  sender: Sender,
  { shape, seed, warmupMs, durationMs }: LoadPlan,
  endMs: number,
): Histogram {
  if (shape.kind !== "open") throw new RangeError("want an open loop");
  const late = new Histogram();
  const startMs = endMs - warmupMs - durationMs;
  const next = arrivalTimes({ kind: shape.arrivals, perSecond: shape.perSecond, random: seededRandom(seed) });
  let dueAtMs = startMs + next();
  const tick = (): void => {
    const nowMs = performance.now();
    for (; dueAtMs <= nowMs && dueAtMs < endMs; dueAtMs = startMs + next()) {
      late.record((nowMs - dueAtMs) * 1000);
      sender.offer(dueAtMs);
    }
    if (dueAtMs < endMs) setTimeout(tick, Math.max(TICK_MS, Math.floor(dueAtMs - performance.now())));
  };
  setTimeout(tick, TICK_MS);
  return late;
}
