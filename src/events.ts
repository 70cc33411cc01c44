/** A request that ended in an answer of 500, or in none. */
export interface FailedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly message: string;
  /** What its answer calls it; undefined for what was none of a client's. */
  readonly requestId?: string | undefined;
}

/** What the engines report, at stage borders only. `telemetry/` turns it into log lines and metrics. */
export interface LogEvents {
  /** A batch is durable and its callers are answered. */
  batchIntegrated?(event: {
    readonly treeSize: number;
    readonly count: number;
    readonly duplicates: number;
    readonly elapsedMs: number;
  }): void;
  /** The log's keys signed a head; `elapsedMs` of the signing alone. */
  checkpointSigned?(event: { readonly treeSize: number; readonly elapsedMs: number }): void;
  /** Readers now see this checkpoint. */
  checkpointPublished?(event: { readonly treeSize: number; readonly elapsedMs: number }): void;
  /** No quorum cosigned the head; told again only when it changes who is missing, or why, and of what changes often once a minute. */
  quorumMissing?(event: {
    readonly treeSize: number;
    readonly missing: readonly { readonly name: string; readonly reason: string }[];
  }): void;
  /** A quorum cosigned a head again; `elapsedMs` since it was first missed. */
  quorumRecovered?(event: { readonly treeSize: number; readonly elapsedMs: number }): void;
  /** A witness gave a cosignature that counts, `elapsedMs` after it was asked. */
  witnessCosigned?(event: {
    readonly name: string;
    readonly treeSize: number;
    readonly elapsedMs: number;
  }): void;
  /** Every place where readers see the log was looked at, or those that answered. */
  servedHeadsChecked?(event: { readonly agreeing: number; readonly silent: number }): void;
  /** A witness gave no cosignature that counts, for the first time or for another reason than before; of one that changes often, once a minute. */
  witnessFailed?(event: { readonly name: string; readonly code: string; readonly message: string }): void;
  /** A witness that had failed cosigns again; told as rarely. */
  witnessRecovered?(event: { readonly name: string; readonly treeSize: number }): void;
  /** The published checkpoint carries more, or fresher, cosignatures than before. */
  cosignaturesMerged?(event: { readonly treeSize: number; readonly cosignatures: number }): void;
  /** So many entries were turned away because the pool is full. */
  poolFull?(event: {
    readonly count: number;
    readonly pendingEntries: number;
    readonly pendingBytes: number;
  }): void;
  /** The disk has less room than it must: entries are turned away until it has more again. All else goes on. */
  spaceLow?(event: { readonly freeBytes: number; readonly minFreeBytes: number }): void;
  /** There is room again, and entries are taken. */
  spaceBack?(event: { readonly freeBytes: number; readonly minFreeBytes: number }): void;
  /**
   * The scrub verified more of what is stored. `entries` and `bytes` since it was told last; `atEntry` of `treeSize`: how far this pass is.
   * `lastPassedAtMs`: when the last whole pass ended without findings, kept over restarts; undefined: never.
   */
  scrubProgressed?(event: {
    readonly entries: number;
    readonly bytes: number;
    readonly atEntry: number;
    readonly treeSize: number;
    readonly lastPassedAtMs: number | undefined;
  }): void;
  /** A whole pass over the log ended. `findings`: 0 when all of it is right. `elapsedMs`: since the pass began, restarts included. */
  scrubPassed?(event: {
    readonly treeSize: number;
    readonly findings: number;
    readonly endedAtMs: number;
    readonly elapsedMs: number;
  }): void;
  /** Bytes on the disk are not what was signed, told once each. `kind`, `where`, `detail` and `cause` as `bristlecone fsck` says them. */
  scrubFound?(event: {
    readonly kind: string;
    readonly where: string;
    readonly detail: string;
    readonly cause: "corruption" | "tampering" | "unknown";
  }): void;
  /** A webhook's receiver knows the log up to this size, and is told from there on. */
  webhookOpened?(event: { readonly name: string; readonly treeSize: number }): void;
  /** The receiver of a webhook answered that it knows the log up to this size. */
  webhookDelivered?(event: {
    readonly name: string;
    readonly treeSize: number;
    readonly elapsedMs: number;
  }): void;
  /** A webhook was not delivered, `failures` times in a row by now, and is tried again. */
  webhookFailed?(event: {
    readonly name: string;
    readonly code: string;
    readonly message: string;
    readonly failures: number;
  }): void;
  /** The log's key signs again, which it did not for so long while a signature was wanted. Each failure is a warning SIGNER_FAILED. */
  signerRecovered?(event: { readonly failedForMs: number }): void;
  /** Other tokens may write from now on. */
  tokensReplaced?(event: { readonly count: number }): void;
  /** Something an operator should know, and the log goes on. */
  warning?(event: { readonly code: string; readonly message: string }): void;
  /** The log no longer accepts entries or signs; reads go on. `reason`: the code of what happened first. */
  turnedReadOnly?(event: { readonly code: string; readonly message: string; readonly reason: string }): void;
  /** A request ended in an answer of 500, or in none. */
  requestFailed?(event: FailedRequest): void;
}

/** What a witness reports. */
export interface WitnessEvents {
  /** A cosignature is durable and on its way. */
  cosigned?(event: { readonly origin: string; readonly treeSize: number; readonly elapsedMs: number }): void;
  /** A known log sent what was not cosigned, signed by the log: it may have forked, or only lost its way. */
  refused?(event: { readonly origin: string; readonly code: string; readonly message: string }): void;
  /**
   * A head that a log or another witness shows was compared with this witness's own. "behind": an old view of the same history,
   * `bySize` leaves short; `sinceSeconds`: since somebody known cosigned it. "unproven": nobody serves the tree that would tell.
   */
  headCompared?(event: {
    readonly origin: string;
    readonly source: string;
    readonly verdict: "consistent" | "behind" | "evidence" | "unproven";
    readonly bySize: number;
    readonly sinceSeconds: number | undefined;
  }): void;
  /** Evidence was stored; a log it convicts is cosigned no more. An operator should look at once. */
  evidenceStored?(event: { readonly origin: string; readonly id: string; readonly kind: string }): void;
  /** Something an operator should know, and the witness goes on. */
  warning?(event: { readonly code: string; readonly message: string }): void;
  /** The witness signs no more; reads go on. */
  turnedReadOnly?(event: { readonly code: string; readonly message: string }): void;
  /** A request ended in an answer of 500, or in none. */
  requestFailed?(event: FailedRequest): void;
}

/** What a monitor of logs reports, beside the alerts that it tells. */
export interface MonitorEvents {
  /** A head was verified. */
  headVerified?(event: {
    readonly origin: string;
    readonly treeSize: number;
    readonly progress: "first" | "grew" | "same" | "behind";
  }): void;
  /** Entries were read, verified and matched, and that is written down. */
  entriesRead?(event: {
    readonly origin: string;
    readonly count: number;
    readonly bytes: number;
    readonly matches: number;
  }): void;
  /** A look at a log, or reading it, failed: whether that is an alarm is told as one. */
  lookFailed?(event: { readonly origin: string; readonly code: string; readonly message: string }): void;
  /** Somebody was told alerts. */
  alertsTold?(event: { readonly to: string; readonly count: number }): void;
  /** Somebody could not be told, and is tried again; so many times in a row. */
  tellingFailed?(event: {
    readonly to: string;
    readonly code: string;
    readonly message: string;
    readonly failures: number;
  }): void;
  /** Something an operator should know, and the monitor goes on. */
  warning?(event: { readonly code: string; readonly message: string }): void;
}

/** What is told of processes that answer reads beside the one that writes. */
export interface ReaderEvents {
  /** A reader listens. */
  readerStarted?(event: { readonly pid: number }): void;
  /** A reader ended that nobody asked to, or could not start again; another one is started soon. */
  readerEnded?(event: { readonly pid: number; readonly message: string }): void;
}

// A batch is durable and a checkpoint published whether or not somebody could write a line about it. An async function,
// so that what is thrown at once and what is rejected later end in the same place.
function attempt(report: () => unknown): void {
  (async () => report())().catch(() => undefined);
}

/** The same events, none of which can break who reports them: a callback that throws or rejects has had its say. */
export function shielded(events: LogEvents): Required<LogEvents> {
  return {
    batchIntegrated: (event) => attempt(() => events.batchIntegrated?.(event)),
    checkpointSigned: (event) => attempt(() => events.checkpointSigned?.(event)),
    witnessCosigned: (event) => attempt(() => events.witnessCosigned?.(event)),
    servedHeadsChecked: (event) => attempt(() => events.servedHeadsChecked?.(event)),
    checkpointPublished: (event) => attempt(() => events.checkpointPublished?.(event)),
    quorumMissing: (event) => attempt(() => events.quorumMissing?.(event)),
    quorumRecovered: (event) => attempt(() => events.quorumRecovered?.(event)),
    witnessFailed: (event) => attempt(() => events.witnessFailed?.(event)),
    witnessRecovered: (event) => attempt(() => events.witnessRecovered?.(event)),
    cosignaturesMerged: (event) => attempt(() => events.cosignaturesMerged?.(event)),
    poolFull: (event) => attempt(() => events.poolFull?.(event)),
    scrubProgressed: (event) => attempt(() => events.scrubProgressed?.(event)),
    scrubPassed: (event) => attempt(() => events.scrubPassed?.(event)),
    scrubFound: (event) => attempt(() => events.scrubFound?.(event)),
    signerRecovered: (event) => attempt(() => events.signerRecovered?.(event)),
    tokensReplaced: (event) => attempt(() => events.tokensReplaced?.(event)),
    webhookOpened: (event) => attempt(() => events.webhookOpened?.(event)),
    webhookDelivered: (event) => attempt(() => events.webhookDelivered?.(event)),
    webhookFailed: (event) => attempt(() => events.webhookFailed?.(event)),
    spaceLow: (event) => attempt(() => events.spaceLow?.(event)),
    spaceBack: (event) => attempt(() => events.spaceBack?.(event)),
    warning: (event) => attempt(() => events.warning?.(event)),
    turnedReadOnly: (event) => attempt(() => events.turnedReadOnly?.(event)),
    requestFailed: (event) => attempt(() => events.requestFailed?.(event)),
  };
}

/** As {@link shielded}, for a witness. */
export function shieldedWitness(events: WitnessEvents): Required<WitnessEvents> {
  return {
    cosigned: (event) => attempt(() => events.cosigned?.(event)),
    refused: (event) => attempt(() => events.refused?.(event)),
    headCompared: (event) => attempt(() => events.headCompared?.(event)),
    evidenceStored: (event) => attempt(() => events.evidenceStored?.(event)),
    warning: (event) => attempt(() => events.warning?.(event)),
    turnedReadOnly: (event) => attempt(() => events.turnedReadOnly?.(event)),
    requestFailed: (event) => attempt(() => events.requestFailed?.(event)),
  };
}

/** All of them hear every event, in this order. */
export function heardByAll(...listeners: readonly (LogEvents & ReaderEvents)[]): LogEvents & ReaderEvents {
  return passedToEach(listeners);
}

/** As {@link heardByAll}, for a witness. */
export function witnessHeardByAll(...listeners: readonly WitnessEvents[]): WitnessEvents {
  return passedToEach(listeners);
}

function passedToEach(listeners: readonly object[]): { readonly [name: string]: (event: never) => void } {
  const names = new Set(listeners.flatMap((listener) => Object.keys(listener)));
  return Object.fromEntries(
    [...names].map((name) => {
      const heardBy = listeners.filter((listener) => typeof Reflect.get(listener, name) === "function");
      const tell = (event: never): void => {
        for (const listener of heardBy) Reflect.get(listener, name)(event);
      };
      return [name, tell];
    }),
  );
}
