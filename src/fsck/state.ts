/** What a check that was ended has done, as a file that the next one goes on from. */
import { TlogError } from "../errors.ts";
import { decodeHex, encodeHex } from "../tlog/encoding.ts";
import type { Found } from "./finding.ts";

export interface CheckState {
  /** The store's id, or the origin of a log that is no store. */
  readonly subject: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly slices: ReadonlyMap<number, SliceState>;
  /** Names of runs of the leaf index, and what was found in them. */
  readonly runs: ReadonlyMap<string, Found>;
}

export interface SliceState {
  readonly hash: Uint8Array;
  readonly found: Found;
  readonly bytes: number;
}

const FORMAT = "bristlecone-fsck/v1";

export function formatState(state: CheckState): string {
  const { subject, treeSize, rootHash } = state;
  const slices = [...state.slices].map(([index, { hash, found, bytes }]) => ({
    index,
    hash: encodeHex(hash),
    bytes,
    ...(found.findings.length > 0 && { found }),
  }));
  const runs = [...state.runs].map(([name, found]) => ({
    name,
    ...(found.findings.length > 0 && { found }),
  }));
  return `${JSON.stringify({ format: FORMAT, subject, treeSize, rootHash: encodeHex(rootHash), slices, runs })}\n`;
}

/** @throws {TlogError} CONFIG_INVALID */
export function parseState(text: string, path: string): CheckState {
  try {
    const { format, subject, treeSize, rootHash, slices, runs } = Object(JSON.parse(text));
    if (format !== FORMAT)
      throw new TlogError("CONFIG_INVALID", `${path}: want the state of a check, got another file`);
    return {
      subject: String(subject),
      treeSize: sizeIn(treeSize),
      rootHash: decodeHex(String(rootHash)),
      slices: new Map([...slices].map((slice: unknown) => sliceIn(Object(slice)))),
      runs: new Map([...runs].map((run: unknown) => runIn(Object(run)))),
    };
  } catch (cause) {
    if (cause instanceof TlogError && cause.code === "CONFIG_INVALID") throw cause;
    throw new TlogError("CONFIG_INVALID", `${path}: it is damaged: remove it, and check from the beginning`, {
      cause,
    });
  }
}

function sliceIn({ index, hash, bytes, found }: Record<string, unknown>): readonly [number, SliceState] {
  return [sizeIn(index), { hash: decodeHex(String(hash)), bytes: sizeIn(bytes), found: foundIn(found) }];
}

function runIn({ name, found }: Record<string, unknown>): readonly [string, Found] {
  return [String(name), foundIn(found)];
}

/** Our own words: only what would break the report is looked at. */
function foundIn(value: unknown): Found {
  if (value === undefined) return { findings: [], more: 0 };
  if (isFound(value)) return value;
  throw new TlogError("ARGUMENT_INVALID", "want findings");
}

function isFound(value: unknown): value is Found {
  const { findings, more } = Object(value);
  return Array.isArray(findings) && Number.isSafeInteger(more) && findings.every(isFinding);
}

function isFinding(value: unknown): boolean {
  const { kind, where, detail, cause, remedy } = Object(value);
  return [kind, where, detail, cause, remedy].every((field) => typeof field === "string");
}

function sizeIn(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TlogError("ARGUMENT_INVALID", "want a size");
}
