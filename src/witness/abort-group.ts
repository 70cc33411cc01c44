/**
 * Signals that abort together. Unlike children of one AbortSignal they add no listeners to it: Node warns of a leak from the
 * eleventh on, and here there may be hundreds.
 */
export interface AbortGroup {
  readonly isAborted: boolean;
  /** A member, which may also be aborted by itself. `release` it when its work is over. */
  join(): { readonly controller: AbortController; readonly release: () => void };
  abort(): void;
}

export function openAbortGroup(): AbortGroup {
  const members = new Set<AbortController>(); // owned by join() and its release()
  let isAborted = false; // owned by abort()
  return {
    get isAborted() {
      return isAborted;
    },
    join: () => {
      const controller = new AbortController();
      if (isAborted) controller.abort();
      members.add(controller);
      return { controller, release: () => members.delete(controller) };
    },
    abort: () => {
      isAborted = true;
      for (const controller of members) controller.abort();
    },
  };
}
