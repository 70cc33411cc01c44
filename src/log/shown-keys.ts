/** What the log's own public places say of its keys: a directory from before a change must not sign on with what was replaced. */
import { openFetcher } from "../../client/fetcher.ts";
import { TlogError } from "../errors.ts";
import { keyLabel } from "../tlog/key.ts";
import {
  compareKeyHistories,
  currentKeys,
  KEY_HISTORY_PATH,
  type KeyHistory,
  keySets,
  MAX_KEY_HISTORY_BYTES,
  openKeyHistory,
} from "../tlog/key-history.ts";
import type { HeadSource, OwnLog } from "./head-sources.ts";

/**
 * Asks each of them once. Who is silent, or shows what none of this log's keys signed, says nothing.
 * @throws {TlogError} KEY_RETIRED (a change that is not here) | LOG_CONTRADICTED (another change than the one that is here)
 */
export async function assertNewestKeys(sources: readonly HeadSource[], own: OwnLog): Promise<void> {
  const served = sources.filter(({ isServed }) => isServed);
  const shown = await Promise.all(
    served.map(async (source) => ({ source, history: await shownBy(source, own) })),
  );
  for (const { source, history } of shown) if (history !== undefined) assertKnown(history, source, own);
}

function assertKnown(shown: KeyHistory, { url }: HeadSource, { keys: { history } }: OwnLog): void {
  const relation = history === undefined ? "longer" : compareKeyHistories(shown, history);
  if (relation === "longer") {
    const [key] = currentKeys(shown);
    throw new TlogError(
      "KEY_RETIRED",
      `${url} shows ${shown.changes.length} changes of this log's keys, signed with them, and this data directory has ${history?.changes.length ?? 0}: is it a restored copy? The log's key is ${key === undefined ? "another one" : keyLabel(key)}`,
    );
  }
  if (relation !== "forked") return;
  throw new TlogError(
    "LOG_CONTRADICTED",
    `${url} shows another change of this log's keys than this data directory has, signed with its keys: somebody else has one of them, or another copy of this directory`,
  );
}

async function shownBy(
  { url, fetch, timeoutMs }: HeadSource,
  { origin, keys }: OwnLog,
): Promise<KeyHistory | undefined> {
  const fetcher = openFetcher(url, {
    ...(fetch !== undefined && { fetch }),
    timeoutMs,
    retry: { maxAttempts: 1 },
  });
  try {
    const { body: history } = await fetcher.request({
      path: KEY_HISTORY_PATH,
      maxBytes: MAX_KEY_HISTORY_BYTES,
    });
    const trusted = keys.history === undefined ? keys.at(0) : keySets(keys.history).flat();
    return await openKeyHistory({ history, origin, trusted });
  } catch (error) {
    // Its checkpoint was asked for, too: that it does not answer is told already.
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}
