/** Logs and witnesses that can fork, for the tests of fork evidence: deterministic, small, made with the naive tree. */
import { formatCheckpoint } from "../../src/tlog/checkpoint.ts";
import type { NoteSigner } from "../../src/tlog/key.ts";
import { signNote } from "../../src/tlog/note.ts";
import { formatTlogProof } from "../../src/tlog/proof.ts";
import { leafHashOf, ReferenceTree } from "../reference/merkle.ts";
import { testSigner, utf8 } from "./signers.ts";

export const ORIGIN = "log.example/fork";
export const WITNESS = "witness.example";

/** One history: the entries are the decimal texts of 0, 1, 2, …, but "evil" and the index from `forkAt` on. */
export function history(size: number, forkAt = size): ReferenceTree {
  const entry = (index: number) => utf8(index < forkAt ? `${index}` : `evil ${index}`);
  return new ReferenceTree(Array.from({ length: size }, (_, index) => leafHashOf(entry(index))));
}

/** The signed checkpoint of the first `size` entries. */
export function checkpointOf(
  tree: ReferenceTree,
  size: number,
  signers: readonly NoteSigner[],
  more: {
    readonly origin?: string;
    readonly extensions?: readonly string[];
    readonly rootHash?: Uint8Array;
  } = {},
): Promise<Uint8Array> {
  const { origin = ORIGIN, extensions = [], rootHash = tree.root(size) } = more;
  return signNote(utf8(formatCheckpoint({ origin, treeSize: size, rootHash, extensions })), signers);
}

/** The receipt of an entry in the tree of the first `size` entries. */
export async function receiptOf(
  tree: ReferenceTree,
  { leafIndex, size }: { readonly leafIndex: number; readonly size: number },
  signers: readonly NoteSigner[],
): Promise<string> {
  const checkpoint = await checkpointOf(tree, size, signers);
  return formatTlogProof({ leafIndex, proof: tree.path(leafIndex, 0, size), checkpoint });
}

export const logSigner = (): Promise<NoteSigner> => testSigner(ORIGIN);
/** A witness's signer at a time. */
export const witnessAt = (time: number, type: 4 | 6 = 4): Promise<NoteSigner> =>
  testSigner(WITNESS, type, 9, time);
