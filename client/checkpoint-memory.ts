/**
 * What a client remembers between runs: per log, the newest checkpoint it verified. A log can show two histories only to
 * clients that forget. `src/node/file-checkpoint-memory.ts` keeps it in files.
 */
export interface CheckpointMemory {
  /** @returns the signed note saved last for this origin, or undefined. */
  load(origin: string): Promise<Uint8Array | undefined>;
  /** Replaces it, atomically: a crash leaves the old one or the new one. Resolves when it is durable. */
  save(origin: string, checkpoint: Uint8Array): Promise<void>;
}

/** Remembers as long as the process lives. */
export function memoryCheckpoints(): CheckpointMemory {
  const checkpoints = new Map<string, Uint8Array>();
  return {
    load: async (origin) => checkpoints.get(origin)?.slice(),
    save: async (origin, checkpoint) => {
      checkpoints.set(origin, checkpoint.slice());
    },
  };
}
