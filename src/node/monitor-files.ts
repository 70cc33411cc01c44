/**
 * What a monitor keeps: for each log a folder named by the hex SHA-256 of its origin, with `state.json`, `evidence/<id>.tlog-evidence`,
 * `checkpoints/<SHA-256>.checkpoint` and `wrong-bytes/<id>.json`. Files are 0600, folders 0700.  spec/monitor.md
 */
import { lstat, open, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import type { EvidenceShelf } from "../monitor/evidence-shelf.ts";
import { formatLogState, type LogState, MAX_STATE_BYTES, parseLogState } from "../monitor/log-state.ts";
import type { StateStore } from "../monitor/monitor.ts";
import { formatWrongBytes, wrongBytesId } from "../monitor/wrong-bytes.ts";
import { decodeUtf8, encodeHex } from "../tlog/encoding.ts";
import { evidenceId, parseForkEvidence } from "../tlog/fork-evidence.ts";
import { originHash } from "../tlog/origin-hash.ts";
import { codeOf, hasErrorCode } from "./errno.ts";
import { isThere, makeDirectory } from "./make-directory.ts";
import { replaceDurably } from "./replace-durably.ts";

const STATE_FILE = "state.json";
/** Of each kind, for each log: at most 8 MiB of evidence and 2 MiB of checkpoints. */
const MAX_KEPT = 16;
const WRONG_BYTES = "wrong-bytes";
/** Of what one log served wrong. */
const MAX_WRONG_BYTES = 64 * 1024 * 1024;
const PRIVATE = { mode: 0o600 };

/** @param directory - made when it is first written to. */
export function monitorStates(directory: string): StateStore {
  const folderOf = (origin: string) => join(resolve(directory), originHash(origin));
  return {
    async load(origin) {
      const path = join(folderOf(origin), STATE_FILE);
      const state = await readState(path);
      if (state === undefined || state.origin === origin) return state;
      throw new TlogError("STORE_DAMAGED", `${path} is of another log, ${state.origin}`);
    },
    save: (state) => write(folderOf(state.origin), STATE_FILE, formatLogState(state)),
  };
}

/** Of all logs whose state lies there. @throws {TlogError} STORE_DAMAGED | FILE_UNREADABLE */
export async function readMonitorStates(directory: string): Promise<readonly LogState[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw new TlogError("FILE_UNREADABLE", `${directory} cannot be read (${codeOf(cause)})`, { cause });
  });
  const states: LogState[] = [];
  for (const name of names.filter((one) => /^[0-9a-f]{64}$/.test(one)).sort()) {
    const state = await readState(join(directory, name, STATE_FILE));
    if (state !== undefined) states.push(state);
  }
  return states;
}

/** @param directory - as {@link monitorStates}. */
export function monitorShelf(directory: string): EvidenceShelf {
  const keep = async (origin: string, folder: string, file: string, bytes: Uint8Array | string) => {
    const place = join(resolve(directory), originHash(origin), folder);
    const path = join(place, file);
    if (await isThere(() => lstat(path))) return path;
    const kept = await readdir(place).catch(() => []);
    if (kept.length >= MAX_KEPT) return undefined;
    await write(place, file, bytes);
    return path;
  };
  return {
    keepEvidence: (origin, evidence) =>
      keep(origin, "evidence", `${evidenceId(parseForkEvidence(evidence))}.tlog-evidence`, evidence),
    keepCheckpoint: (origin, signedNote) =>
      keep(origin, "checkpoints", checkpointFile(signedNote), signedNote),
    async dropCheckpoint(origin, signedNote) {
      const path = join(resolve(directory), originHash(origin), "checkpoints", checkpointFile(signedNote));
      await rm(path, { force: true }).catch((cause: unknown) => {
        throw new TlogError("FILE_UNWRITABLE", `${path} cannot be removed (${codeOf(cause)})`, { cause });
      });
      return undefined;
    },
    keepWrongBytes: async (kept) => {
      const text = formatWrongBytes(kept);
      const place = join(resolve(directory), originHash(kept.origin), WRONG_BYTES);
      if (text.length + (await bytesIn(place)) > MAX_WRONG_BYTES) return undefined;
      return keep(kept.origin, WRONG_BYTES, `${wrongBytesId(kept)}.json`, text);
    },
  };
}

function checkpointFile(signedNote: Uint8Array): string {
  return `${encodeHex(sha256(signedNote))}.checkpoint`;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await lstat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function readState(path: string): Promise<LogState | undefined> {
  const bytes = await readBounded(path);
  if (bytes === undefined) return undefined;
  try {
    return parseLogState(decodeUtf8(bytes));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new TlogError(
      "STORE_DAMAGED",
      `${path}: ${cause.message}; bring it back, or remove it and read the log again from where you want`,
      { cause },
    );
  }
}

async function readBounded(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > MAX_STATE_BYTES)
        throw new TlogError("STORE_DAMAGED", `${path}: want at most ${MAX_STATE_BYTES} bytes`);
      return Uint8Array.from(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw new TlogError("FILE_UNREADABLE", `${path} cannot be read (${codeOf(cause)})`, { cause });
  }
}

async function write(folder: string, file: string, bytes: Uint8Array | string): Promise<void> {
  const path = join(folder, file);
  try {
    await makeDirectory(folder, { mode: 0o700 });
    await replaceDurably(path, bytes, PRIVATE);
  } catch (cause) {
    throw new TlogError("FILE_UNWRITABLE", `${path} cannot be written (${codeOf(cause)})`, { cause });
  }
}
