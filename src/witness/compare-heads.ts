/**
 * Whether two heads that a log signed belong to one history. Equal sizes decide by themselves. Of two sizes, the tree of the larger
 * head is read, from whoever serves tiles that hash to its root: what root it had at the smaller size is then certain, and
 * evidence if it is not the smaller head's. As long as nobody serves such tiles nothing is proven, either way.
 */
import { readConsistency } from "../../client/proofs.ts";
import type { TileSource } from "../../client/tile-source.ts";
import { TlogError } from "../errors.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { evidenceFromHeads } from "../tlog/fork-evidence-build.ts";
import type { MlDsaOptions, VerifierKey } from "../tlog/key.ts";
import type { Witness } from "./witness.ts";

/** A head with the log's verified signature. */
export interface ComparedHead {
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  readonly logNote: Uint8Array;
}

/** What a log did: signed two heads that contradict each other. */
export interface FoundFork {
  readonly verdict: "evidence";
  /** From the smaller size to the larger, and the root it starts from; undefined where the notes suffice. */
  readonly proof: readonly Uint8Array[] | undefined;
  readonly alternativeRoot: Uint8Array | undefined;
  /** The file. spec/fork-evidence.md */
  readonly evidence: string;
}

export type HeadComparison =
  /** One history, and what was shown is as large as ours or larger. `proof` leads to it from ours, of size `fromSize`. */
  | { readonly verdict: "consistent"; readonly fromSize: number; readonly proof: readonly Uint8Array[] }
  /** One history, of which an old state was shown. `sinceSeconds`: since somebody known cosigned it; undefined: nobody did. */
  | { readonly verdict: "behind"; readonly bySize: number; readonly sinceSeconds: number | undefined }
  | FoundFork
  /** Nobody served the tiles of the larger head. */
  | { readonly verdict: "unproven"; readonly reason: string };

/** A log, as far as a comparison needs it. */
export interface ComparedLog extends MlDsaOptions {
  readonly origin: string;
  readonly logKeys: readonly VerifierKey[];
  /** Asked in turn for tiles, until one serves those of the larger head. */
  readonly tiles: readonly TileSource[];
  readonly signal: AbortSignal;
}

/** When what was shown was cosigned, in POSIX seconds, as far as that is known, and what time it is. */
export interface ShownAt {
  readonly cosignedAtSeconds: number | undefined;
  readonly nowSeconds: number;
}

/** @throws {TlogError} ABORTED, and only that for a comparison that cannot be finished */
export async function compareHeads(
  heads: { readonly ours: ComparedHead; readonly shown: ComparedHead } & ShownAt,
  log: ComparedLog,
): Promise<HeadComparison> {
  const { ours, shown } = heads;
  const [smaller, larger] = shown.treeSize < ours.treeSize ? [shown, ours] : [ours, shown];
  let proof: readonly Uint8Array[] = [];
  if (smaller.treeSize === larger.treeSize) {
    if (!hashesEqual(smaller.rootHash, larger.rootHash)) return convict({ ours, shown }, log);
  } else if (smaller.treeSize > 0) {
    const tree = await readTree({ larger, fromSize: smaller.treeSize }, log);
    if ("reason" in tree) return { verdict: "unproven", reason: tree.reason };
    if (!hashesEqual(tree.fromRoot, smaller.rootHash)) return convict({ ours, shown, tree }, log);
    proof = tree.proof;
  }
  if (larger === shown) return { verdict: "consistent", fromSize: ours.treeSize, proof };
  return { verdict: "behind", bySize: ours.treeSize - shown.treeSize, sinceSeconds: ageOf(heads) };
}

/**
 * Compares a head with those a witness cosigned: the one of its size, which needs no network, or else the newest.
 * @returns undefined when the witness never cosigned for this log: nothing to compare with.
 * @throws {TlogError} ABORTED, and what the store throws
 */
export async function compareWithWitness(
  { witness, shown, ...shownAt }: { readonly witness: Witness; readonly shown: ComparedHead } & ShownAt,
  log: ComparedLog,
): Promise<HeadComparison | undefined> {
  const newest = await witness.headAt(log.origin);
  if (newest === undefined) return undefined;
  const ofItsSize =
    shown.treeSize < newest.treeSize ? await witness.headAt(log.origin, shown.treeSize) : undefined;
  if (ofItsSize === undefined) return compareHeads({ ours: newest, shown, ...shownAt }, log);
  const comparison = await compareHeads({ ours: ofItsSize, shown, ...shownAt }, log);
  if (comparison.verdict !== "consistent") return comparison;
  const bySize = newest.treeSize - shown.treeSize;
  return { verdict: "behind", bySize, sinceSeconds: ageOf(shownAt) };
}

function ageOf({ cosignedAtSeconds, nowSeconds }: ShownAt): number | undefined {
  return cosignedAtSeconds === undefined ? undefined : Math.max(0, nowSeconds - cosignedAtSeconds);
}

/** A larger tree as it was at a smaller size, and the proof that it was. */
interface EarlierTree {
  readonly fromRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** From the first source whose tiles hash to the root of `larger`. */
async function readTree(
  { larger, fromSize }: { readonly larger: ComparedHead; readonly fromSize: number },
  { tiles: sources, signal }: ComparedLog,
): Promise<EarlierTree | { readonly reason: string }> {
  const sizes = { fromSize, toSize: larger.treeSize };
  let reason = "nobody is known who serves the log's tiles";
  for (const tiles of sources) {
    try {
      return await readConsistency({ tiles, head: larger, signal }, sizes);
    } catch (error) {
      if (!(error instanceof TlogError) || signal.aborted) throw error;
      reason = error.message;
    }
  }
  return { reason };
}

async function convict(
  found: { readonly ours: ComparedHead; readonly shown: ComparedHead; readonly tree?: EarlierTree },
  log: ComparedLog,
): Promise<HeadComparison> {
  const notes = [found.ours.logNote, found.shown.logNote] as const;
  const { proof, fromRoot: alternativeRoot } = found.tree ?? {};
  const finding = proof === undefined || alternativeRoot === undefined ? {} : { proof, alternativeRoot };
  const evidence = await evidenceFromHeads({ ...log, notes, ...finding });
  // Our head may be from a time when the log had a key that it has no more.
  if (evidence === undefined)
    return { verdict: "unproven", reason: "not both heads are signed by a key of the log" };
  return { verdict: "evidence", proof, alternativeRoot, evidence };
}
