import type { CheckpointMemory } from "../../client/checkpoint-memory.ts";
import { isSameCheckpoint } from "../../client/checkpoint-memory.ts";
import type { Alert } from "./alert.ts";
import type { LogState, PendingAlert } from "./log-state.ts";
import { Wakeup } from "./wakeup.ts";

/** Where the states of logs outlast the process. */
export interface StateKeeper {
  /** Resolves when it is durable. @throws {TlogError} FILE_UNWRITABLE */
  save(state: LogState): Promise<void>;
}

/** So many alerts may wait to be told before no more entries are read. */
const MAX_PENDING = 1000;

/**
 * The state of one log, and its only writer. What cannot be saved stays here and is told all the same: after a crash the same entries are read
 * again, and told again, rather than not at all.
 */
export class LogRecord {
  readonly #keeper: StateKeeper;
  readonly #onSaved: (failure: unknown) => void;
  #state: LogState; // owned by change()
  #saved: LogState; // owned by #save()
  #isFailing = false; // owned by #save()
  #saving: Promise<void> = Promise.resolve(); // owned by change()
  readonly #room = new Wakeup();

  /** @param onSaved - told after each attempt to save, with what it failed with, or undefined. */
  constructor(
    state: LogState,
    { keeper, onSaved }: { keeper: StateKeeper; onSaved(failure: unknown): void },
  ) {
    this.#state = state;
    this.#saved = state;
    this.#keeper = keeper;
    this.#onSaved = onSaved;
  }

  get state(): LogState {
    return this.#state;
  }

  /** What may be told: what is written down, or cannot be. */
  tellable(): readonly PendingAlert[] {
    const { pending } = this.#state;
    if (this.#isFailing) return pending;
    const written = new Set(this.#saved.pending.map(({ alert }) => alert));
    return pending.filter(({ alert }) => written.has(alert));
  }

  /** Whoever is named was told these. */
  told(name: string, alerts: ReadonlySet<Alert>): Promise<void> {
    const rest = (pending: PendingAlert): readonly PendingAlert[] => {
      if (!alerts.has(pending.alert)) return [pending];
      const to = pending.to.filter((other) => other !== name);
      return to.length === 0 ? [] : [{ ...pending, to }];
    };
    return this.change((state) => ({ ...state, pending: state.pending.flatMap(rest) }));
  }

  /** Applied at once; resolves when it was saved, or could not be. */
  change(update: (state: LogState) => LogState): Promise<void> {
    this.#state = update(this.#state);
    if (this.hasRoom) this.#room.wake();
    // Changes that come while one is saved are saved together.
    this.#saving = this.#saving.then(() => this.#save());
    return this.#saving;
  }

  /** Whether more entries may be read. */
  get hasRoom(): boolean {
    return this.#state.pending.length < MAX_PENDING;
  }

  /** Resolves when there is room, or the signal aborts. */
  async room(signal: AbortSignal): Promise<void> {
    while (!this.hasRoom && !signal.aborted) await this.#room.wait(signal);
  }

  /**
   * What the client remembers is in the state: the head under the log's origin, its keys under any other name.
   * @param options.onKeys - what a change of the keys adds to the state.
   */
  checkpoints({ now, onKeys }: { now: () => number; onKeys(state: LogState): LogState }): CheckpointMemory {
    const member = (name: string) => (name === this.#state.origin ? "head" : "keys");
    const held = (name: string): Uint8Array | undefined =>
      member(name) === "keys" ? this.#state.keys : this.#state.head?.signedNote;
    return {
      load: async (name) => held(name)?.slice(),
      save: async (name, saved, replaces) => {
        if (!isSameCheckpoint(held(name), replaces)) return false;
        const bytes = saved.slice();
        await this.change((state) =>
          member(name) === "keys"
            ? onKeys({ ...state, keys: bytes })
            : { ...state, head: { signedNote: bytes, seenAtMs: now() } },
        );
        return true;
      },
    };
  }

  async #save(): Promise<void> {
    const state = this.#state;
    if (state === this.#saved) return;
    try {
      await this.#keeper.save(state);
      this.#saved = state;
      this.#isFailing = false;
      this.#onSaved(undefined);
    } catch (error) {
      this.#isFailing = true;
      this.#onSaved(error);
    }
  }
}
