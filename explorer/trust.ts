/**
 * Whom the page believes, from the best source there is: what the reader chose; what was deployed with the page; what the log said of itself
 * on the first visit, so that a later visit notices other keys; else what it says now.
 */
import { parsePolicy } from "../client/index.ts";
import { decodeUtf8, formatPolicy } from "../client/inspect.ts";
import type { BrowserMemory } from "./browser-memory.ts";
import type { LogInfo } from "./log-info.ts";
import type { Place } from "./place.ts";
import { policyIn, type TrustText, trustIn } from "./trust-text.ts";

export interface PageTrust extends TrustText {
  readonly source: "you" | "page" | "first-visit";
  readonly sinceSeconds?: number;
}

/**
 * @param info - what the log says of itself, if it does.
 * @returns undefined when nobody said whom to believe.
 * @throws {TlogError} POLICY_MALFORMED and the like: of what was deployed, or of what the log says.
 */
export async function trustOfPage(
  place: Place,
  memory: BrowserMemory,
  info: LogInfo | undefined,
): Promise<PageTrust | undefined> {
  const remembered = await memory.loadTrust(place.logUrl);
  if (remembered?.source === "you") return { ...remembered, ...policyIn(remembered.policy) };
  if (place.policyUrl !== undefined) {
    const response = await fetch(place.policyUrl, { cache: "no-cache" });
    if (response.ok) return { ...trustIn(await response.text()), source: "page" };
  }
  if (remembered !== undefined) return { ...remembered, ...policyIn(remembered.policy) };
  if (info === undefined) return undefined;
  const sinceSeconds = Math.floor(Date.now() / 1000);
  const first = { policy: info.policy, origin: info.origin, source: "first-visit", sinceSeconds } as const;
  await memory.saveTrust(place.logUrl, first);
  return { ...first, ...policyIn(info.policy) };
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
