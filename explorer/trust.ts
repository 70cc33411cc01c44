/**
 * Whom the page believes, from the best source there is: what the reader chose; what was deployed with the page; what the log said of itself
 * on the first visit, so that a later visit notices other keys; else what it says now.
 */
import { parsePolicy } from "../client/index.ts";
import { decodeUtf8, type Fetcher, formatPolicy } from "../client/inspect.ts";
import type { BrowserMemory } from "./browser-memory.ts";
import { fetchedFile } from "./fetched-file.ts";
import { type LogInfo, shownOrigin } from "./log-info.ts";
import type { Place } from "./place.ts";
import { policyIn, type TrustText, trustIn } from "./trust-text.ts";

export interface PageTrust extends TrustText {
  readonly source: "you" | "page" | "first-visit";
  readonly sinceSeconds?: number;
  /** What the log says, for the first time. */
  readonly isNew?: boolean;
}

const MAX_POLICY_BYTES = 256 * 1024;

/**
 * A page that was made with a policy never falls back to the log's own word.
 * @param log.info - what the log says of itself, if it does.
 * @returns undefined when nobody said whom to believe.
 * @throws {TlogError} POLICY_MALFORMED and the like: of what was deployed, or of what the log says; REMOTE_UNREACHABLE and the like
 */
export async function trustOfPage(
  place: Place,
  memory: BrowserMemory,
  { fetcher, info }: { readonly fetcher: Fetcher; readonly info: LogInfo | undefined },
): Promise<PageTrust | undefined> {
  const remembered = await memory.loadTrust(place.logUrl);
  if (remembered?.source === "you") return { ...remembered, ...policyIn(remembered.policy) };
  if (place.policyUrl !== undefined) {
    const deployed = await fetchedFile(place.policyUrl, MAX_POLICY_BYTES);
    const origin = place.origin ?? (await shownOrigin(fetcher, info));
    return { ...trustIn(decodeUtf8(deployed), origin), source: "page" };
  }
  if (remembered !== undefined) return { ...remembered, ...policyIn(remembered.policy) };
  if (info === undefined) return undefined;
  const sinceSeconds = Math.floor(Date.now() / 1000);
  const { origin, policy } = info;
  return { ...policyIn(policy), origin, source: "first-visit", sinceSeconds, isNew: true };
}

/** Keeps what the log said on the first visit, once it is known to be of use: a later visit notices other keys. */
export async function rememberTrust(place: Place, memory: BrowserMemory, trust: PageTrust): Promise<void> {
  const { origin, policyText: policy, sinceSeconds = 0 } = trust;
  await memory.saveTrust(place.logUrl, { policy, origin, source: "first-visit", sinceSeconds });
}

/** Whether the log now says other keys or another quorum than what is trusted. Spelling and order of lines do not count. */
export function differsFrom(trust: PageTrust, info: LogInfo | undefined): boolean {
  if (info === undefined) return false;
  try {
    return decodeUtf8(formatPolicy(parsePolicy(info.policy))) !== decodeUtf8(formatPolicy(trust.policy));
  } catch {
    return true;
  }
}
