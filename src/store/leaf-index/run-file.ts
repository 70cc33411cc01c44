/** Names of runs, and what the file system says when one cannot be read or written. */
import { join } from "node:path";
import { orUndefined, TlogError } from "../../errors.ts";
import { hasErrorCode, messageOf } from "../../node/errno.ts";
import { parseDecimal } from "../../tlog/encoding.ts";

/** Leaves [from, to). */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

const FULL_CODES: readonly string[] = ["ENOSPC", "EDQUOT", "EFBIG"];
const TEMPORARY = ".tmp";

/** "524288-1048576.run" */
export function runPath(directory: string, { from, to }: LeafRange): string {
  return join(directory, `${from}-${to}.run`);
}

/** @returns undefined when it is not the name of a run. */
export function parseRunName(name: string): LeafRange | undefined {
  const [, from, to] = /^(\d+)-(\d+)\.run$/.exec(name) ?? [];
  if (from === undefined || to === undefined) return undefined;
  return orUndefined(() => ({ from: parseDecimal(from), to: parseDecimal(to) }));
}

/** Where a run is written before it gets its name. */
export function temporaryPath(path: string, token: string): string {
  return `${path}.${token}${TEMPORARY}`;
}

export function isTemporaryName(name: string): boolean {
  return name.endsWith(TEMPORARY);
}

/** What a failure to read or write a run means: a full disk, which passes, or another one. */
export function fileError(path: string, cause: unknown): unknown {
  if (cause instanceof TlogError) return cause;
  const isFull = FULL_CODES.some((code) => hasErrorCode(cause, code));
  const message = `the leaf index cannot use ${path}: ${messageOf(cause)}`;
  return new TlogError(isFull ? "STORE_FULL" : "STORE_FAILED", message, { cause });
}

/** What a failure to read a run means: what the disk cannot read any more is as lost as what reads as other bytes. */
export function readError(path: string, cause: unknown): unknown {
  return hasErrorCode(cause, "EIO") ? damagedRun(path, messageOf(cause), cause) : fileError(path, cause);
}

/** What is told to who still asks an index that is closed. */
export function indexClosed(): TlogError {
  return new TlogError("STORE_CLOSED", "the leaf index is closed");
}

export function damagedRun(path: string, detail: string, cause?: unknown): TlogError {
  return new TlogError("STORE_DAMAGED", `the leaf index is damaged: ${path}: ${detail}`, { cause });
}
