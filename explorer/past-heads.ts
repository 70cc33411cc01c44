/**
 * Heads that the log kept from earlier. Each is believed for its signatures, and held against the tree of the head that was verified: it
 * has to begin with theirs.
 */
import { evidenceFromHeads } from "../client/evidence.ts";
import { type LogClient, type LogHead, TlogError } from "../client/index.ts";
import { decodeUtf8, explainCheckpoint, hashesEqual, type VerifierKey } from "../client/inspect.ts";
import type { GrowthPoint } from "./browser-memory.ts";
import { fetchedFile } from "./fetched-file.ts";
import { type ChangedKeys, rootAt } from "./key-changes.ts";
import type { PageTrust } from "./trust.ts";

export interface PastHeads {
  /** In the order of the log. */
  readonly points: readonly GrowthPoint[];
  /** Some of their times are the log's word: no witness cosigned them. */
  readonly hasOwnTimes: boolean;
  /** Of a head that the log signed, and whose tree is not what this one begins with. */
  readonly evidence: string | undefined;
}

interface Past {
  /** Undefined: this server keeps none. */
  readonly url: string | undefined;
  readonly head: LogHead;
  readonly trust: PageTrust;
  /** Older heads are signed by the keys of their time. */
  readonly keyChanges: readonly ChangedKeys[];
  readonly client: LogClient;
}

const MAX_BYTES = 1024 * 1024;
/** Each takes a few tiles of the log. */
const MAX_HEADS = 32;

/** Never rejects. @returns none where nothing is served, or nothing that verifies. */
export async function readPastHeads({ url, head, trust, keyChanges, client }: Past): Promise<PastHeads> {
  const points: GrowthPoint[] = [];
  let hasOwnTimes = false;
  let evidence: string | undefined;
  try {
    if (url === undefined) return { points, hasOwnTimes, evidence };
    const shown: unknown = JSON.parse(decodeUtf8(await fetchedFile(url, MAX_BYTES)));
    const logKeys = [
      ...trust.policy.logs.map(({ key }) => key),
      ...keyChanges.flatMap(({ oldKeys }) => oldKeys),
    ];
    for (const one of spread(Array.isArray(shown) ? shown : [])) {
      const past = await verified(one, trust, logKeys);
      // A larger one was published after the head that is shown.
      if (past === undefined || past.treeSize > head.treeSize) continue;
      const { fromRoot: alternativeRoot, proof } =
        past.treeSize === 0 || past.treeSize === head.treeSize
          ? { fromRoot: await rootAt(client, head, past.treeSize), proof: [] }
          : await client.consistency({ fromSize: past.treeSize, toSize: head.treeSize });
      if (hashesEqual(alternativeRoot, past.rootHash)) {
        points.push({ seconds: past.seconds, treeSize: past.treeSize });
        hasOwnTimes ||= !past.isWitnessed;
      } else {
        const notes = [past.signedNote, head.signedNote] as const;
        evidence ??= await evidenceFromHeads({
          origin: trust.origin,
          notes,
          logKeys,
          alternativeRoot,
          proof,
        });
      }
    }
  } catch (error) {
    // The picture has fewer points then.
    if (!(error instanceof TlogError || error instanceof SyntaxError)) throw error;
  }
  return { points, hasOwnTimes, evidence };
}

/** As many as are drawn, from first to last. */
function spread(all: readonly unknown[]): readonly unknown[] {
  if (all.length <= MAX_HEADS) return all;
  return Array.from(
    { length: MAX_HEADS },
    (_, at) => all[Math.round((at * (all.length - 1)) / (MAX_HEADS - 1))],
  );
}

interface Verified extends GrowthPoint {
  readonly rootHash: Uint8Array;
  readonly signedNote: Uint8Array;
  readonly isWitnessed: boolean;
}

/** With the time of its newest cosignature, or else the log's. @returns undefined when a signature or the quorum does not hold. */
async function verified(
  one: unknown,
  { policy, origin }: PageTrust,
  logKeys: readonly VerifierKey[],
): Promise<Verified | undefined> {
  const { seconds, checkpoint }: Record<string, unknown> = { ...Object(one) };
  if (typeof checkpoint !== "string" || typeof seconds !== "number") return undefined;
  const signedNote = new TextEncoder().encode(checkpoint);
  const ofItsTime = { ...policy, logs: logKeys.map((key) => ({ key })) };
  const { verdict, signatures } = await explainCheckpoint({ signedNote, policy: ofItsTime, origin });
  if (verdict.error !== undefined) return undefined;
  const witnessed = Math.max(0, ...signatures.map(({ timestampSeconds }) => timestampSeconds ?? 0));
  const { treeSize, rootHash } = verdict.verified;
  const isWitnessed = witnessed > 0;
  return { seconds: isWitnessed ? witnessed : seconds, treeSize, rootHash, signedNote, isWitnessed };
}
