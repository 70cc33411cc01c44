/** What serving takes and gives. Names no library, so that programs can name these types without hono's. */
import type { Witness } from "../witness/witness.ts";
import type { RequestTally } from "./request-tally.ts";

/** Where to listen; port 0: any free one. */
export interface ListenAt {
  readonly host: string;
  readonly port: number;
}

/** Something on a socket. Closing it leaves open what it serves. */
export interface RunningServer {
  readonly url: string;
  readonly adminUrl: string | undefined;
  /** Stops accepting, lets requests under way finish, and cuts those that have not by the deadline (default 10 s). */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** What an operator's Prometheus reads on the admin listener: `telemetry/` makes it. */
export interface ServedMetrics {
  /** Where answers on the public listener are counted. */
  readonly requests: RequestTally;
  /** All metrics as they are now, in the Prometheus text format. */
  page(): Promise<MetricsPage>;
}

export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** A witness that shares a log's listener. */
export interface MountedWitness {
  readonly witness: Witness;
  /** One path segment: letters, digits, "-", "_" and ".". */
  readonly path: string;
}
