/**
 * One thing done again and again for each of thousands of keys: never two turns of one key at once, a bounded number of turns
 * in all, and ever fewer of a key whose turns fail. Kept for a key: three numbers.
 */
import { RemoteRefusedError } from "../../client/errors.ts";
import { type Sleep, sleepOnTimer } from "../../client/waiting.ts";
import { openAbortGroup } from "./abort-group.ts";

export interface PollLoopOptions {
  /**
   * Asked at every look: a key that is new gets its first turn within one interval, one that is gone is forgotten. The same object
   * as last time says that nothing changed.
   */
  readonly keys: () => Iterable<string>;
  /** One turn. Must settle soon after its signal aborts: until then it keeps its place. */
  readonly poll: (key: string, signal: AbortSignal) => Promise<void>;
  /** Told of a turn that failed, never of one that close() cut off. Must not throw. */
  readonly onFailure: (key: string, error: unknown) => void;
  /** A key's turns begin at most this far apart, as long as they succeed and a place is free. */
  readonly intervalMs: number;
  /** The pause doubles with each failure in a row, up to this. Default 16 intervals. */
  readonly maxPauseMs?: number;
  /** Default 16. */
  readonly maxConcurrent?: number;
  /** Longest time of one turn; its signal aborts then. Default 30,000. */
  readonly timeoutMs?: number;
  /** Milliseconds that never go back. Default: performance.now. */
  readonly monotonicMs?: () => number;
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
  readonly sleep?: Sleep;
}

export interface PollLoop extends AsyncDisposable {
  /** Begins no turn any more, aborts those under way and waits for them. */
  close(): Promise<void>;
}

/** How often the loop looks who is due. */
const LOOK_MS = 250;
/** Chance takes up to this share of a pause away, so that keys that began together spread. */
const JITTER = 0.2;
/** This share is left to the turn itself: what it looks for is found within the interval, not only looked for. */
const TURN = 0.1;
const MAX_DOUBLINGS = 30;

interface Schedule {
  dueMs: number; // owned by enqueueDue() and takeTurn()
  failures: number; // in a row; owned by takeTurn()
  isTaken: boolean; // queued or under way
}

export function startPollLoop(options: PollLoopOptions): PollLoop {
  const { keys, poll, onFailure, intervalMs, random = Math.random, sleep = sleepOnTimer } = options;
  const { maxPauseMs = 16 * intervalMs, maxConcurrent = 16, timeoutMs = 30_000 } = options;
  const { monotonicMs = () => performance.now() } = options;
  const looking = new AbortController(); // of look()
  const taking = openAbortGroup(); // of takeTurn()
  let given: Iterable<string> | undefined; // owned by enqueueDue(), as is `current`
  let current: ReadonlySet<string> = new Set();
  const turns = new Map<string, Schedule>(); // owned by enqueueDue() and takeTurn()
  let queue: string[] = []; // due, longest waiting first; owned by enqueueDue() and startQueued()
  const underWay = new Set<Promise<void>>();

  function enqueueDue(): void {
    const nowMs = monotonicMs();
    const asked = keys();
    if (asked !== given) {
      current = new Set(asked);
      const firstMs = Math.max(0, intervalMs * (1 - TURN) - LOOK_MS);
      meetKeys(turns, current, () => nowMs + firstMs * random());
    }
    given = asked;
    const due = takeDue(turns, nowMs);
    if (due.length > 0) queue = [...queue, ...due];
  }

  async function takeTurn(key: string, turn: Schedule): Promise<void> {
    const startMs = monotonicMs();
    const { controller, release } = taking.join();
    // Ends with the turn: the abort below wakes it up.
    void sleep(timeoutMs, controller.signal).then(() => controller.abort());
    let failure: unknown;
    try {
      await poll(key, controller.signal);
      turn.failures = 0;
    } catch (error) {
      failure = error;
      turn.failures += 1;
      if (!taking.isAborted) onFailure(key, error);
    } finally {
      release();
      controller.abort();
    }
    turn.dueMs = startMs + pauseAfter({ ...turn, failure }, { intervalMs, maxPauseMs, random });
    turn.isTaken = false;
    if (!current.has(key)) turns.delete(key);
  }

  function startQueued(): void {
    while (underWay.size < maxConcurrent && !taking.isAborted) {
      const key = queue.shift();
      if (key === undefined) return;
      const turn = turns.get(key);
      if (turn === undefined) continue;
      const taken = takeTurn(key, turn).finally(() => {
        underWay.delete(taken);
        startQueued();
      });
      underWay.add(taken);
    }
  }

  async function look(): Promise<void> {
    await undefined; // no turn before the caller has the loop
    while (!looking.signal.aborted) {
      enqueueDue();
      startQueued();
      await sleep(LOOK_MS, looking.signal);
    }
  }

  const looked = look();
  const close = async (): Promise<void> => {
    looking.abort();
    taking.abort();
    await Promise.all([looked, ...underWay]);
  };
  return { close, [Symbol.asyncDispose]: close };
}

function meetKeys(
  turns: Map<string, Schedule>,
  current: ReadonlySet<string>,
  firstDueMs: () => number,
): void {
  // One that is under way stays: the key may come back before it ends.
  for (const [key, { isTaken }] of turns) if (!current.has(key) && !isTaken) turns.delete(key);
  for (const key of current) {
    if (!turns.has(key)) turns.set(key, { dueMs: firstDueMs(), failures: 0, isTaken: false });
  }
}

/** The keys that are due, the longest waiting first; they count as taken. */
function takeDue(turns: ReadonlyMap<string, Schedule>, nowMs: number): readonly string[] {
  const due: (readonly [key: string, turn: Schedule])[] = [];
  for (const [key, turn] of turns) if (!turn.isTaken && turn.dueMs <= nowMs) due.push([key, turn]);
  due.sort(([, a], [, b]) => a.dueMs - b.dueMs);
  for (const [, turn] of due) turn.isTaken = true;
  return due.map(([key]) => key);
}

/** Counted from the beginning of the turn; at least what a refusal asked for, as far as that is within bounds. */
function pauseAfter(
  { failures, failure }: { readonly failures: number; readonly failure: unknown },
  limits: { readonly intervalMs: number; readonly maxPauseMs: number; readonly random: () => number },
): number {
  const { intervalMs, maxPauseMs, random } = limits;
  const pauseMs = Math.min(maxPauseMs, intervalMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
  const askedMs = failure instanceof RemoteRefusedError ? (failure.retryAfterMs ?? 0) : 0;
  return Math.max(0, pauseMs * (1 - TURN - JITTER * random()) - LOOK_MS, Math.min(askedMs, maxPauseMs));
}
