/** Which cores processes run on, so that server and generator do not take each other's time. */
import { accessSync, constants } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";

/** As taskset takes it: "0", "2-3". */
export type Cores = string;

export interface Pinning {
  /** The server, or its yardstick: one core. Undefined: not pinned. */
  readonly server: Cores | undefined;
  readonly generator: Cores | undefined;
  /** Witnesses and other processes that the server talks to. */
  readonly others: Cores | undefined;
  /** For people: "server on core 0, generator on core 1". */
  readonly text: string;
}

/** The server on the first core, the generator on the last, the rest between them, or on the generator's. */
export function choosePinning(): Pinning {
  const cores = availableParallelism();
  if (cores < 2 || !hasCommand("taskset")) {
    const why = cores < 2 ? "one core" : "no taskset";
    return { server: undefined, generator: undefined, others: undefined, text: `nothing pinned: ${why}` };
  }
  const last = String(cores - 1);
  const others = cores > 2 ? `1-${Math.max(1, cores - 2)}` : last;
  return {
    server: "0",
    generator: last,
    others,
    text: `server on core 0, generator on ${last}, others on ${others}`,
  };
}

/** The command that runs `command` on `cores`. */
export function pinned(cores: Cores | undefined, command: readonly string[]): readonly string[] {
  return cores === undefined ? command : ["taskset", "-c", cores, ...command];
}

export function hasCommand(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
