import type { Roster, WitnessedLog } from "./witness.ts";

/** The keys of a poll loop over the logs that are not disabled: made anew only when the roster changes, for it may have 100,000 logs. */
export function rosterKeys(
  roster: Roster,
  keysOf: (log: WitnessedLog) => readonly string[],
): () => readonly string[] {
  let logs: readonly WitnessedLog[] | undefined; // owned by the function returned, as is `keys`
  let keys: readonly string[] = [];
  return () => {
    const current = roster.logs();
    if (current !== logs) keys = current.flatMap((log) => (log.isDisabled ? [] : keysOf(log)));
    logs = current;
    return keys;
  };
}
