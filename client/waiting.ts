import { TlogError } from "../src/errors.ts";

/** Resolves after `ms` milliseconds, or at once when `signal` aborts; never rejects. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** setTimeout takes no more, and makes 1 of it. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The default {@link Sleep}, on setTimeout: at most 24 days. */
export function sleepOnTimer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.min(ms, MAX_TIMER_MS));
    signal.addEventListener("abort", finish);
  });
}

/** @throws {TlogError} ABORTED, with the signal's reason as its cause. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

function aborted(signal: AbortSignal | undefined): TlogError {
  return new TlogError("ABORTED", "aborted", { cause: signal?.reason });
}

/** Settles as `work` does, but with ABORTED as soon as the caller's signal aborts: for work that others also wait for. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { controller, release } = linkedController(signal);
  try {
    return await raceAbort(work, controller.signal);
  } finally {
    release();
  }
}

/** Settles as `work` does, but rejects with the signal's reason as soon as it aborts, even when `work` never settles. */
export function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * A controller that aborts with `parent`, for the reason ABORTED; `release` undoes the link, so that a long-lived parent keeps no listener.
 * AbortSignal.any does the same but is missing from browsers of 2023.
 */
export function linkedController(parent: AbortSignal | undefined): {
  readonly controller: AbortController;
  readonly release: () => void;
} {
  const controller = new AbortController();
  if (parent?.aborted) controller.abort(aborted(parent));
  if (parent === undefined || parent.aborted) return { controller, release: () => undefined };
  const { children, unlink } = familyOf(parent);
  children.add(controller);
  const release = (): void => {
    if (children.delete(controller) && children.size === 0) unlink();
  };
  return { controller, release };
}

/** The controllers linked to one signal. */
interface Family {
  readonly children: Set<AbortController>;
  readonly unlink: () => void;
}

// One listener a parent, however many requests are under way with its signal: Node takes the eleventh for a leak and warns.
const families = new WeakMap<AbortSignal, Family>();

function familyOf(parent: AbortSignal): Family {
  const known = families.get(parent);
  if (known !== undefined) return known;
  const children = new Set<AbortController>();
  const abort = (): void => {
    for (const child of children) child.abort(aborted(parent));
  };
  const unlink = (): void => {
    parent.removeEventListener("abort", abort);
    families.delete(parent);
  };
  parent.addEventListener("abort", abort);
  const family = { children, unlink };
  families.set(parent, family);
  return family;
}
