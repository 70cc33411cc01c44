/**
 * "bristlecone/tlog-evidence@v1\nkind same-size\norigin example.com/log\nhead 5 CsUY…xq2I=\nhead 5 q2Ix…YUCs=\n": what an evidence file
 * claims, and what its id is the hash of.  spec/fork-evidence.md, format
 */
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import {
  decodeBase64,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
} from "./encoding.ts";
import { ED25519, formatVerifierKey, parseVerifierKey, type VerifierKey } from "./key.ts";

const HEADER = "bristlecone/tlog-evidence@v1";
/** A path in a tree of 2^63 leaves; none is longer. */
const MAX_PROOF_HASHES = 63;
/** The longest statement: two inclusion proofs. */
const MAX_STATEMENT_LINES = 2 * MAX_PROOF_HASHES + 9;

/** What is contradicted, the simplest first. The last two accuse a witness, the others the log. */
export type EvidenceKind =
  | "impossible"
  | "same-size"
  | "cross-size"
  | "leaf"
  | "witness-equivocation"
  | "witness-rollback";

/** What a signed note says of the tree. */
export interface EvidenceHead {
  readonly treeSize: number;
  /** 32 bytes. */
  readonly rootHash: Uint8Array;
}

/** A leaf hash and its RFC 6962 §2.1.1 proof, leaf end first. */
export interface ProvenLeaf {
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

type TwoHeads = readonly [EvidenceHead, EvidenceHead];

/** What cannot be true together. Two heads stand in ascending order: by size, then bytewise by root. */
export type Contradiction =
  /** Size 0 with a root that is not the empty tree's. */
  | { readonly shape: "impossible"; readonly heads: readonly [EvidenceHead] }
  /** One size, two roots. */
  | { readonly shape: "same-size"; readonly heads: TwoHeads }
  /** An RFC 6962 §2.1.2 proof that leads from another root of the smaller size to the larger head. */
  | {
      readonly shape: "cross-size";
      readonly heads: TwoHeads;
      readonly alternativeRoot: Uint8Array;
      readonly proof: readonly Uint8Array[];
    }
  /** Two sizes, two different leaves proven at one index: the first in the smaller tree, the second in the larger. */
  | {
      readonly shape: "leaf";
      readonly heads: TwoHeads;
      readonly leafIndex: number;
      readonly leaves: readonly [ProvenLeaf, ProvenLeaf];
    }
  /** Two sizes, the smaller cosigned later; the times are in the cosignatures. Against a witness only. */
  | { readonly shape: "rollback"; readonly heads: TwoHeads };

/** What the file claims, signatures apart. */
export interface ForkStatement {
  readonly origin: string;
  /** The witness it accuses, of type 0x04 or 0x06 and not named as the origin; undefined: it accuses the log. */
  readonly witness: VerifierKey | undefined;
  readonly contradiction: Contradiction;
}

/** What is hashed for the id: the file up to its first empty line. */
export function formatForkStatement({ origin, witness, contradiction }: ForkStatement): string {
  const lines = [
    HEADER,
    `kind ${kindOf({ witness, contradiction })}`,
    `origin ${origin}`,
    ...(witness === undefined ? [] : [`witness ${formatVerifierKey(witness)}`]),
    ...contradiction.heads.map(
      ({ treeSize, rootHash }) => `head ${formatDecimal(treeSize)} ${encodeBase64(rootHash)}`,
    ),
    ...proofLines(contradiction),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** What identifies the evidence, whoever found it and whatever signatures he kept: SHA-256 of the statement, 64 hex digits. */
export function evidenceId(evidence: ForkStatement): string {
  return encodeHex(sha256(encodeUtf8(formatForkStatement(evidence))));
}

/** The kind: it follows from what is contradicted, and by whom. */
export function kindOf({
  witness,
  contradiction: { shape },
}: Pick<ForkStatement, "witness" | "contradiction">): EvidenceKind {
  if (shape === "rollback") return "witness-rollback";
  return witness === undefined ? shape : "witness-equivocation";
}

/** Negative when `a` stands before `b`: by size, then bytewise by root. 0: the same head. */
export function headOrder(a: EvidenceHead, b: EvidenceHead): number {
  if (a.treeSize !== b.treeSize) return a.treeSize - b.treeSize;
  const at = a.rootHash.findIndex((byte, index) => byte !== b.rootHash[index]);
  return at < 0 ? 0 : (a.rootHash[at] ?? 0) - (b.rootHash[at] ?? 0);
}

function proofLines(contradiction: Contradiction): readonly string[] {
  switch (contradiction.shape) {
    case "cross-size": {
      const { alternativeRoot, proof } = contradiction;
      return [`root ${encodeBase64(alternativeRoot)}`, ...proof.map(encodeBase64)];
    }
    case "leaf": {
      const { leafIndex, leaves } = contradiction;
      const lines = leaves.flatMap(({ leafHash, proof }) => [
        `leaf ${encodeBase64(leafHash)}`,
        ...proof.map(encodeBase64),
      ]);
      return [`index ${formatDecimal(leafIndex)}`, ...lines];
    }
    default:
      return [];
  }
}

/**
 * Parses a statement: the text up to and with its last newline. There is one spelling.
 * @throws {TlogError} EVIDENCE_MALFORMED, and as the parsers of its parts
 */
export function parseForkStatement(text: string): ForkStatement {
  const statement = parseStatement(text);
  // Whatever the parts accept, the whole has one spelling.
  if (formatForkStatement(statement) !== text) throw malformed("the statement is not in its one spelling");
  return statement;
}

function parseStatement(text: string): ForkStatement {
  const [header, kind = "", origin = "", ...lines] = text.slice(0, -1).split("\n", MAX_STATEMENT_LINES + 1);
  if (header !== HEADER) throw malformed(`want the first line ${HEADER}`);
  if (lines.length > MAX_STATEMENT_LINES - 3)
    throw malformed(`want at most ${MAX_STATEMENT_LINES} lines before the notes`);
  const witness = lines[0]?.startsWith("witness ")
    ? parseWitness(lines.shift(), after("origin ", origin))
    : undefined;
  const contradiction = parseContradiction(lines);
  const wanted = kindOf({ witness, contradiction });
  if (after("kind ", kind) !== wanted || (witness === undefined && contradiction.shape === "rollback")) {
    throw malformed(`what stands there is of the kind ${wanted}, got ${JSON.stringify(kind.slice(0, 40))}`);
  }
  return { origin: after("origin ", origin), witness, contradiction };
}

// A log that signs with ML-DSA-44 does so in the cosignature format: under its own name it is no witness.
function parseWitness(line: string | undefined, origin: string): VerifierKey {
  const witness = parseVerifierKey(after("witness ", line));
  if (witness.type === ED25519) throw malformed("want a witness key of type 4 or 6, got 1");
  if (witness.name === origin) throw malformed("the witness is named as the log is");
  return witness;
}

function parseContradiction(lines: readonly string[]): Contradiction {
  const headCount = lines[1]?.startsWith("head ") ? 2 : 1;
  const [first, second] = lines.slice(0, headCount).map(parseHead);
  const [next, ...rest] = lines.slice(headCount);
  if (first === undefined) throw malformed("no head line");
  if (second === undefined) {
    if (next !== undefined) throw malformed("want a second head line");
    return { shape: "impossible", heads: [first] };
  }
  if (headOrder(first, second) >= 0) throw malformed("want the heads in ascending order");
  const heads = [first, second] as const;
  const isOneSize = first.treeSize === second.treeSize;
  if (next === undefined) return isOneSize ? { shape: "same-size", heads } : { shape: "rollback", heads };
  // Two roots of one size say it all: a longer proof of the same fork would be a second id for it.
  if (isOneSize) throw malformed("want nothing after two heads of one size");
  if (next.startsWith("index ")) return parseLeaves(heads, next, rest);
  const alternativeRoot = parseHash(after("root ", next));
  return { shape: "cross-size", heads, alternativeRoot, proof: parseProof(rest) };
}

function parseLeaves(heads: TwoHeads, index: string, lines: readonly string[]): Contradiction {
  const second = lines.findLastIndex((line) => line.startsWith("leaf "));
  const leaves = [parseLeaf(lines.slice(0, second)), parseLeaf(lines.slice(second))] as const;
  return { shape: "leaf", heads, leafIndex: parseDecimal(after("index ", index)), leaves };
}

function parseLeaf([line, ...proof]: readonly string[]): ProvenLeaf {
  return { leafHash: parseHash(after("leaf ", line)), proof: parseProof(proof) };
}

function parseHead(line: string): EvidenceHead {
  const [size = "", root = "", ...rest] = after("head ", line).split(" ", 3);
  if (rest.length > 0) throw malformed("want: head <size> <root>");
  return { treeSize: parseDecimal(size), rootHash: parseHash(root) };
}

function parseProof(lines: readonly string[]): readonly Uint8Array[] {
  if (lines.length > MAX_PROOF_HASHES)
    throw malformed(`want at most ${MAX_PROOF_HASHES} hashes, got ${lines.length}`);
  return lines.map(parseHash);
}

function parseHash(base64: string): Uint8Array {
  const hash = decodeBase64(base64);
  if (hash.length !== HASH_BYTES) throw malformed(`want hashes of ${HASH_BYTES} bytes, got ${hash.length}`);
  return hash;
}

/** @returns what stands behind the prefix. @throws {TlogError} EVIDENCE_MALFORMED */
export function after(prefix: string, line = ""): string {
  if (line.startsWith(prefix)) return line.slice(prefix.length);
  throw malformed(`want a line that starts with "${prefix}", got ${JSON.stringify(line.slice(0, 40))}`);
}

export function malformed(reason: string, cause?: unknown): TlogError {
  return new TlogError("EVIDENCE_MALFORMED", reason, { cause });
}
