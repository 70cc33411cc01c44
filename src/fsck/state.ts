/** What a check that was ended has found sound, as a file that the next one goes on from. */
import { TlogError } from "../errors.ts";
import { decodeHex, encodeHex } from "../tlog/encoding.ts";
import type { Found } from "./finding.ts";

export interface CheckState {
  /** The store's id, or the origin of a log that is no store. */
  readonly subject: string;
  /** Which copy of it was read: `copyAt`, or its URL. All copies of a log have one subject. */
  readonly copy: string;
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

const FORMAT = "bristlecone-fsck/v2";

/** What is not sound is left out: it is read again, for somebody may have mended it. */
export function formatState(state: CheckState): string {
  const { subject, copy, treeSize, rootHash } = state;
  const slices = [...state.slices]
    .filter(([, { found }]) => isSound(found))
    .map(([index, { hash, bytes }]) => ({ index, hash: encodeHex(hash), bytes }));
  const runs = [...state.runs].filter(([, found]) => isSound(found)).map(([name]) => name);
  const fields = { format: FORMAT, subject, copy, treeSize, rootHash: encodeHex(rootHash), slices, runs };
  return `${JSON.stringify(fields)}\n`;
}

/** @throws {TlogError} CONFIG_INVALID */
export function parseState(text: string, path: string): CheckState {
  try {
    const { format, subject, copy, treeSize, rootHash, slices, runs } = Object(JSON.parse(text));
    if (format !== FORMAT) throw new TlogError("ARGUMENT_INVALID", `want ${FORMAT}`);
    return {
      subject: String(subject),
      copy: String(copy),
      treeSize: sizeIn(treeSize),
      rootHash: decodeHex(String(rootHash)),
      slices: new Map([...slices].map((slice: unknown) => sliceIn(Object(slice)))),
      runs: new Map([...runs].map((name: unknown) => [String(name), SOUND])),
    };
  } catch (cause) {
    const message = `${path}: it is not the state of a check, or damaged: name another file`;
    throw new TlogError("CONFIG_INVALID", message, { cause });
  }
}

const SOUND: Found = { findings: [], more: 0 };

function isSound({ findings, more }: Found): boolean {
  return findings.length + more === 0;
}

function sliceIn({ index, hash, bytes }: Record<string, unknown>): readonly [number, SliceState] {
  return [sizeIn(index), { hash: decodeHex(String(hash)), bytes: sizeIn(bytes), found: SOUND }];
}

function sizeIn(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TlogError("ARGUMENT_INVALID", "want a size");
}
