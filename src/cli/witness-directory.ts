import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { isThere } from "../node/make-directory.ts";
import { changeOperatorFile, readRosterFiles } from "../node/roster-file.ts";
import type { WitnessReader } from "../store/witness-store.ts";
import { parseLogArguments } from "../witness/log-argument.ts";
import { type OpenRoster, openRoster, type RosterEntry } from "../witness/roster.ts";
import { dataPaths, WITNESS_DATA } from "./serve-key.ts";

/** What `--data` is to these commands. */
export const DATA_WORDS = `the data directory of the witness, which may be running (default: ${WITNESS_DATA})`;

/** What the commands about a witness's logs work on, whether or not the witness runs. */
export interface WitnessDirectory {
  readonly path: string;
  /** Undefined while the witness never ran. */
  readonly reader: WitnessReader | undefined;
  /** As the files and the settings of this command have it; logs that only a running witness's flags name are not in it. */
  readonly roster: OpenRoster;
}

/**
 * Opens the directory for the time of `work`.
 * @throws {TlogError} ROSTER_INVALID | FILE_UNREADABLE | STORE_DIRECTORY_FOREIGN when a log lives there, and what `work` throws
 */
export async function withWitnessDirectory<T>(
  config: Config,
  work: (directory: WitnessDirectory) => Promise<T>,
): Promise<T> {
  const path = dataPaths(config, { fallback: WITNESS_DATA }).data;
  const reader = await openReader(path);
  try {
    const sources = { settings: settingsLogs(config), ...(await readRosterFiles(path)) };
    return await work({ path, reader, roster: openRoster({ owner: { name: reader?.name }, sources }) });
  } finally {
    await reader?.close();
  }
}

/**
 * Changes one log of the operator's file; what another source has becomes the operator's by being changed.
 * @param change - gets the log as it is known from anywhere, gives what it shall be.
 */
export async function changeLog(
  { path, reader, roster }: WitnessDirectory,
  origin: string,
  change: (known: RosterEntry | undefined) => RosterEntry,
): Promise<RosterEntry> {
  const owner = { name: reader?.name };
  let changed: RosterEntry | undefined;
  await changeOperatorFile(path, (operator) => {
    const sources = { ...roster.sources, operator };
    const next = change(openRoster({ owner, sources }).find(origin));
    changed = next;
    const entries = operator.some((entry) => entry.origin === origin)
      ? operator.map((entry) => (entry.origin === origin ? next : entry))
      : [...operator, next];
    openRoster({ owner, sources: { ...sources, operator: entries } }); // refused before it is written
    return entries;
  });
  return changed ?? change(undefined);
}

function settingsLogs(config: Config): readonly RosterEntry[] {
  return parseLogArguments(config.value("witnessedLogs") ?? []);
}

async function openReader(path: string): Promise<WitnessReader | undefined> {
  if (!(await isThere(() => stat(join(path, "data.mdb"))))) return undefined;
  const { openLmdbWitnessReader } = await import("../store/witness-lmdb.ts");
  return await openLmdbWitnessReader({ directory: path });
}
