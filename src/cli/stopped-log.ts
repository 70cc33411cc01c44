/** A log whose server is stopped, for commands that say something for ever: `freeze` and `rotate`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Log } from "../log/log.ts";
import type { NoteSigner, OpenLogOptions } from "../server.ts";
import type { SettingName } from "../settings.ts";
import { logLines } from "../telemetry/log-lines.ts";
import { assertSettings } from "./checked-settings.ts";
import type { Call } from "./command.ts";
import { localWitnesses, type Opening, openConfiguredLog, PLACE_SETTINGS } from "./configured-log.ts";
import { keyOptions } from "./key-options.ts";
import { type DataPaths, dataPaths, openLogKeys } from "./serve-key.ts";
import { assertWitnessesAsked, WITNESS_SETTINGS } from "./serve-witnesses.ts";
import { lineOptions, withWaysOut } from "./serving.ts";

/** How long witnesses may take to cosign what is not published yet, in milliseconds. */
const PATIENCE_MS = 60_000;

/** What the commands of this file take. */
export const STOPPED_LOG_SETTINGS: readonly SettingName[] = Object.freeze([
  ...PLACE_SETTINGS,
  ...WITNESS_SETTINGS,
  "localWitnesses",
  "servedAt",
  "logLevel",
  "logFormat",
]);

/** A log that is there, with its keys, by the name that was given. */
export interface StoppedLog {
  readonly config: Config;
  readonly paths: DataPaths;
  readonly signers: readonly NoteSigner[];
  readonly origin: string;
}

/**
 * @param deed - what would be done for ever to a log that is not named, and how to have it done: it ends before the log's name.
 * @throws {TlogError} CONFIG_INVALID | USAGE (another name, or none), and as `openLogKeys`
 */
export async function stoppedLog(call: Call, deed: (data: string) => string): Promise<StoppedLog> {
  const config = await call.config();
  assertSettings(config, STOPPED_LOG_SETTINGS);
  assertWitnessesAsked(config);
  const paths = dataPaths(config);
  assertLogThere(paths);
  const signers = await openLogKeys(paths, { ...keyOptions(call, config), origin: config.value("origin") });
  const origin = signers[0]?.verifierKey.name ?? "";
  const [given] = call.args;
  if (given === origin) return { config, paths, signers, origin };
  const got = given === undefined ? "" : `, got ${given}`;
  throw new TlogError("USAGE", `${deed(paths.data)} ${origin}${got}`);
}

/**
 * Opens it with all its entries published, does it, and closes it.
 * @param wanted.unfinished - how far it is and what to do, where it was done and too few witnesses cosigned that; between the two stands who did not.
 * @throws {TlogError} INCOMPLETE (the same), and as {@link publishAll} and `openLog`
 */
export async function openForGood(
  call: Call,
  { config, paths, signers }: StoppedLog,
  wanted: {
    readonly options: Pick<OpenLogOptions, "freeze" | "keyChange">;
    /** Also asked for, of what is signed from now on. */
    readonly newSigners?: readonly NoteSigner[];
    readonly isKeyLeaked?: boolean;
    readonly unfinished: readonly [string, string];
  },
): Promise<{ readonly log: Log; readonly checkpoint: Uint8Array }> {
  const { options, newSigners = [], isKeyLeaked = false, unfinished } = wanted;
  const events = logLines(lineOptions(call, config));
  const local = await localWitnesses(call, { config, paths, signers: [...signers, ...newSigners] });
  try {
    const opening = { config, paths, signers, local, events, isKeyLeaked };
    await publishAll(call, opening);
    const failures = new Map<string, string>();
    // What there is to warn of was told by the opening before.
    const quiet: LogEvents = { witnessFailed: ({ name, message }) => void failures.set(name, message) };
    const log = await openConfiguredLog({ ...opening, events: quiet }, options).catch((error: unknown) => {
      if (!(error instanceof TlogError) || error.code !== "QUORUM_NOT_MET") throw error;
      const who = [...failures].map(([name, message]) => `\n  - ${name}: ${message}`).join("");
      throw new TlogError("INCOMPLETE", `${unfinished[0]}${who}\n${unfinished[1]}`, { cause: error });
    });
    const { checkpoint } = log.published();
    await log.close();
    return { log, checkpoint };
  } finally {
    await local?.close();
  }
}

/** A new log would be made, for nothing. @throws {TlogError} CONFIG_INVALID */
function assertLogThere({ data }: DataPaths): void {
  if (existsSync(join(data, "data.mdb"))) return;
  throw new TlogError(
    "CONFIG_INVALID",
    `there is no log in ${data}; want the data directory of one (--data)`,
  );
}

/** Opens it, and waits until every entry is published, as with witnesses only they can let it be; before that nothing is said. @throws {TlogError} QUORUM_NOT_MET | CONFIG_INVALID, and as `openLog` */
async function publishAll(call: Call, opening: Opening): Promise<void> {
  const told: string[] = [];
  const warning: LogEvents["warning"] = (event) => {
    told.push(event.code);
    opening.events.warning?.(event);
  };
  const events = { ...opening.events, warning };
  const log = await openConfiguredLog({ ...opening, events }).catch((error: unknown) => {
    throw withWaysOut(error, {
      STORE_LOCKED: ["stop the server of this log first, and start it again afterwards"],
    });
  });
  try {
    assertStillWitnessed(told);
    const size = log.integratedSize();
    if (log.published().treeSize >= size) return;
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(PATIENCE_MS)]);
    await log.untilPublished(size - 1, { signal });
  } catch (error) {
    if (call.signal.aborted || !(error instanceof TlogError) || error.code !== "ABORTED") throw error;
    throw new TlogError("QUORUM_NOT_MET", `nothing is changed: ${missingWords(log)}`);
  } finally {
    await log.close();
  }
}

/** For ever without the cosignatures that everybody's policy wants. */
function assertStillWitnessed(told: readonly string[]): void {
  if (!told.includes("WITNESSES_DROPPED")) return;
  throw new TlogError(
    "CONFIG_INVALID",
    "nothing is changed: the log's checkpoint is cosigned, and its last one would not be; want --policy FILE or --local-witnesses N, as serve has it",
  );
}

function missingWords(log: Log): string {
  const failing = log.witnessing()?.witnesses.filter(({ isFailing }) => isFailing) ?? [];
  const who = failing.map(({ name, lastFailure }) => `${name} (${lastFailure?.message ?? "no answer"})`);
  return `no quorum cosigned the last entries within ${PATIENCE_MS / 1000} seconds${who.length === 0 ? "" : `: ${who.join(", ")}`}`;
}
