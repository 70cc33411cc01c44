/** Keys and histories of one log, for tests. */
import { leafHash } from "../../src/merkle/hash.ts";
import { encodeUtf8 } from "../../src/tlog/encoding.ts";
import {
  formatSigningKey,
  generateSigningKey,
  type KeyType,
  type NoteSigner,
  openSigner,
} from "../../src/tlog/key.ts";
import type { KeyHistory } from "../../src/tlog/key-history.ts";
import { signKeyChange } from "../../src/tlog/sign-key-change.ts";

export const ROTATED = "example.com/rotated";
const AT_SECONDS = 1_795_320_000;

export interface LogKey {
  readonly signingKey: string;
  readonly signer: NoteSigner;
}

/** Always the same key for one number. */
export async function logKey(
  number: number,
  { name = ROTATED, type = 0x01 }: { readonly name?: string; readonly type?: KeyType } = {},
): Promise<LogKey> {
  const seed = new Uint8Array(32).fill(number);
  const signingKey = formatSigningKey(await generateSigningKey({ name, type, seed }));
  return { signingKey, signer: await openSigner(signingKey) };
}

/** What stands for the root of a tree of this size. */
export function rootNamed(treeSize: number): Uint8Array {
  return leafHash(encodeUtf8(`tree ${treeSize}`));
}

/** The history after one more change. */
export function changedTo(
  newKeys: readonly LogKey[],
  from: {
    readonly oldKeys: readonly LogKey[];
    readonly treeSize: number;
    readonly rootHash?: Uint8Array;
    readonly history?: KeyHistory | undefined;
    readonly origin?: string;
  },
): Promise<KeyHistory> {
  const { oldKeys, treeSize, rootHash = rootNamed(treeSize), history, origin = ROTATED } = from;
  const signersOf = (keys: readonly LogKey[]) => keys.map(({ signer }) => signer);
  const sets = { oldSigners: signersOf(oldKeys), newSigners: signersOf(newKeys) };
  return signKeyChange({ origin, atSeconds: AT_SECONDS, treeSize, rootHash, history, ...sets });
}
