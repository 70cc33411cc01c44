/**
 * What witnesses say that show no checkpoint: add-checkpoint, asked with the checkpoint that was published last, is answered with the
 * size they know (409), or that they know another tree of that size (422).  c2sp.org/tlog-witness. Nobody signs such an answer, so a
 * single one is only told; a quorum's is believed, for a quorum may have cosigned what readers saw. Where one witness is a quorum, one is enough.
 */
import { openWitnessClient } from "../../client/witness-client.ts";
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { isQuorumMet, showOctets } from "../tlog/policy.ts";
import type { HeadSource } from "./head-sources.ts";
import type { WitnessOptions } from "./witness-options.ts";

interface Claim {
  /** What the policy calls the witness, once for each of its keys. */
  readonly names: readonly string[];
  /** Undefined: another tree. */
  readonly treeSize: number | undefined;
}

/** What the log showed witnesses last, as far as storage knows, and what storage holds. */
export interface ShownToWitnesses {
  readonly treeSize: number;
  /** With the log's own signatures alone. */
  readonly checkpoint: Uint8Array;
  readonly integratedSize: number;
}

/**
 * @param sources - witnesses that have no checkpoint to show.
 * @throws {TlogError} LOG_ROLLED_BACK (a quorum claims more than storage holds) | LOG_CONTRADICTED (… another tree); only in
 *   strict mode: a log that can publish without them is not stopped by their word.
 */
export async function hearClaims(
  sources: readonly HeadSource[],
  shown: ShownToWitnesses | undefined,
  {
    witnesses,
    events,
    isKeyLeaked = false,
  }: {
    readonly witnesses?: WitnessOptions | undefined;
    readonly events: Required<LogEvents>;
    readonly isKeyLeaked?: boolean | undefined;
  },
): Promise<void> {
  // The empty tree is shown to no witness.
  if (witnesses === undefined || shown === undefined || shown.treeSize === 0) return;
  const claims = (await Promise.all(sources.map((source) => claimOf(source, shown)))).filter(
    (claim) => claim !== undefined,
  );
  const more = claims.filter(({ treeSize }) => treeSize === undefined || treeSize > shown.integratedSize);
  if (more.length === 0) return;
  const names = more.flatMap((claim) => claim.names);
  const { policy, mode } = witnesses;
  const words = more.map(wordsOf).join(", ");
  if (mode === "strict" && !isKeyLeaked && isQuorumMet(policy, names) && !isQuorumMet(policy, [])) {
    const isLarger = more.some(({ treeSize }) => treeSize !== undefined);
    throw new TlogError(
      isLarger ? "LOG_ROLLED_BACK" : "LOG_CONTRADICTED",
      `a quorum of its witnesses has cosigned another head of this log than this data directory has, of size ${shown.integratedSize}: ${words}`,
    );
  }
  events.warning({
    code: "WITNESS_CLAIMS_MORE",
    message: `this data directory has size ${shown.integratedSize}; without a signature to show for it, and not as many as a quorum, witnesses say otherwise: ${words}`,
  });
}

async function claimOf(
  { url, names, fetch, timeoutMs }: HeadSource,
  { treeSize, checkpoint }: ShownToWitnesses,
): Promise<Claim | undefined> {
  const client = openWitnessClient({ url, ...(fetch !== undefined && { fetch }), timeoutMs });
  try {
    const answer = await client.addCheckpoint({ oldSize: treeSize, proof: [], checkpoint });
    return answer.status === "conflict" ? { names, treeSize: answer.treeSize } : undefined;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return error.code === "ROOT_MISMATCH" ? { names, treeSize: undefined } : undefined;
  }
}

function wordsOf({ names, treeSize }: Claim): string {
  const who = names.map(showOctets).join(" and ");
  return treeSize === undefined ? `${who} knows another tree` : `${who} knows size ${treeSize}`;
}
