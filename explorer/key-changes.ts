/** How the log's keys changed, from its own history: each change is signed by the keys before it, and names a tree that this one continues. */
import { type CheckpointMemory, type LogClient, type LogHead, TlogError } from "../client/index.ts";
import {
  emptyRootHash,
  type Fetcher,
  formatVerifierKey,
  hashesEqual,
  type VerifierKey,
} from "../client/inspect.ts";
import type { PageTrust } from "./trust.ts";

export interface ChangedKeys {
  readonly treeSize: number;
  /** By the log's clock. */
  readonly atSeconds: number;
  readonly oldKeys: readonly VerifierKey[];
  readonly newKeys: readonly VerifierKey[];
  /** The tree begins with the one that the change names. */
  readonly isInTree: boolean;
}

interface Asked {
  readonly fetcher: Fetcher;
  readonly memory: CheckpointMemory;
  /** The log says that there is a history; where it says nothing, what the client learnt counts. */
  readonly isShown: boolean;
  readonly head: LogHead;
  readonly trust: PageTrust;
  readonly client: LogClient;
}

/** @returns none where the log shows none, or none that its keys signed. */
export async function readChangedKeys(asked: Asked): Promise<readonly ChangedKeys[]> {
  const { fetcher, memory, isShown, head, trust, client } = asked;
  try {
    const { KEY_HISTORY_PATH, MAX_KEY_HISTORY_BYTES, openKeyHistory } = await import(
      "../client/key-history.ts"
    );
    const request = { path: KEY_HISTORY_PATH, maxBytes: MAX_KEY_HISTORY_BYTES };
    // Where a client keeps what it followed.
    const history = isShown ? (await fetcher.request(request)).body : await memory.load(`${trust.origin}\n`);
    if (history === undefined) return [];
    const trusted = trust.policy.logs.map(({ key }) => key).filter(({ name }) => name === trust.origin);
    const { changes } = await openKeyHistory({ history, origin: trust.origin, trusted });
    const shown: ChangedKeys[] = [];
    for (const { treeSize, atSeconds, oldKeys, newKeys, rootHash } of changes) {
      if (treeSize > head.treeSize) continue;
      const root = await rootAt(client, head, treeSize);
      shown.push({ treeSize, atSeconds, oldKeys, newKeys, isInTree: hashesEqual(root, rootHash) });
    }
    return shown;
  } catch (error) {
    // No history, as most logs; or, a TypeError, the file that reads it is not there.
    if (error instanceof TlogError || error instanceof TypeError) return [];
    throw error;
  }
}

/** Of the tree of this size that the head's tree begins with. @throws {TlogError} as {@link LogClient.consistency} */
export async function rootAt(client: LogClient, head: LogHead, treeSize: number): Promise<Uint8Array> {
  if (treeSize === 0) return emptyRootHash();
  if (treeSize === head.treeSize) return head.rootHash;
  return (await client.consistency({ fromSize: treeSize, toSize: head.treeSize })).fromRoot;
}

/** "example.com/log+530d903a" */
export function keyName(key: VerifierKey): string {
  return formatVerifierKey(key).split("+", 2).join("+");
}
