/** Heads that the log kept since its server started: each is believed for its signatures, as any head is. */
import { explainCheckpoint } from "../client/inspect.ts";
import type { GrowthPoint } from "./browser-memory.ts";
import type { PageTrust } from "./trust.ts";

const MAX_HEADS = 200;

/** @returns those whose signatures and quorum hold, with the time of their newest cosignature, or else the log's; none where nothing is served. */
export async function fetchPastHeads(
  url: string | undefined,
  trust: PageTrust,
): Promise<readonly GrowthPoint[]> {
  if (url === undefined) return [];
  try {
    const response = await fetch(url);
    const heads: unknown = response.ok ? await response.json() : [];
    const notes = Array.isArray(heads) ? heads.slice(-MAX_HEADS) : [];
    const points = await Promise.all(notes.map((head: unknown) => pointOf(head, trust)));
    return points.flatMap((point) => (point === undefined ? [] : [point]));
  } catch {
    return [];
  }
}

async function pointOf(head: unknown, { policy, origin }: PageTrust): Promise<GrowthPoint | undefined> {
  const { seconds, checkpoint }: Record<string, unknown> = { ...Object(head) };
  if (typeof checkpoint !== "string" || typeof seconds !== "number") return undefined;
  const signedNote = new TextEncoder().encode(checkpoint);
  const { verdict, signatures } = await explainCheckpoint({ signedNote, policy, origin });
  if (verdict.error !== undefined) return undefined;
  const witnessed = Math.max(0, ...signatures.map(({ timestampSeconds }) => timestampSeconds ?? 0));
  return { seconds: witnessed > 0 ? witnessed : seconds, treeSize: verdict.verified.treeSize };
}
