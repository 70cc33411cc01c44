import { bytesEqual } from "../src/tlog/encoding.ts";

/**
 * What clients remember between runs: per log, the newest checkpoint they verified. A log can show two histories only to
 * clients that forget. Under a name of its own, of two lines, it keeps what is known of the log's keys, too (spec/key-history.md). `src/node/file-checkpoint-memory.ts` keeps it in files. Several clients may share one memory.
 */
export interface CheckpointMemory {
  /** @returns the signed note saved last for this origin, or undefined. */
  load(origin: string): Promise<Uint8Array | undefined>;
  /**
   * Compares and swaps, as one step: two clients that verified against one checkpoint must not both replace it, each
   * unaware of the other's. A crash leaves the old one or the new one. Resolves when it is durable.
   * @param replaces - what `load` gave: the bytes that must be there still, undefined for nothing.
   * @returns false when something else is there now: nothing changed, and the caller has to look at it first.
   */
  save(origin: string, checkpoint: Uint8Array, replaces: Uint8Array | undefined): Promise<boolean>;
  /** What to tell a person, after the reason, when the checkpoint of this origin is not of the log that was chosen. */
  adviceOn?(origin: string): string;
}

/** Remembers as long as the process lives. */
export function memoryCheckpoints(): CheckpointMemory {
  const checkpoints = new Map<string, Uint8Array>();
  return {
    load: async (origin) => checkpoints.get(origin)?.slice(),
    save: async (origin, checkpoint, replaces) => {
      if (!isSameCheckpoint(checkpoints.get(origin), replaces)) return false;
      checkpoints.set(origin, checkpoint.slice());
      return true;
    },
  };
}

/** Byte for byte, or neither is there: what {@link CheckpointMemory.save} asks. */
export function isSameCheckpoint(found: Uint8Array | undefined, replaces: Uint8Array | undefined): boolean {
  return found === undefined || replaces === undefined ? found === replaces : bytesEqual(found, replaces);
}
