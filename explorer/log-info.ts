/** What a Bristlecone log says of itself in /log.json. Its own word: shown as that, and trusted only where the reader has nothing better. */
import type { Fetcher } from "../client/inspect.ts";

export interface LogInfo {
  readonly origin: string;
  readonly policy: string;
  readonly version: string | undefined;
  readonly duplicates: "first" | "allow" | undefined;
  readonly isQuorumMissing: boolean;
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

function infoOf(value: unknown): LogInfo | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { origin, policy, version, duplicates, quorumMissing, witnesses }: Record<string, unknown> = {
    ...value,
  };
  if (typeof origin !== "string" || typeof policy !== "string") return undefined;
  return {
    origin,
    policy,
    version: typeof version === "string" ? version : undefined,
    duplicates: duplicates === "first" || duplicates === "allow" ? duplicates : undefined,
    isQuorumMissing: quorumMissing === true,
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
