import type { Trust } from "../../client/policy.ts";
import { orUndefined } from "../errors.ts";
import { formatVerifierKey, keyLabel, type VerifierKey } from "../tlog/key.ts";
import { currentKeys, keySets, parseKeyHistory } from "../tlog/key-history.ts";
import { type Alert, alertId } from "./alert.ts";
import type { LogState } from "./log-state.ts";

/** The keys that were chosen, and those that followed them: a head that is shown elsewhere may be signed by any. */
export function knownKeys({ keys }: LogState, { logKeys }: Trust): readonly VerifierKey[] {
  const history = keys && orUndefined(() => parseKeyHistory(keys));
  const all = [...logKeys, ...(history === undefined ? [] : keySets(history).flat())];
  return [...new Map(all.map((key) => [keyLabel(key), key])).values()];
}

/** That the client followed the log to other keys. */
export function keysChanged(
  { origin, keys }: LogState,
  { url, atMs }: { readonly url: string; readonly atMs: number },
): Alert | undefined {
  const history = keys && orUndefined(() => parseKeyHistory(keys));
  if (history === undefined) return undefined;
  const vkeys = currentKeys(history).map(formatVerifierKey);
  return {
    id: alertId([origin, "keys-changed", ...vkeys]),
    kind: "keys-changed",
    isResolved: false,
    origin,
    url,
    atMs,
    message: `the log changed its keys, signed by the old and the new: choose ${vkeys.join(" and ")} from now on, once its operator confirms it`,
  };
}
