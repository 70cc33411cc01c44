/** What the writer and its readers tell each other: two processes of one program, so what is not understood is passed over. */
import type { ErrorCode } from "../errors.ts";
import type { AccessRecord } from "../http/access.ts";
import type { ListenAt } from "../http/running-server.ts";
import type { TlsFiles } from "../http/tls.ts";
import type { WriteToken } from "../http/write-tokens.ts";
import type { LogLimits } from "../log/log.ts";
import type { WithheldRange } from "../log/withheld.ts";
import type { LogLineOptions } from "../telemetry/line-writer.ts";
import type { LogLevel } from "../telemetry/log-level.ts";

/** How a reader writes log lines, where its writer does. */
export interface ReaderLines extends Pick<LogLineOptions, "format" | "level" | "isColoured" | "origin"> {
  /** As of `requestLines`. */
  readonly slowMs: number;
}

/** All a reader has to know. */
export interface ReaderStart {
  readonly directory: string;
  readonly origin: string;
  readonly vkeys: readonly string[];
  /** Where the writer takes what readers pass on. */
  readonly socketPath: string;
  /** Where it takes entries in frames. */
  readonly framesPath: string;
  /** Who may write. Over this channel, since arguments and environment can be seen by others. */
  readonly access: AccessRecord;
  readonly limits: LogLimits;
  /** Whether answers are to be counted. */
  readonly isCounting: boolean;
  /** Default: it writes none. */
  readonly lines?: ReaderLines | undefined;
  /** Each reader reads the files itself. */
  readonly tls?: TlsFiles | undefined;
  readonly withheld: readonly WithheldRange[];
  /** The public address, with a port. */
  readonly listen: ListenAt;
}

export type ToReader =
  | { readonly kind: "start"; readonly start: ReaderStart }
  /** `logLevel`: what is to be logged from now on. */
  | { readonly kind: "ping"; readonly logLevel?: LogLevel | undefined }
  /** Only these may write from now on. */
  | { readonly kind: "tokens"; readonly tokens: readonly WriteToken[] }
  /** What is wrong on the disk: nobody is served it. */
  | { readonly kind: "withheld"; readonly ranges: readonly WithheldRange[] }
  /** Answer what is under way, then end. */
  | { readonly kind: "drain"; readonly deadlineMs: number };

export type FromReader =
  /** It can hear: cluster passes messages over that come before. */
  | { readonly kind: "ready" }
  | { readonly kind: "listening" }
  /** It could not start. */
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  /** To each ping: its event loop turns. `requests`: what it counted since it last said so, as RequestTally.changes; `streams`: open now. */
  | { readonly kind: "pong"; readonly requests?: readonly number[]; readonly streams?: number }
  /** It turned `count` entries away since it last said so, as the log does when its pool is full. */
  | {
      readonly kind: "poolFull";
      readonly count: number;
      readonly pendingEntries: number;
      readonly pendingBytes: number;
    }
  | {
      readonly kind: "requestFailed";
      readonly method: string;
      readonly path: string;
      readonly message: string;
      readonly requestId?: string | undefined;
    };

export function isFromReader(message: unknown): message is FromReader {
  return isOfKind(message, ["ready", "listening", "failed", "pong", "poolFull", "requestFailed"]);
}

export function isToReader(message: unknown): message is ToReader {
  return isOfKind(message, ["start", "ping", "tokens", "withheld", "drain"]);
}

function isOfKind(message: unknown, kinds: readonly string[]): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    "kind" in message &&
    kinds.some((kind) => kind === message.kind)
  );
}
