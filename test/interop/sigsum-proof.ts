/**
 * Sigsum's proofs, and receipts as c2sp.org/tlog-proof has them: the same statement in two texts.
 * sigsum-go, doc/sigsum-proof.md, version 2
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { formatCheckpoint, parseCheckpoint } from "../../src/tlog/checkpoint-body.ts";
import {
  COSIGNATURE_V1,
  decodeTimestampedSignature,
  encodeTimestampedSignature,
} from "../../src/tlog/cosignature.ts";
import {
  concatBytes,
  decodeHex,
  decodeUtf8,
  encodeHex,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
} from "../../src/tlog/encoding.ts";
import type { VerifierKey } from "../../src/tlog/key.ts";
import { formatNote, noteSignature, parseNote } from "../../src/tlog/note.ts";
import { formatTlogProof, parseTlogProof } from "../../src/tlog/proof.ts";

/** 128 bytes: what a Sigsum log holds. */
export interface SigsumLeaf {
  /** SHA-256 of the message. */
  readonly checksum: Uint8Array;
  readonly signature: Uint8Array;
  /** SHA-256 of the submitter's key. */
  readonly keyHash: Uint8Array;
}

export function encodeLeaf({ checksum, signature, keyHash }: SigsumLeaf): Uint8Array {
  return concatBytes(checksum, signature, keyHash);
}

interface Parties {
  readonly logKey: VerifierKey;
  /** Of type 0x04. A Sigsum proof does not name it, for it identifies keys by their hash. */
  readonly witnessKey: VerifierKey;
}

/** @returns the receipt, and the leaf without its checksum, which a proof does not hold */
export function receiptOf(
  proof: string,
  { logKey, witnessKey }: Parties,
): { readonly receipt: string; readonly leaf: Omit<SigsumLeaf, "checksum"> } {
  const [head = [], tree = [], inclusion = []] = proof.trimEnd().split("\n\n").map(linesOf);
  const checkpoint = formatCheckpoint({
    origin: logKey.name,
    treeSize: parseDecimal(onlyValueOf(tree, "size")),
    rootHash: decodeHex(onlyValueOf(tree, "root_hash")),
    extensions: [],
  });
  const cosignatures = valuesOf(tree, "cosignature").map((value) => {
    const [keyHash = "", time = "", signature = ""] = value.split(" ");
    if (keyHash !== encodeHex(sha256(witnessKey.publicKey)))
      throw new Error("a cosignature of another witness");
    const timestampSeconds = parseDecimal(time);
    const payload = encodeTimestampedSignature({ timestampSeconds, signature: decodeHex(signature) });
    return noteSignature(witnessKey, payload);
  });
  const [keyHash = "", signature = ""] = onlyValueOf(head, "leaf").split(" ");
  return {
    receipt: formatTlogProof({
      leafIndex: parseDecimal(valuesOf(inclusion, "leaf_index")[0] ?? "0"),
      proof: valuesOf(inclusion, "node_hash").map(decodeHex),
      checkpoint: formatNote({
        text: encodeUtf8(checkpoint),
        signatures: [noteSignature(logKey, decodeHex(onlyValueOf(tree, "signature"))), ...cosignatures],
      }),
    }),
    leaf: { keyHash: decodeHex(keyHash), signature: decodeHex(signature) },
  };
}

/** The other way round: of a receipt of a log that holds such leaves, under an origin as Sigsum's logs have. */
export function proofOf(receipt: string, leaf: SigsumLeaf, { logKey, witnessKey }: Parties): string {
  const { leafIndex, proof, checkpoint } = parseTlogProof(receipt);
  const note = parseNote(checkpoint);
  const { treeSize, rootHash } = parseCheckpoint(decodeUtf8(note.text));
  const payloadOf = ({ name, keyId }: VerifierKey) => {
    const line = note.signatures.find((line) => line.name === name && line.keyId === keyId);
    if (line === undefined) throw new Error(`no signature by ${name}`);
    return line.payload;
  };
  const { timestampSeconds, signature } = decodeTimestampedSignature(COSIGNATURE_V1, payloadOf(witnessKey));
  const cosigner = encodeHex(sha256(witnessKey.publicKey));
  return [
    "version=2",
    `log=${encodeHex(sha256(logKey.publicKey))}`,
    `leaf=${encodeHex(leaf.keyHash)} ${encodeHex(leaf.signature)}`,
    "",
    `size=${formatDecimal(treeSize)}`,
    `root_hash=${encodeHex(rootHash)}`,
    `signature=${encodeHex(payloadOf(logKey))}`,
    `cosignature=${cosigner} ${formatDecimal(timestampSeconds)} ${encodeHex(signature)}`,
    "",
    `leaf_index=${formatDecimal(leafIndex)}`,
    ...proof.map((hash) => `node_hash=${encodeHex(hash)}`),
    "",
  ].join("\n");
}

type Line = readonly [key: string, value: string];

function linesOf(block: string): Line[] {
  return block.split("\n").map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
}

function valuesOf(lines: readonly Line[], key: string): string[] {
  return lines.filter(([name]) => name === key).map(([, value]) => value);
}

function onlyValueOf(lines: readonly Line[], key: string): string {
  const [value] = valuesOf(lines, key);
  if (value === undefined) throw new Error(`no line ${key}`);
  return value;
}
