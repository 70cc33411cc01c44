/**
 * The logs of a witness as files of its data directory: `logs.json` is the operator's, changed by commands and by hand while the
 * witness runs; `listed-logs.json` is the running witness's own, what it took from public lists.  spec/witness-logs.md
 */
import { open, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Sleep, sleepOnTimer } from "../../client/waiting.ts";
import { type ErrorCode, TlogError } from "../errors.ts";
import type { WitnessEvents } from "../events.ts";
import { decodeUtf8 } from "../tlog/encoding.ts";
import { type OpenRoster, openRoster, type RosterEntry, type RosterOwner } from "../witness/roster.ts";
import { formatRosterText, MAX_ROSTER_BYTES, parseRosterText } from "../witness/roster-text.ts";
import { codeOf, hasErrorCode } from "./errno.ts";
import { makeDirectory } from "./make-directory.ts";
import { replaceDurably } from "./replace-durably.ts";

export const OPERATOR_FILE = "logs.json";
export const LISTED_FILE = "listed-logs.json";
const LOOK_EVERY_MS = 2000;
const LOCK_TRIES = 100;
const LOCK_PAUSE_MS = 50;
const PUBLIC = { mode: 0o644 };

export interface RosterFileOptions {
  /** The witness's data directory. */
  readonly directory: string;
  readonly owner: RosterOwner;
  /** The logs of flags, environment and configuration. */
  readonly settings: readonly RosterEntry[];
  readonly events: Pick<WitnessEvents, "warning">;
  /** Default: setTimeout. Between two looks at the operator's file. */
  readonly sleep?: Sleep;
}

export interface RosterFile extends AsyncDisposable {
  readonly roster: OpenRoster;
  /** Looks at once whether the operator's file has changed. Never throws: what it finds wrong is a warning. */
  look(): Promise<void>;
  /** Keeps logs found on lists, durably, then cosigns for them. @throws {TlogError} ROSTER_INVALID | FILE_UNWRITABLE */
  addListed(entries: readonly RosterEntry[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Reads both files and follows the operator's: every 2 s it looks whether the file is another. One that cannot be read, that is
 * malformed or gone leaves the last good logs in place, with one warning.
 * @throws {TlogError} ROSTER_INVALID | FILE_UNREADABLE
 */
export async function openRosterFile(options: RosterFileOptions): Promise<RosterFile> {
  const { directory, owner, settings, events, sleep = sleepOnTimer } = options;
  const closing = new AbortController();
  let seen = await stampOf(join(directory, OPERATOR_FILE)); // owned by look()
  const roster = openRoster({ owner, sources: { settings, ...(await readRosterFiles(directory)) } });

  async function look(): Promise<void> {
    try {
      const stamp = await stampOf(join(directory, OPERATOR_FILE));
      if (stamp === seen) return;
      seen = stamp;
      if (stamp === undefined) throw invalid(`${OPERATOR_FILE} is gone`);
      roster.replace({ operator: await readEntries(join(directory, OPERATOR_FILE)) });
    } catch (error) {
      const reason = error instanceof TlogError ? error.message : codeOf(error);
      const message = `${reason}; the logs stay as they were`;
      events.warning?.({ code: error instanceof TlogError ? error.code : "FILE_UNREADABLE", message });
    }
  }

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(LOOK_EVERY_MS, closing.signal);
      if (!closing.signal.aborted) await look();
    }
  }

  const following = follow();
  let writing: Promise<unknown> = Promise.resolve(); // owned by addListed()
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.allSettled([following, writing]);
  };
  return {
    roster,
    look,
    addListed(entries) {
      const written = writing.then(async () => {
        const listed = [...roster.sources.listed, ...entries];
        openRoster({ owner, sources: { ...roster.sources, listed } }); // refused before it is written
        await writeEntries(join(directory, LISTED_FILE), listed);
        roster.replace({ listed });
      });
      writing = written.catch(() => undefined);
      return written;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Both files; one that is not there holds no log. @throws {TlogError} ROSTER_INVALID | FILE_UNREADABLE */
export async function readRosterFiles(directory: string): Promise<{
  readonly operator: readonly RosterEntry[];
  readonly listed: readonly RosterEntry[];
}> {
  return {
    operator: await readEntries(join(directory, OPERATOR_FILE)),
    listed: await readEntries(join(directory, LISTED_FILE)),
  };
}

/**
 * Changes the operator's file, alone among the commands that do. Makes the directory when it is absent.
 * @param change - gets what is there, gives what shall be.
 * @throws {TlogError} ROSTER_INVALID | FILE_UNREADABLE | FILE_UNWRITABLE | SERVER_BUSY (another command holds the file), and what
 *   `change` throws
 */
export async function changeOperatorFile(
  directory: string,
  change: (entries: readonly RosterEntry[]) => readonly RosterEntry[],
): Promise<void> {
  const path = join(directory, OPERATOR_FILE);
  await writable(path, () => makeDirectory(resolve(directory), { mode: 0o700 }));
  const unlock = await lockFile(path);
  try {
    await writeEntries(path, change(await readEntries(path)));
  } finally {
    await unlock();
  }
}

/** A file beside it that only one command can make; held for the milliseconds of one change. */
async function lockFile(path: string): Promise<() => Promise<void>> {
  const lock = `${path}.lock`;
  for (let attempt = 0; attempt < LOCK_TRIES; attempt++) {
    try {
      await (await open(lock, "wx", 0o600)).close();
      return () => rm(lock, { force: true });
    } catch (cause) {
      if (!hasErrorCode(cause, "EEXIST")) throw failed("FILE_UNWRITABLE", `${lock} cannot be made`, cause);
      await sleepOnTimer(LOCK_PAUSE_MS, new AbortController().signal);
    }
  }
  throw new TlogError(
    "SERVER_BUSY",
    `another command is changing ${path}; if none is, one was killed: remove ${lock}`,
  );
}

async function readEntries(path: string): Promise<readonly RosterEntry[]> {
  const bytes = await readBounded(path);
  if (bytes === undefined) return [];
  try {
    return parseRosterText(decodeUtf8(bytes));
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw invalid(`${path}: ${cause.message}`);
  }
}

async function readBounded(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > MAX_ROSTER_BYTES) throw invalid(`${path}: want at most ${MAX_ROSTER_BYTES} bytes`);
      return Uint8Array.from(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw failed("FILE_UNREADABLE", `${path} cannot be read`, cause);
  }
}

function writeEntries(path: string, entries: readonly RosterEntry[]): Promise<void> {
  return writable(path, () => replaceDurably(path, formatRosterText(entries), PUBLIC));
}

async function writable(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw failed("FILE_UNWRITABLE", `${path} cannot be written`, cause);
  }
}

/** What tells one version of a file from another: each replacement is another file. Undefined: it is not there. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw failed("FILE_UNREADABLE", `${path} cannot be read`, error);
  }
}

function failed(code: ErrorCode, what: string, cause: unknown): TlogError {
  return new TlogError(code, `${what} (${codeOf(cause)})`, { cause });
}

function invalid(reason: string): TlogError {
  return new TlogError("ROSTER_INVALID", reason);
}
