/**
 * "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n": origin, tree size, root hash, and
 * extension lines if any.  c2sp.org/tlog-checkpoint, note text
 */
import { TlogError } from "../errors.ts";
import { assertHash, HASH_BYTES } from "../merkle/hash.ts";
import { decodeBase64, encodeBase64, formatDecimal, parseDecimal } from "./encoding.ts";

/** What a checkpoint says. Says, not proves: see `openCheckpoint`. */
export interface Checkpoint {
  /** The log's identity; not necessarily a URL, and spaces are legal ("go.sum database tree"). */
  readonly origin: string;
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
  /** Opaque lines without their newlines; normally none. */
  readonly extensions: readonly string[];
}

/**
 * Parses a checkpoint's text, signatures not included; formatCheckpoint(parseCheckpoint(x)) === x.
 * @throws {TlogError} CHECKPOINT_MALFORMED | NUMBER_TOO_LARGE (a tree size above 2^53 − 1)
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  if (lines.pop() !== "")
    throw new TlogError("CHECKPOINT_MALFORMED", "the last line does not end with a newline");
  const [origin, size, root, ...extensions] = lines;
  if (origin === undefined || size === undefined || root === undefined) {
    throw new TlogError("CHECKPOINT_MALFORMED", `want at least 3 lines, got ${lines.length}`);
  }
  if (lines.includes(""))
    throw new TlogError("CHECKPOINT_MALFORMED", `line ${lines.indexOf("") + 1} is empty`);
  return { origin, treeSize: parseTreeSize(size), rootHash: parseRootHash(root), extensions };
}

/** @throws {TlogError} ARGUMENT_INVALID when a line would be empty or hold a newline, or the root hash is not 32 bytes. */
export function formatCheckpoint({ origin, treeSize, rootHash, extensions }: Checkpoint): string {
  for (const line of [origin, ...extensions]) {
    if (line === "" || line.includes("\n")) {
      throw new TlogError("ARGUMENT_INVALID", `want a non-empty line, got ${JSON.stringify(line)}`);
    }
  }
  if (rootHash.length !== HASH_BYTES) {
    throw new TlogError("ARGUMENT_INVALID", `rootHash: want ${HASH_BYTES} bytes, got ${rootHash.length}`);
  }
  return [origin, formatDecimal(treeSize), encodeBase64(rootHash), ...extensions]
    .map((line) => `${line}\n`)
    .join("");
}

function parseTreeSize(line: string): number {
  try {
    return parseDecimal(line);
  } catch (cause) {
    if (cause instanceof TlogError && cause.code === "NUMBER_TOO_LARGE") throw cause;
    throw new TlogError("CHECKPOINT_MALFORMED", "the second line is not a tree size", { cause });
  }
}

function parseRootHash(line: string): Uint8Array {
  try {
    const rootHash = decodeBase64(line);
    assertHash("root hash", rootHash);
    return rootHash;
  } catch (cause) {
    throw new TlogError(
      "CHECKPOINT_MALFORMED",
      `the third line is not a root hash: ${JSON.stringify(line)}`,
      { cause },
    );
  }
}
