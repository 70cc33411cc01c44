/** What a Bristlecone log says of itself in /log.json. Its own word: shown as that, and trusted only where the reader has nothing better. */
import { decodeUtf8, type Fetcher, MAX_NOTE_BYTES } from "../client/inspect.ts";

export interface LogInfo {
  readonly origin: string;
  readonly policy: string;
  readonly version: string | undefined;
  readonly duplicates: "first" | "allow" | undefined;
  readonly isQuorumMissing: boolean;
  /** It changed its keys, and shows how. */
  readonly hasKeyChanges: boolean;
  /** By vkey: what the log says of its witnesses. */
  readonly failing: ReadonlyMap<string, string>;
}

const MAX_BYTES = 1024 * 1024;

/** @returns undefined when there is none, or none of this form: other logs have no such route. */
export async function fetchLogInfo(fetcher: Fetcher): Promise<LogInfo | undefined> {
  try {
    const { body } = await fetcher.request({ path: "log.json", maxBytes: MAX_BYTES });
    return infoOf(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return undefined;
  }
}

/** What the log calls itself: enough to choose among the logs of a policy, whose key then decides. */
export async function shownOrigin(fetcher: Fetcher, info: LogInfo | undefined): Promise<string | undefined> {
  if (info !== undefined) return info.origin;
  try {
    const { body } = await fetcher.request({ path: "checkpoint", maxBytes: MAX_NOTE_BYTES });
    return decodeUtf8(body).split("\n", 1)[0];
  } catch {
    return undefined;
  }
}

function infoOf(value: unknown): LogInfo | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const {
    origin,
    policy,
    version,
    duplicates,
    quorumMissing,
    witnesses,
    keyChanges,
  }: Record<string, unknown> = {
    ...value,
  };
  if (typeof origin !== "string" || typeof policy !== "string") return undefined;
  return {
    origin,
    policy,
    version: typeof version === "string" ? version : undefined,
    duplicates: duplicates === "first" || duplicates === "allow" ? duplicates : undefined,
    isQuorumMissing: quorumMissing === true,
    hasKeyChanges: Array.isArray(keyChanges) && keyChanges.length > 0,
    failing: new Map(Array.isArray(witnesses) ? witnesses.flatMap(failingWitness) : []),
  };
}

function failingWitness(witness: unknown): readonly (readonly [string, string])[] {
  if (typeof witness !== "object" || witness === null) return [];
  const { vkey, failing, lastFailure }: Record<string, unknown> = { ...witness };
  if (typeof vkey !== "string" || failing !== true) return [];
  const code =
    typeof lastFailure === "object" && lastFailure !== null && "code" in lastFailure
      ? `${lastFailure.code}`
      : "";
  return [[vkey, code.slice(0, 64)]];
}
