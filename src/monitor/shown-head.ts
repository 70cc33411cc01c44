import type { FetcherOptions } from "../../client/fetcher.ts";
import { TlogError } from "../errors.ts";
import { openCheckpoint, type VerifiedCheckpoint } from "../tlog/checkpoint.ts";
import type { VerifierKey } from "../tlog/key.ts";
import { fetchNote } from "../witness/head-places.ts";
import type { MonitoredLog } from "./monitored-log.ts";

/** The head that a log shows, by its signature alone; undefined: it shows none. @throws {TlogError} ABORTED */
export async function shownBySignature(
  { url, trust }: MonitoredLog,
  asking: {
    readonly logKeys: readonly VerifierKey[];
    readonly network: FetcherOptions;
    readonly signal: AbortSignal;
  },
): Promise<VerifiedCheckpoint | undefined> {
  const { origin } = trust;
  const { logKeys, signal } = asking;
  try {
    const signedNote = await fetchNote({ origin, url, path: "checkpoint", mayBeMissing: true }, asking);
    return signedNote && (await openCheckpoint({ signedNote, logKeys, expectedOrigin: origin }));
  } catch (error) {
    if (!(error instanceof TlogError) || signal.aborted) throw error;
    return undefined;
  }
}
