/** A log whose server is stopped, for commands that say something for ever: `freeze` and `rotate`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import type { Log } from "../log/log.ts";
import type { Call } from "./command.ts";
import { type Opening, openConfiguredLog } from "./configured-log.ts";
import type { DataPaths } from "./serve-key.ts";
import { withWaysOut } from "./serving.ts";

/** How long witnesses may take to cosign what is not published yet, in milliseconds. */
const PATIENCE_MS = 60_000;

/** A new log would be made, for nothing. @throws {TlogError} CONFIG_INVALID */
export function assertLogThere({ data }: DataPaths): void {
  if (existsSync(join(data, "data.mdb"))) return;
  throw new TlogError(
    "CONFIG_INVALID",
    `there is no log in ${data}; want the data directory of one (--data)`,
  );
}

/** Opens it, and waits until every entry is published, as with witnesses only they can let it be; before that nothing is said. @throws {TlogError} QUORUM_NOT_MET | CONFIG_INVALID, and as `openLog` */
export async function publishAll(call: Call, opening: Opening): Promise<void> {
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
