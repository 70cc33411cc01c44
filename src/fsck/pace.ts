/** Slows a check down, so that it takes little of a machine that others use. */
import { setTimeout as sleep } from "node:timers/promises";

/** Of the time it works so many times as much is rest: at most a tenth of one core, where entries are so small that bytes cost little. */
const REST_FACTOR = 9;
/** Nobody hears nothing for longer than that. */
const MAX_SILENCE_MS = 30_000;

export interface PaceOptions {
  readonly bytesPerSecond: number;
  /** Called during long rests. */
  readonly onRest: () => void;
}

/** @returns what waits until so many bytes may have been read since it was called last. */
export function pace({ bytesPerSecond, onRest }: PaceOptions): (bytes: number) => Promise<void> {
  let cpu = process.cpuUsage(); // owned by the function below
  return async (bytes) => {
    const { user, system } = process.cpuUsage(cpu);
    let restMs = Math.max((bytes * 1000) / bytesPerSecond, ((user + system) / 1000) * REST_FACTOR);
    for (; restMs > 0; restMs -= MAX_SILENCE_MS) {
      await sleep(Math.min(restMs, MAX_SILENCE_MS));
      onRest();
    }
    cpu = process.cpuUsage();
  };
}
