/**
 * "subtree 8 13\n" + base64(hash) + at most 63 lines of base64(hash) + "\n" + a checkpoint the witness cosigned; answered by
 * signature lines (`parseCosignatureLines`).  c2sp.org/tlog-witness, sign-subtree
 */
import { TlogError } from "../errors.ts";
import type { Subtree } from "../merkle/coordinates.ts";
import { isValidSubtree } from "../merkle/subtree.ts";
import { formatDecimal } from "./encoding.ts";
import {
  formatHashLine,
  formatProofLines,
  joinWitnessRequest,
  MAX_PROOF_LINES,
  malformed,
  parseHashLine,
  parseRequestSize,
  splitWitnessRequest,
} from "./witness-request.ts";

/** What somebody asks a witness that cosigned a tree: to sign a part of it. */
export interface SignSubtreeRequest extends Subtree {
  /** The subtree's root hash: 32 bytes. */
  readonly hash: Uint8Array;
  /** The consistency proof from the subtree to the checkpoint: at most 63 hashes of 32 bytes. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: Uint8Array;
}

/**
 * Parses the request; formatSignSubtree(parseSignSubtree(x)) is x. The checkpoint itself is not looked at, so that its size is
 * large enough is for the caller to check.
 * @throws {TlogError} REQUEST_MALFORMED, and nothing else: also when [start, end) is no valid subtree
 */
export function parseSignSubtree(body: Uint8Array): SignSubtreeRequest {
  const { lines, checkpoint } = splitWitnessRequest(body, 2 + MAX_PROOF_LINES);
  const [range = "", hash, ...proof] = lines;
  if (hash === undefined) throw malformed("want a subtree line and a hash line");
  const subtree = parseRange(range);
  return { ...subtree, hash: parseHashLine(hash), proof: proof.map(parseHashLine), checkpoint };
}

/** @throws {TlogError} ARGUMENT_INVALID (no valid subtree, more than 63 hashes, more than 128 KiB) | HASH_MALFORMED */
export function formatSignSubtree({ start, end, hash, proof, checkpoint }: SignSubtreeRequest): Uint8Array {
  if (!isValidSubtree({ start, end })) {
    throw new TlogError("ARGUMENT_INVALID", `leaves [${start}, ${end}) are no subtree`);
  }
  const range = `subtree ${formatDecimal(start)} ${formatDecimal(end)}`;
  return joinWitnessRequest({
    lines: [range, formatHashLine(hash), ...formatProofLines(proof)],
    checkpoint,
  });
}

function parseRange(line: string): Subtree {
  const [word, first, second, ...rest] = line.split(" ");
  if (word !== "subtree" || first === undefined || second === undefined || rest.length > 0) {
    throw malformed("want the line: subtree start end");
  }
  const subtree = { start: parseRequestSize(first), end: parseRequestSize(second) };
  if (isValidSubtree(subtree)) return subtree;
  throw malformed(`leaves [${subtree.start}, ${subtree.end}) are no subtree`);
}
