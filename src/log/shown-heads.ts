/** Holds what is shown elsewhere with this log's signature against what storage holds: before the first signature, and while the log runs. */
import { TlogError } from "../errors.ts";
import type { LogEvents } from "../events.ts";
import { hashesEqual } from "../merkle/hash.ts";
import { encodeBase64 } from "../tlog/encoding.ts";
import {
  type AskedSources,
  askSources,
  type HeadSource,
  type OwnLog,
  type ShownHead,
} from "./head-sources.ts";

/** A tree that shown heads are compared with. */
export interface ComparedTree {
  readonly treeSize: number;
  /** At any size up to `treeSize`. */
  rootAt(treeSize: number): Promise<Uint8Array>;
}

/** What an opening learns from others. */
export interface LearntHeads {
  /** Signed by this log and part of the tree, largest first. */
  readonly shown: readonly ShownHead[];
  /** The largest that readers of the log may have seen. */
  readonly servedSize: number;
  /** Witnesses that have nothing to show. */
  readonly empty: readonly HeadSource[];
}

/**
 * Asks everybody who shows heads of this log, before anything is signed. Who says nothing is told as a warning, HEAD_SOURCE_SILENT.
 * @throws {TlogError} LOG_ROLLED_BACK (somebody shows more than the tree holds) | LOG_CONTRADICTED (another root at a size)
 */
export async function learnShownHeads(
  sources: readonly HeadSource[],
  own: OwnLog,
  { tree, events }: { readonly tree: ComparedTree; readonly events: Required<LogEvents> },
): Promise<LearntHeads> {
  if (sources.length === 0) return { servedSize: 0, shown: [], empty: [] };
  const asked = await askSources(sources, own, new AbortController().signal);
  warnOfSilence(asked, sources.length, events);
  const shown = await partsOfTree(bySize(asked.shown), tree, events);
  const servedSize = Math.max(0, ...shown.flatMap((head) => (head.isServed ? [head.treeSize] : [])));
  return { servedSize, shown, empty: asked.empty };
}

/** @throws {TlogError} LOG_ROLLED_BACK | LOG_CONTRADICTED, for the one that says most */
async function partsOfTree(
  shown: readonly ShownHead[],
  tree: ComparedTree,
  events: Required<LogEvents>,
): Promise<readonly ShownHead[]> {
  const parts: ShownHead[] = [];
  const refuse = (head: ShownHead, error: TlogError): void => {
    if (!head.isDoubtful) throw error;
    tellDoubtful(error, events);
  };
  const larger = shown.filter(({ treeSize }) => treeSize > tree.treeSize);
  for (const head of larger) refuse(head, new LogRolledBackError(head, tree.treeSize));
  for (const head of shown) {
    if (larger.includes(head)) continue;
    const rootHash = await tree.rootAt(head.treeSize);
    if (hashesEqual(head.rootHash, rootHash)) parts.push(head);
    else refuse(head, contradicted(head, rootHash));
  }
  return parts;
}

/** What a key that was replaced, or leaked, signed for somebody else: evidence against its holder, and no reason to stop. */
export function tellDoubtful({ message }: TlogError, events: Pick<LogEvents, "warning">): void {
  events.warning?.({
    code: "KEY_MISUSED",
    message: `${message}; a key that leaked, or was replaced, signed it`,
  });
}

/** LOG_ROLLED_BACK: what was signed and is not here. */
export class LogRolledBackError extends TlogError {
  readonly shown: ShownHead;

  constructor(shown: ShownHead, heldSize: number) {
    const missing = shown.treeSize - heldSize;
    const entries = missing === 1 ? "1 entry is" : `${missing} entries are`;
    super(
      "LOG_ROLLED_BACK",
      `${shown.source} shows size ${shown.treeSize}, signed with this log's key, and this data directory has ${heldSize}: ${entries} missing here`,
    );
    this.shown = shown;
  }
}

export function contradicted({ source, treeSize, rootHash }: ShownHead, held: Uint8Array): TlogError {
  return new TlogError(
    "LOG_CONTRADICTED",
    `at size ${treeSize} ${source} shows the root ${encodeBase64(rootHash)}, signed with this log's key, and this data directory has ${encodeBase64(held)}: these are two histories`,
  );
}

function warnOfSilence({ silent }: AskedSources, asked: number, events: Required<LogEvents>): void {
  if (silent.length === 0) return;
  const reasons = silent.map(({ source, message }) => `${source} (${message})`).join(", ");
  events.warning({
    code: "HEAD_SOURCE_SILENT",
    message: `${silent.length} of ${asked} places that show this log's heads did not tell what was signed, and the log goes on without their word: ${reasons}`,
  });
}

/** Largest first. */
function bySize(shown: readonly ShownHead[]): readonly ShownHead[] {
  return [...shown].sort((one, other) => other.treeSize - one.treeSize);
}
