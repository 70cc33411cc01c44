/**
 * "bristlecone/tlog-evidence@v1\nkind same-size\norigin example.com/log\nhead 5 CsUY…xq2I=\nhead 5 q2Ix…YUCs=\n", the statement; then
 * "\n", and for each head "note <length in bytes>\n" and its signed note, verbatim. Files end in ".tlog-evidence".
 * spec/fork-evidence.md, format
 */
import { sha256 } from "#crypto";
import { TlogError } from "../errors.ts";
import { HASH_BYTES } from "../merkle/hash.ts";
import { parseCheckpoint } from "./checkpoint-body.ts";
import {
  bytesEqual,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  formatDecimal,
  parseDecimal,
} from "./encoding.ts";
import { ED25519, formatVerifierKey, parseVerifierKey, type VerifierKey } from "./key.ts";
import { parseNote } from "./note.ts";

const HEADER = "bristlecone/tlog-evidence@v1";
/** Two notes of 128 KiB, and room for a statement with a long origin. */
export const MAX_EVIDENCE_BYTES = 512 * 1024;
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

/** An evidence file taken apart; nothing is verified. */
export interface ForkEvidence extends ForkStatement {
  /** The signed note of each head, verbatim, in the order of the heads. */
  readonly notes: readonly Uint8Array[];
}

/**
 * Parses an evidence file; formatForkEvidence(parseForkEvidence(x)) === x. Each note says what its head says.
 * @param evidence - at most 512 KiB; bytes are read as UTF-8.
 * @throws {TlogError} EVIDENCE_MALFORMED
 */
export function parseForkEvidence(evidence: string | Uint8Array): ForkEvidence {
  if (evidence.length > MAX_EVIDENCE_BYTES) throw malformed(`want at most ${MAX_EVIDENCE_BYTES} bytes`);
  try {
    return parseBytes(typeof evidence === "string" ? encodeUtf8(evidence) : evidence);
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.code === "EVIDENCE_MALFORMED") throw cause;
    throw malformed(cause.message, cause);
  }
}

/**
 * The evidence file's text.
 * @throws {TlogError} EVIDENCE_MALFORMED when it could not be read back, for example for a note that does not say what its head says
 */
export function formatForkEvidence(evidence: ForkEvidence): string {
  const notes = evidence.notes.map((note) => `note ${formatDecimal(note.length)}\n${decodeUtf8(note)}`);
  const text = `${formatForkStatement(evidence)}\n${notes.join("")}`;
  parseForkEvidence(text);
  return text;
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
export function compareHeads(a: EvidenceHead, b: EvidenceHead): number {
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

function parseBytes(bytes: Uint8Array): ForkEvidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw malformed(`want at most ${MAX_EVIDENCE_BYTES} bytes`);
  const end = bytes.findIndex((byte, at) => byte === NEWLINE && bytes[at + 1] === NEWLINE) + 1;
  if (end === 0) throw malformed("no empty line after the statement");
  const text = decodeUtf8(bytes.subarray(0, end));
  const statement = parseStatement(text);
  // Whatever the parts accept, the whole has one spelling.
  if (formatForkStatement(statement) !== text) throw malformed("the statement is not in its one spelling");
  const notes = cutNotes(bytes.subarray(end + 1), statement.contradiction.heads.length);
  for (const [at, head] of statement.contradiction.heads.entries()) {
    assertSaysSo(notes[at] ?? new Uint8Array(0), { origin: statement.origin, ...head });
  }
  return { ...statement, notes };
}

const NEWLINE = 0x0a;

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
  if (compareHeads(first, second) >= 0) throw malformed("want the heads in ascending order");
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

function cutNotes(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const notes: Uint8Array[] = [];
  let rest = bytes;
  for (let at = 0; at < count; at++) {
    const end = rest.subarray(0, 20).indexOf(NEWLINE);
    if (end < 0) throw malformed("want: note <length>");
    const start = end + 1;
    const length = parseDecimal(after("note ", decodeUtf8(rest.subarray(0, end))));
    if (start + length > rest.length) throw malformed("a note is cut short");
    notes.push(rest.slice(start, start + length));
    rest = rest.subarray(start + length);
  }
  if (rest.length > 0) throw malformed("want nothing after the notes");
  return notes;
}

function assertSaysSo(note: Uint8Array, head: EvidenceHead & { readonly origin: string }): void {
  const { origin, treeSize, rootHash } = parseCheckpoint(decodeUtf8(parseNote(note).text));
  if (origin !== head.origin || treeSize !== head.treeSize || !bytesEqual(rootHash, head.rootHash)) {
    throw malformed(`the note of size ${treeSize} does not say what its head line says`);
  }
}

function after(prefix: string, line = ""): string {
  if (line.startsWith(prefix)) return line.slice(prefix.length);
  throw malformed(`want a line that starts with "${prefix}", got ${JSON.stringify(line.slice(0, 40))}`);
}

function malformed(reason: string, cause?: unknown): TlogError {
  return new TlogError("EVIDENCE_MALFORMED", reason, { cause });
}
